/**
 * Everything that depends on the version of grpc-js, its process-wide settings, or its private
 * fields, together with `connections/http2-servers.ts` and `receiving/library-call.ts`. Their tests
 * fail if a new release changes what this file relies on.
 */
import { logVerbosity, type Server, setLogVerbosity } from "@grpc/grpc-js";
import type { IncomingHttpHeaders } from "node:http2";
import { createRequire } from "node:module";

/** Oldest safe release. In older ones, one request with an invalid gzip frame ends the process. */
const oldest = [1, 14, 4] as const;

/** The installed version of `@grpc/grpc-js`. */
export function installedGrpcVersion(): string {
  const manifest: unknown = createRequire(import.meta.url)("@grpc/grpc-js/package.json");
  const version =
    typeof manifest === "object" && manifest !== null && Reflect.get(manifest, "version");
  if (typeof version !== "string") throw new Error("@grpc/grpc-js does not state its version");
  return version;
}

/** Throws if a version of `@grpc/grpc-js` is too old. */
export function assertGrpcVersion(version: string): void {
  const parts = /^(\d+)\.(\d+)\.(\d+)/.exec(version)?.slice(1).map(Number) ?? [];
  for (const [index, least] of oldest.entries()) {
    const part = parts[index] ?? -1;
    if (part > least) return;
    if (part < least) {
      throw new Error(
        `@grpc/grpc-js ${version} is too old: at least ${oldest.join(".")} is needed`,
      );
    }
  }
}

/**
 * Silences the log of grpc-js for the process. At its default verbosity it prints the whole value
 * of an invalid metadata entry, such as a malformed `authorization`; with `GRPC_VERBOSITY=DEBUG`
 * it prints the headers of every request. The gateway reports the relevant events itself:
 * addresses that cannot be bound, certificates that cannot be used, and calls that the library
 * ended.
 */
export function silenceGrpcLog(): void {
  setLogVerbosity(logVerbosity.NONE);
}

/** Whether a private field holds an object. */
export const holdsObject = (value: unknown): value is object =>
  typeof value === "object" && value !== null;

/**
 * The HTTP/2 session of a handler's call. grpc-js keeps it in private fields: `call` of the
 * handler's call, then `nextCall` of each interceptor that wraps it, then `stream` of the innermost
 * call. The result is `undefined` if the stream is closed or a release moves the fields, so it may
 * only be used as the key of a cache.
 */
export const sessionOf = (call: object): object | undefined =>
  sessionOfInner(Reflect.get(call, "call"));

/** The HTTP/2 session of a call in an interceptor, or of the innermost call. */
export function sessionOfInner(call: unknown): object | undefined {
  let inner = call;
  while (holdsObject(inner)) {
    const stream: unknown = Reflect.get(inner, "stream");
    if (holdsObject(stream)) {
      const session: unknown = Reflect.get(stream, "session");
      return holdsObject(session) ? session : undefined;
    }
    inner = Reflect.get(inner, "nextCall");
  }
  return undefined;
}

/** Longest duration of a timer, in milliseconds, and of a timeout in grpc-js. */
const longestTimeoutMs = 2 ** 31 - 1;

/** The longest `grpc-timeout` that grpc-js keeps: 24.8 days. */
const longestTimeout = `${Math.floor(longestTimeoutMs / 1_000)}S`;

/** Milliseconds of the units of `grpc-timeout` in which a timeout can be too long. */
const longUnitMs = new Map([
  ["H", 3_600_000],
  ["M", 60_000],
  ["S", 1_000],
]);

/**
 * Returns the `grpc-timeout` that grpc-js shall see. It keeps timeouts in 32 bits, so that one of
 * 25 days is over before it begins, and one of 49.7 days has a second. Clients send these for "no
 * deadline".
 */
export function cappedTimeout(header: string): string {
  // The library's own pattern, which is not anchored.
  const [, digits, unit] = /(\d{1,8})\s*([HMSmun])/.exec(header) ?? [];
  const unitMs = longUnitMs.get(unit ?? "") ?? 0;
  return Number(digits) * unitMs > longestTimeoutMs ? longestTimeout : header;
}

/**
 * Gives repeated headers their separate values back, as a list. Node keeps the first value of some
 * (`authorization`) and joins those of others with commas, so that no check behind it sees whether
 * there were two. Binary metadata is left joined, since grpc-js splits it, and so are gRPC's own
 * headers, except that a repeated `grpc-timeout` becomes one that grpc-js rejects.
 */
export function separateValues(headers: IncomingHttpHeaders, rawHeaders: readonly string[]): void {
  if (rawHeaders.length === 2 * Object.keys(headers).length) return;
  const seen = new Map<string, string[]>();
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const [name = "", value = ""] = rawHeaders.slice(at, at + 2);
    const values = seen.get(name);
    if (values === undefined) seen.set(name, [value]);
    else values.push(value);
  }
  for (const [name, values] of seen) {
    if (values.length === 1 || name.endsWith("-bin")) continue;
    if (name === "grpc-timeout") headers[name] = "";
    else if (!name.startsWith("grpc-")) headers[name] = values;
  }
}

/**
 * Corrects the headers of all calls of a server: separates repeated ones and caps timeouts. grpc-js
 * reads them in the constructor of a call, so they are replaced in the handler of streams, before
 * there is a call. To be called before the server binds an address.
 */
export function correctHeaders(server: Server): void {
  // The second one is used with channelz.
  for (const name of ["_streamHandler", "_channelzHandler"]) {
    const handle: unknown = Reflect.get(server, name);
    if (typeof handle !== "function") throw new Error(`grpc-js has no ${name} to wrap`);
    const corrected = (
      calls: unknown,
      stream: unknown,
      headers: IncomingHttpHeaders,
      _flags: unknown,
      rawHeaders: readonly string[],
    ): void => {
      separateValues(headers, rawHeaders);
      const timeout = headers["grpc-timeout"];
      if (typeof timeout === "string") headers["grpc-timeout"] = cappedTimeout(timeout);
      Reflect.apply(handle, server, [calls, stream, headers]);
    };
    Reflect.set(server, name, corrected);
  }
}

/**
 * Lets a stream of messages read at most one message ahead. Its default is 16, each of which may
 * have the largest permitted size. Node offers this for streams that the program itself creates.
 */
export function limitReadAhead(stream: object): void {
  const state: unknown = Reflect.get(stream, "_readableState");
  if (!holdsObject(state) || typeof Reflect.get(state, "highWaterMark") !== "number") {
    throw new Error("the stream has no highWaterMark to lower");
  }
  Reflect.set(state, "highWaterMark", 1);
}
