import { badResponseError } from "./error.ts";
import { own, parseJson, toObject, type JsonObject } from "./decode/json.ts";
import { mediaType } from "./media-types.ts";

/** The envelope around resources, in both directions. */
export function toCollection(type: string, resources: readonly object[]): object {
  return { metadata: { collectionType: type, collectionTotal: resources.length }, resources };
}

/**
 * The resources of an answer that has to be a collection of `type`, or of the generic type of 2019. An empty collection
 * omits `resources` altogether, so that it is told from a truncated one by `collectionTotal`.
 */
export function fromCollection(body: Buffer, type: string): readonly JsonObject[] {
  const envelope = toObject(parseJson(body), "the body");
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

/** The resource of an answer that has to hold exactly one. */
export function fromSingleton(body: Buffer, type: string): JsonObject {
  const [resource, ...others] = fromCollection(body, type);
  if (resource === undefined || others.length > 0) {
    throw badResponseError("resources does not hold exactly one resource");
  }
  return resource;
}
