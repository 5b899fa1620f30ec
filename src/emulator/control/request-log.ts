/** What was asked of the emulator, for tests to look at afterwards. No bodies and no credentials are kept. */
import { createHash } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";

/** A request as it came in, and how it ended. */
export interface LoggedRequest {
  /** Counts from 1 and never starts over, even if the log is cleared. */
  readonly sequence: number;
  readonly service: "iam" | "keyprotect";
  readonly method: string;
  readonly path: string;
  /** Without the question mark. */
  readonly query: string;
  /** The operation's name; `getToken` for IAM; `unknown` if the path leads nowhere. */
  readonly operation: string;
  readonly instanceId: string | undefined;
  readonly correlationId: string | undefined;
  /** Header names in lower case. The authorization is shortened to a fingerprint. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly bodyBytes: number;
  /** Emulated time, in milliseconds since the epoch. */
  readonly receivedAt: number;
  /** `undefined` while no status line was sent. */
  readonly status: number | undefined;
  /** Real milliseconds until the exchange was over; `undefined` while it is not. */
  readonly durationMs: number | undefined;
  /** Whether the operation was executed, and not refused by a fault or by the quota before. */
  readonly isExecuted: boolean;
  /** The action of the fault that struck; `delay` for one that only delayed. */
  readonly fault: string | undefined;
  /** Number of the connection it came over, counted from 1. */
  readonly connection: number;
}

/** Tells requests apart. */
export interface RequestFilter {
  readonly service?: "iam" | "keyprotect";
  readonly operation?: string;
  readonly method?: string;
  readonly correlationId?: string;
  readonly instanceId?: string;
  readonly status?: number;
}

export interface RequestLog {
  /** The logged requests that fit, oldest first. */
  list(filter?: RequestFilter): readonly LoggedRequest[];
  /** How many logged requests fit. */
  count(filter?: RequestFilter): number;
  clear(): void;
}

/** The same entry while its request is under way. */
export type OpenRequest = { -readonly [Field in keyof LoggedRequest]: LoggedRequest[Field] };

/** The log as the emulator itself writes it. */
export interface RequestRecorder extends RequestLog {
  open(
    entry: Omit<LoggedRequest, "sequence" | "status" | "durationMs" | "isExecuted" | "fault">,
  ): OpenRequest;
}

/** Creates a log that remembers the latest `capacity` requests. */
export function createRequestLog(capacity: number): RequestRecorder {
  let entries: OpenRequest[] = [];
  let lastSequence = 0;

  return {
    open(entry) {
      // Cut in large steps, so that a full log costs nothing per request.
      if (entries.length >= capacity * 2) entries = entries.slice(-capacity);
      lastSequence += 1;
      const opened: OpenRequest = {
        ...entry,
        sequence: lastSequence,
        status: undefined,
        durationMs: undefined,
        isExecuted: false,
        fault: undefined,
      };
      entries.push(opened);
      return opened;
    },
    list: (filter = {}) => entries.slice(-capacity).filter((entry) => fits(entry, filter)),
    count: (filter = {}) => entries.slice(-capacity).filter((entry) => fits(entry, filter)).length,
    clear() {
      entries = [];
    },
  };
}

function fits(entry: LoggedRequest, filter: RequestFilter): boolean {
  return (
    (filter.service === undefined || filter.service === entry.service) &&
    (filter.operation === undefined || filter.operation === entry.operation) &&
    (filter.method === undefined || filter.method === entry.method) &&
    (filter.correlationId === undefined || filter.correlationId === entry.correlationId) &&
    (filter.instanceId === undefined || filter.instanceId === entry.instanceId) &&
    (filter.status === undefined || filter.status === entry.status)
  );
}

/** Creates the function that copies headers for the log, with a fingerprint in place of the authorization. */
export function createHeaderCopy(): (headers: IncomingHttpHeaders) => LoggedRequest["headers"] {
  // One caller sends the same token over and over.
  let lastAuthorization: string | undefined;
  let lastFingerprint = "";
  return (headers) => {
    const { authorization } = headers;
    if (authorization === undefined) return headers;
    if (authorization !== lastAuthorization) {
      lastAuthorization = authorization;
      lastFingerprint = fingerprint(authorization);
    }
    return { ...headers, authorization: lastFingerprint };
  };
}

/** Shortens an authorization to its scheme and the beginning of its SHA-256: enough to tell tokens apart. */
function fingerprint(authorization: string): string {
  const scheme = authorization.slice(0, authorization.indexOf(" ") + 1);
  const digest = createHash("sha256").update(authorization).digest("hex").slice(0, 12);
  return `${scheme}sha256:${digest}`;
}
