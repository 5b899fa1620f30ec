/** A log of the requests to the emulator, for tests. It contains no bodies and no credentials. */
import { createHash } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";

/** A service that the emulator plays: IAM, the metadata service of a VPC server, or Key Protect. */
export type Service = "iam" | "metadata" | "keyprotect";

/** A request and its result. */
export interface LoggedRequest {
  /** Counts from 1. Clearing the log does not reset it. */
  readonly sequence: number;
  readonly service: Service;
  readonly method: string;
  readonly path: string;
  /** The undecoded query, without the question mark. */
  readonly query: string;
  /**
   * Name of the operation; `getToken` for IAM; `createIdentityToken` and `createIamToken` for the
   * metadata service; `unknown` if no operation matches.
   */
  readonly operation: string;
  readonly instanceId: string | undefined;
  readonly correlationId: string | undefined;
  /** Header names are in lower case. The authorization is replaced by a fingerprint. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly bodyBytes: number;
  /** Emulated time, in milliseconds since the epoch. */
  readonly receivedAt: number;
  /** `undefined` until the status line is sent. */
  readonly status: number | undefined;
  /** Real milliseconds until the response was closed; `undefined` until then. */
  readonly durationMs: number | undefined;
  /** Whether the operation was executed: neither a fault nor the quota rejected it before. */
  readonly isExecuted: boolean;
  /** Action of the fault that was applied; `delay` for a fault without an action. */
  readonly fault: string | undefined;
  /** Number of the connection that the request came over, counted from 1. */
  readonly connection: number;
}

/** A condition on logged requests. Every given field must be equal. */
export interface RequestFilter {
  readonly service?: Service;
  readonly operation?: string;
  readonly method?: string;
  readonly correlationId?: string;
  readonly instanceId?: string;
  readonly status?: number;
}

/** The log as tests read it. */
export interface RequestLog {
  /** The matching requests, oldest first. Default: all. */
  list(filter?: RequestFilter): readonly LoggedRequest[];
  /** Number of matching requests. Default: all. */
  count(filter?: RequestFilter): number;
  clear(): void;
}

/** A log entry whose request is still in progress. */
export type OpenRequest = { -readonly [Field in keyof LoggedRequest]: LoggedRequest[Field] };

/** The log as the dispatcher writes it. */
export interface RequestRecorder extends RequestLog {
  /** Adds an entry. The caller fills in the result. */
  open(
    entry: Omit<LoggedRequest, "sequence" | "status" | "durationMs" | "isExecuted" | "fault">,
  ): OpenRequest;
}

/** Creates a log that keeps the latest `capacity` requests. */
export function createRequestLog(capacity: number): RequestRecorder {
  let entries: OpenRequest[] = [];
  let lastSequence = 0;

  return {
    open(entry) {
      // Trims in steps of `capacity`, so that a full log adds almost no cost per request.
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

/**
 * Creates the function that copies headers for the log and replaces the authorization by a
 * fingerprint.
 */
export function createHeaderCopy(): (headers: IncomingHttpHeaders) => LoggedRequest["headers"] {
  // Remembers one fingerprint, because a caller usually sends the same token again.
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

/** The scheme and the first 12 hex digits of the SHA-256: enough to tell tokens apart. */
function fingerprint(authorization: string): string {
  const scheme = authorization.slice(0, authorization.indexOf(" ") + 1);
  const digest = createHash("sha256").update(authorization).digest("hex").slice(0, 12);
  return `${scheme}sha256:${digest}`;
}
