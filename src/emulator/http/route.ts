/** What a route sees of a request, and what it gives back. */
import type { IncomingHttpHeaders } from "node:http";
import type { Instance } from "../instance.ts";
import type { User } from "../iam/user.ts";

/** An authorized request to Key Protect. */
export interface Call {
  readonly instance: Instance;
  readonly user: User;
  /** Values of the `{…}` segments of the path. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  /** The decoded JSON body; `undefined` for none and for a bare `null`. */
  readonly body: unknown;
  /** The emulated time, in milliseconds since the epoch. */
  readonly now: number;
}

/** An answer, not yet on the wire. */
export interface Answer {
  readonly status: number;
  /** Media type of `body`. Default `application/json`. */
  readonly mediaType?: string;
  /** Written as JSON; text as it is. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export type Route = (call: Call) => Answer | Promise<Answer>;

/** The answer without a body. */
export const noContent: Answer = { status: 204 };

/** Wraps resources as a collection. The service leaves `resources` out of an empty one. */
export function collection(
  mediaType: string,
  resources: readonly object[],
  metadata: Readonly<Record<string, unknown>> = {},
): object {
  const head = { collectionType: mediaType, collectionTotal: resources.length, ...metadata };
  return resources.length === 0 ? { metadata: head } : { metadata: head, resources };
}

/** Reads what the `Prefer` header asks for. */
export function preferenceOf(
  headers: IncomingHttpHeaders,
): "representation" | "minimal" | undefined {
  const prefer = headers["prefer"];
  const text = typeof prefer === "string" ? prefer.toLowerCase() : "";
  if (text.includes("return=representation")) return "representation";
  if (text.includes("return=minimal")) return "minimal";
  return undefined;
}

/** Reads an integer of the query string. */
export function integerQuery(
  query: URLSearchParams,
  name: string,
  fallback: number,
  min: number,
  max: number,
  refuse: (name: string, rule: string) => Error,
): number {
  const text = query.get(name);
  if (text === null || text === "") return fallback;
  const value = /^-?\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw refuse(name, `an integer between ${min} and ${max} (inclusive)`);
}
