/** The one way from an operation to the upstream pipeline. */
import type { Send, UpstreamCall, UpstreamRequest, UpstreamResponse } from "../upstream/layer.ts";
import { free } from "../platform/bytes/free.ts";
import type { ApiDialect } from "../platform/api-dialect.ts";
import type { OnAnomaly } from "./anomaly.ts";
import type { Dialect } from "./dialects/dialect.ts";
import { KeyProtectError } from "./error.ts";
import type { Preference } from "./resources.ts";
import { toRejection } from "./to-rejection.ts";

/**
 * Default limit of a response body, in bytes. The largest response about one resource is a standard
 * key's material, 10,000 characters.
 */
export const smallAnswerBytes = 65_536;

/** Limit of a response body with a page of keys, in bytes. */
export const listAnswerBytes = 8_388_608;

/** A call as the operations see it. */
export interface ApiCall extends UpstreamCall {
  /**
   * ID of the key ring that the request is limited to. `undefined`: every ring that the credential
   * may see.
   */
  readonly keyRing: string | undefined;
}

/** One request to Key Protect, without the headers that all requests have. */
export interface ApiRequest {
  readonly method: UpstreamRequest["method"];
  readonly path: string;
  /**
   * Whether the 2019 API does not have the operation. There it rejects with `UNSUPPORTED`, and
   * nothing is sent. Default `false`.
   */
  readonly isCurrentOnly?: boolean;
  /** The `Accept` header. */
  readonly accept: string;
  /** Media type of `body`; absent without a body. */
  readonly contentType?: string;
  /** The `Prefer` header. */
  readonly prefer?: Preference | undefined;
  /** Sent as JSON, or as it is if it is a `Buffer`. */
  readonly body?: object;
  /** Statuses that mean success; `read` is only called for these. */
  readonly expected: readonly number[];
  /** Whether the response may contain key material. If so its body is zeroed after `read`. */
  readonly isAnswerSecret: boolean;
  /** Limit of the response body, in bytes. Default: `smallAnswerBytes`. */
  readonly maxResponseBytes?: number;
}

/**
 * Sends a request and reads the response with `read`. Rejects with a `KeyProtectError` for an
 * unexpected status, with what `read` throws, or with what `send` rejects with.
 */
export type CallApi = <T>(
  call: ApiCall,
  request: ApiRequest,
  read: (response: UpstreamResponse) => T | Promise<T>,
) => Promise<T>;

/** Dependencies of operations. */
export interface OperationDeps {
  readonly callApi: CallApi;
  readonly dialect: Dialect;
  /** ID of the Key Protect instance. */
  readonly instanceId: string;
  readonly onAnomaly: OnAnomaly;
  /** Waits until the next piece of the work for a call may run. */
  readonly turn: (call: ApiCall) => Promise<void>;
}

/**
 * Creates the `CallApi` of one instance. It adds the common headers, checks the status and zeroes
 * the bodies. The body of a secret response is zeroed as soon as it is read, so `send` must not
 * return the same body to two callers.
 */
export function createCallApi(deps: {
  readonly send: Send;
  readonly instanceId: string;
  readonly dialect: ApiDialect;
  readonly wallNow: () => number;
  readonly onAnomaly: OnAnomaly;
}): CallApi {
  const { send, instanceId, dialect, wallNow, onAnomaly } = deps;

  return async (call, request, read) => {
    const { body: given, contentType, prefer } = request;
    const headers: Record<string, string> = {
      accept: request.accept,
      "bluemix-instance": instanceId,
      "correlation-id": call.correlationId,
    };
    if (contentType !== undefined) headers["content-type"] = contentType;
    if (prefer !== undefined) headers["prefer"] = `return=${prefer}`;
    if (call.keyRing !== undefined) headers["x-kms-key-ring"] = call.keyRing;
    const body =
      given === undefined || Buffer.isBuffer(given) ? given : Buffer.from(JSON.stringify(given));
    let response: UpstreamResponse;
    try {
      if (dialect === "2019") assertIn2019(call, request);
      response = await send({
        method: request.method,
        path: request.path,
        headers,
        body,
        maxResponseBytes: request.maxResponseBytes ?? smallAnswerBytes,
        call,
      });
    } finally {
      // Every body is zeroed, also those without key material, so that none is missed. If an
      // abandoned connection is still writing it, the upstream rejects the NUL bytes: not JSON.
      body?.fill(0);
    }
    try {
      if (!request.expected.includes(response.status)) {
        const isCallers = call.attemptLog.credential === "caller";
        const callerToken = isCallers ? call.callerToken : undefined;
        const rejected = { method: request.method, callerToken };
        throw toRejection(response, rejected, wallNow(), onAnomaly);
      }
      const answer = read(response);
      // Only a page that is read in pieces waits here.
      return answer instanceof Promise ? await answer : answer;
    } finally {
      if (request.isAnswerSecret) response.body.fill(0);
      free(response.body);
    }
  };
}

/** Throws `UNSUPPORTED` for what the 2019 API does not have. */
function assertIn2019({ keyRing }: ApiCall, { isCurrentOnly }: ApiRequest): void {
  if (isCurrentOnly === true) {
    throw new KeyProtectError("UNSUPPORTED", "the 2019 API does not have this operation");
  }
  if (keyRing !== undefined) {
    throw new KeyProtectError("UNSUPPORTED", "the 2019 API has no key rings");
  }
}

/**
 * Encodes an ID or alias as one path segment. Throws `REJECTED` with status 404, without sending
 * anything, for an ID that cannot name a resource: one that would change the path (empty, `.`,
 * `..`) or that cannot be encoded (a lone surrogate).
 */
export function pathSegment(id: string): string {
  if (id !== "" && id !== "." && id !== "..") {
    try {
      return encodeURIComponent(id);
    } catch {
      // A lone surrogate.
    }
  }
  throw new KeyProtectError("REJECTED", "the ID is invalid; nothing was sent", {
    httpStatus: 404,
  });
}
