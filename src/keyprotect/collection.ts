/** The envelope around resources, in requests and responses. */
import { badResponseError } from "./error.ts";
import {
  optionalBoolean,
  optionalInt32,
  own,
  parseObject,
  toObject,
  type JsonObject,
} from "./decode/json.ts";
import { parseObjectInPieces, type EntryTaker } from "./decode/json-in-pieces.ts";
import { mediaType } from "./media-types.ts";
import { mapInPieces } from "../platform/pieces/piece-queue.ts";

/** Puts resources into the envelope of a request. */
export function toCollection(type: string, resources: readonly object[]): object {
  return { metadata: { collectionType: type, collectionTotal: resources.length }, resources };
}

/** Forms of a collection that a dialect has beside the usual one. */
export interface CollectionVariants {
  /** A further `collectionType`. */
  readonly type: string;
  /** Whether `metadata` may be a list of one object. */
  readonly isMetadataListed: boolean;
}

/** A collection that may be a page of a longer list. */
export interface CollectionPage {
  readonly resources: readonly JsonObject[];
  /**
   * `collectionTotal`; `undefined` if it is absent. Key Protect documents it as the number of
   * `resources`. A larger one is the length of the whole list, or the page was truncated.
   */
  readonly total: number | undefined;
  /** `totalCount`: the length of the whole list, if the request asked for it. */
  readonly totalCount: number | undefined;
  /** `incompleteSearch`: whether the upstream gave a search up. */
  readonly isIncomplete: boolean;
}

/**
 * Reads the resources of a collection of `type`, or of the generic type of 2019, or in one of the
 * given variants. Throws `BAD_RESPONSE` for anything else, and for another number of resources than
 * `collectionTotal`. An empty collection may omit `resources`.
 */
export function fromCollection(
  body: Buffer,
  type: string,
  variants?: CollectionVariants,
): readonly JsonObject[] {
  const { resources, total } = fromPage(body, type, variants);
  if (total !== undefined && total !== resources.length) {
    throw badResponseError("resources are fewer than collectionTotal");
  }
  return resources;
}

/** As `fromCollection`, for a page: `collectionTotal` may exceed the number of resources. */
export function fromPage(
  body: Buffer,
  type: string,
  variants?: CollectionVariants,
): CollectionPage {
  return pageOf(parseObject(body), type, variants);
}

/** How a page is read in pieces. */
export interface PageReading<T> {
  /** The most resources that the page may have. */
  readonly limit: number;
  /** How many resources are decoded in one piece. */
  readonly size: number;
  readonly turn: () => Promise<void>;
  readonly decode: (resource: JsonObject) => T;
}

/** A page whose resources are decoded. */
export interface DecodedPage<T> extends Omit<CollectionPage, "resources"> {
  readonly items: T[];
}

/**
 * As `fromPage`, in pieces, with a turn before each. The resources of a long page are decoded as
 * they are parsed: if the JSON of all of them stayed until then, each garbage collection meanwhile
 * would copy it. Also throws `BAD_RESPONSE` for more resources than `limit`, and what `decode`
 * throws.
 */
export async function fromPageInPieces<T>(
  body: Buffer,
  type: string,
  reading: PageReading<T>,
): Promise<DecodedPage<T>> {
  const { limit, size, turn, decode } = reading;
  let latest: DecodedResources<T> | undefined;
  const envelope = await parseObjectInPieces(body, turn, {
    name: "resources",
    open: () => {
      latest = new DecodedResources(reading);
      return latest;
    },
  });
  const { given, ...facts } = factsOf(envelope, type);
  const decoded = given === latest ? latest : undefined;
  const resources = decoded === undefined ? listOf(given, facts.total) : [];
  const count = decoded?.count ?? resources.length;
  checkCount(count, facts.total);
  if (count > limit) throw badResponseError("resources has more entries than requested");
  const items =
    decoded?.items() ??
    (await mapInPieces(resources, size, turn, (entry) => decode(toResource(entry))));
  return { ...facts, items };
}

/** The most resources of a long page that are decoded in the turn in which they are parsed. */
const groupSize = 128;

/** Decodes the resources of a page as they are parsed. */
class DecodedResources<T> implements EntryTaker {
  readonly #reading: PageReading<T>;
  #items: T[] = [];
  /** The error of the first wrong resource. It counts only if the rest of the body is JSON. */
  #failure: { readonly error: unknown } | undefined;
  count = 0;

  constructor(reading: PageReading<T>) {
    this.#reading = reading;
  }

  async take(entries: readonly unknown[]): Promise<void> {
    const { limit, turn, decode } = this.#reading;
    this.count += entries.length;
    if (this.count > limit || this.#failure !== undefined) return;
    try {
      const read = (entry: unknown): T => decode(toResource(entry));
      for (const item of await mapInPieces(entries, groupSize, turn, read)) this.#items.push(item);
    } catch (error) {
      this.#failure = { error };
    }
  }

  /** The resources. Throws what decoding one threw. */
  items(): T[] {
    if (this.#failure !== undefined) throw this.#failure.error;
    return this.#items;
  }
}

function pageOf(envelope: JsonObject, type: string, variants?: CollectionVariants): CollectionPage {
  const { given, ...facts } = factsOf(envelope, type, variants);
  const resources = listOf(given, facts.total);
  checkCount(resources.length, facts.total);
  return { ...facts, resources: resources.map(toResource) };
}

/** The facts about a page, and its `resources` as they are given. */
interface PageFacts extends Omit<CollectionPage, "resources"> {
  readonly given: unknown;
}

function factsOf(envelope: JsonObject, type: string, variants?: CollectionVariants): PageFacts {
  const metadata = metadataOf(envelope, variants?.isMetadataListed ?? false);
  const collectionType = own(metadata, "collectionType");
  if (![type, mediaType.collection, variants?.type ?? type].some((one) => one === collectionType)) {
    throw badResponseError("collectionType is that of another collection");
  }
  return {
    given: own(envelope, "resources"),
    total: optionalInt32(metadata, "collectionTotal"),
    totalCount: optionalInt32(metadata, "totalCount"),
    isIncomplete: optionalBoolean(metadata, "incompleteSearch") ?? false,
  };
}

function listOf(given: unknown, total: number | undefined): readonly unknown[] {
  if (given === undefined && (total ?? 0) !== 0) {
    throw badResponseError("resources is missing although collectionTotal is not 0");
  }
  const resources = given ?? [];
  if (!Array.isArray(resources)) throw badResponseError("resources is not a list");
  return resources;
}

function checkCount(count: number, total: number | undefined): void {
  if (total !== undefined && total < count) {
    throw badResponseError("resources are more than collectionTotal");
  }
}

const toResource = (entry: unknown): JsonObject => toObject(entry, "a resource");

function metadataOf(envelope: JsonObject, mayBeListed: boolean): JsonObject {
  const metadata = own(envelope, "metadata");
  const isListed = mayBeListed && Array.isArray(metadata) && metadata.length === 1;
  return toObject(isListed ? metadata[0] : metadata, "metadata");
}

/** Reads the one resource of a collection. Throws `BAD_RESPONSE` for none or several. */
export function fromSingleton(body: Buffer, type: string): JsonObject {
  const [resource, ...others] = fromCollection(body, type);
  if (resource === undefined || others.length > 0) {
    throw badResponseError("resources does not contain exactly one resource");
  }
  return resource;
}
