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
import { parseObjectInPieces } from "./decode/json-in-pieces.ts";
import { mediaType } from "./media-types.ts";

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

/** As `fromPage`, in pieces, with a turn before each. For bodies of many resources. */
export const fromPageInPieces = async (
  body: Buffer,
  type: string,
  turn: () => Promise<void>,
): Promise<CollectionPage> => pageOf(await parseObjectInPieces(body, turn), type);

function pageOf(envelope: JsonObject, type: string, variants?: CollectionVariants): CollectionPage {
  const metadata = metadataOf(envelope, variants?.isMetadataListed ?? false);
  const collectionType = own(metadata, "collectionType");
  if (![type, mediaType.collection, variants?.type ?? type].some((one) => one === collectionType)) {
    throw badResponseError("collectionType is that of another collection");
  }
  const total = optionalInt32(metadata, "collectionTotal");
  const given = own(envelope, "resources");
  if (given === undefined && (total ?? 0) !== 0) {
    throw badResponseError("resources is missing although collectionTotal is not 0");
  }
  const resources = given ?? [];
  if (!Array.isArray(resources)) throw badResponseError("resources is not a list");
  if (total !== undefined && total < resources.length) {
    throw badResponseError("resources are more than collectionTotal");
  }
  return {
    resources: resources.map((resource: unknown) => toObject(resource, "a resource")),
    total,
    totalCount: optionalInt32(metadata, "totalCount"),
    isIncomplete: optionalBoolean(metadata, "incompleteSearch") ?? false,
  };
}

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
