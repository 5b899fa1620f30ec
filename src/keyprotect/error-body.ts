/** Tells whether Key Protect itself wrote an error response. A proxy's page can have any status. */
import { isUtf8 } from "node:buffer";
import type { UpstreamResponse } from "../upstream/layer.ts";
import { isObject, own } from "./decode/json.ts";

/**
 * Larger error bodies are not parsed, in bytes. A real one has a few hundred; a larger one is a
 * proxy's page.
 */
const largestErrorBody = 65_536;

/**
 * The `resources` of Key Protect's error body, which both API dialects have. `undefined` for any
 * other body: an empty one, a page, another server's JSON, or a body without a resource.
 */
export function errorResources(body: Buffer): readonly unknown[] | undefined {
  if (body.length === 0 || body.length > largestErrorBody || !isUtf8(body)) return undefined;
  try {
    const envelope: unknown = JSON.parse(body.toString("utf8"));
    const resources = isObject(envelope) ? own(envelope, "resources") : undefined;
    return Array.isArray(resources) && resources.length > 0 ? resources : undefined;
  } catch {
    return undefined;
  }
}

/** Whether an error response has Key Protect's error body, so that no proxy wrote it. */
export const hasErrorBody = ({ body }: UpstreamResponse): boolean =>
  errorResources(body) !== undefined;

/** `application/json`, and the media types of Key Protect, which end with `+json`. */
const jsonType = /^application\/(?:[a-z0-9.!#$&^_-]+\+)?json\s*(?:;|$)/i;

/**
 * Whether the answer to a HEAD, which has no body, can be Key Protect's: it names the type of the
 * body that it would have. Pages name `text/html`, and bare answers no type.
 */
export const hasJsonType = ({ headers }: UpstreamResponse): boolean =>
  jsonType.test(headers["content-type"] ?? "");
