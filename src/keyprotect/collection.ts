/** The envelope around resources, in requests and responses. */
import { badResponseError } from "./error.ts";
import { own, parseObject, toObject, type JsonObject } from "./decode/json.ts";
import { mediaType } from "./media-types.ts";

/** Puts resources into the envelope of a request. */
export function toCollection(type: string, resources: readonly object[]): object {
  return { metadata: { collectionType: type, collectionTotal: resources.length }, resources };
}

/**
 * Reads the resources of a collection of `type`, or of the generic type of 2019. Throws
 * `BAD_RESPONSE` for anything else. An empty collection may omit `resources`; a truncated one
 * differs from it by a `collectionTotal` other than 0.
 */
export function fromCollection(body: Buffer, type: string): readonly JsonObject[] {
  const envelope = parseObject(body);
  const metadata = toObject(own(envelope, "metadata"), "metadata");
  const collectionType = own(metadata, "collectionType");
  if (collectionType !== type && collectionType !== mediaType.collection) {
    throw badResponseError("collectionType is that of another collection");
  }
  const resources = own(envelope, "resources");
  if (resources === undefined) {
    const total = own(metadata, "collectionTotal") ?? 0;
    if (total !== 0)
      throw badResponseError("resources is missing although collectionTotal is not 0");
    return [];
  }
  if (!Array.isArray(resources)) throw badResponseError("resources is not a list");
  return resources.map((resource: unknown) => toObject(resource, "a resource"));
}

/** Reads the one resource of a collection. Throws `BAD_RESPONSE` for none or several. */
export function fromSingleton(body: Buffer, type: string): JsonObject {
  const [resource, ...others] = fromCollection(body, type);
  if (resource === undefined || others.length > 0) {
    throw badResponseError("resources does not contain exactly one resource");
  }
  return resource;
}
