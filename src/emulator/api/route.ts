/**
 * The interface between the HTTP side and the routes: the call that a route receives, the answer
 * that it returns, and helpers that read headers and query parameters.
 */
import type { IncomingHttpHeaders } from "node:http";
import type { Instance } from "../instance.ts";
import type { Identity } from "../user.ts";
import { invalidQuery } from "./vendor-error.ts";

/** An authorized request to Key Protect. */
export interface Call {
  readonly instance: Instance;
  readonly user: Identity;
  /** Values of the `{…}` segments of the path. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  /** The decoded JSON body; `undefined` for no body and for a bare `null`. */
  readonly body: unknown;
  /** The emulated time, in milliseconds since the Unix epoch. */
  readonly now: number;
}

/** An answer before it is serialized. */
export interface Answer {
  readonly status: number;
  /** Media type of `body`. Default `application/json`. */
  readonly mediaType?: string;
  /** A string is sent as it is; any other value is sent as JSON. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Executes one operation. Throws a `VendorError` to reject the call. */
export type Route = (call: Call) => Answer | Promise<Answer>;

/** The answer 204 without a body. */
export const noContent: Answer = { status: 204 };

/** Wraps resources in a collection. An empty collection has an empty list of resources. */
export function collection(
  mediaType: string,
  resources: readonly object[],
  metadata: Readonly<Record<string, unknown>> = {},
): object {
  const head = { collectionType: mediaType, collectionTotal: resources.length, ...metadata };
  return { metadata: head, resources };
}

/** Reads the `return` preference of the `Prefer` header (RFC 7240). */
export function preferenceOf(
  headers: IncomingHttpHeaders,
): "representation" | "minimal" | undefined {
  const prefer = headers["prefer"];
  const text = typeof prefer === "string" ? prefer.toLowerCase() : "";
  if (text.includes("return=representation")) return "representation";
  if (text.includes("return=minimal")) return "minimal";
  return undefined;
}

/** One page of a list, and the collection metadata that goes with it. */
export interface Page<Item> {
  readonly items: readonly Item[];
  /** `totalCount` if the request asks for it with `totalCount=true`. */
  readonly metadata: { readonly totalCount?: number };
}

/**
 * Reads `limit` (1 to `maxLimit`), `offset` (default 0) and `totalCount`, and returns the function
 * that cuts that page out of a list. Rejects bad values with INVALID_QUERY_PARAM_ERR.
 */
export function pagination(
  query: URLSearchParams,
  defaultLimit: number,
  maxLimit = 5000,
): <Item>(all: readonly Item[]) => Page<Item> {
  const limit = integerQuery(query, "limit", defaultLimit, 1, maxLimit);
  const offset = integerQuery(query, "offset", 0, 0, Number.MAX_SAFE_INTEGER);
  const isTotalWanted = query.get("totalCount") === "true";
  return (all) => ({
    items: all.slice(offset, offset + limit),
    metadata: isTotalWanted ? { totalCount: all.length } : {},
  });
}

function integerQuery(
  query: URLSearchParams,
  name: string,
  fallback: number,
  min: number,
  max: number,
): number {
  const text = query.get(name);
  if (text === null || text === "") return fallback;
  const value = /^-?\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw invalidQuery(name, `an integer between ${min} and ${max} (inclusive)`);
}

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Tells whether a text is a UUID of any version, in either case. */
export function isUuid(text: string): boolean {
  return uuidPattern.test(text);
}

/** Compiles a pattern in which `*` stands for any characters. It matches whole texts only. */
export function globPattern(glob: string): RegExp {
  const literals = glob.split("*").map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${literals.join(".*")}$`);
}
