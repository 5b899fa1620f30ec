import type { Send, UpstreamCall, UpstreamRequest, UpstreamResponse } from "../upstream/layer.ts";
import type { OnAnomaly } from "./anomaly.ts";
import type { Preference } from "./resources.ts";
import { toRejection } from "./to-rejection.ts";
import { KeyProtectError } from "./error.ts";
import type { Dialect } from "./dialects/dialect.ts";

/** Room for every answer about one thing: the largest, a standard key's material, is 10,000 characters. */
export const smallAnswerBytes = 65_536;

/** Room for a page of keys. */
export const listAnswerBytes = 8_388_608;

/** One callApi with Key Protect, before the headers that all have in common. */
export interface ApiRequest {
  readonly method: UpstreamRequest["method"];
  readonly path: string;
  /** Media type that is asked for. */
  readonly accept: string;
  /** Media type of `body`; absent without one. */
  readonly contentType?: string;
  readonly prefer?: Preference | undefined;
  /** Sent as JSON, or as it is if it is a `Buffer`. */
  readonly body?: object;
  /** Statuses that mean success; `read` sees no others. */
  readonly expected: readonly number[];
  /** Whether the answer may hold key material: its body is then zeroed once read. */
  readonly isAnswerSecret: boolean;
  readonly maxResponseBytes?: number;
}

/** Makes an callApi and reads its answer. Rejects with what `send` rejects with, or with a `KeyProtectError`. */
export type CallApi = <T>(
  call: UpstreamCall,
  request: ApiRequest,
  read: (response: UpstreamResponse) => T,
) => Promise<T>;

/**
 * Creates the one way from an operation to the upstream: writes the headers, judges the status, wipes the bodies. A
 * secret answer's body is zeroed as soon as it is read, so `send` must not hand the same body to two callers.
 */
export function createCallApi(deps: {
  readonly send: Send;
  readonly instanceId: string;
  readonly wallNow: () => number;
  readonly onAnomaly: OnAnomaly;
}): CallApi {
  const { send, instanceId, wallNow, onAnomaly } = deps;

  return async (call, request, read) => {
    const body = toBody(request.body);
    let response: UpstreamResponse;
    try {
      response = await send({
        method: request.method,
        path: request.path,
        headers: toHeaders(call, request, instanceId),
        body,
        maxResponseBytes: request.maxResponseBytes ?? smallAnswerBytes,
        call,
      });
    } finally {
      // Every body, not only those with material: telling them apart would be one more thing to get wrong. Should a
      // given-up connection still be writing it, the upstream sees NUL bytes, which are not JSON, and refuses.
      body?.fill(0);
    }
    try {
      if (!request.expected.includes(response.status)) {
        throw toRejection(response, wallNow(), onAnomaly);
      }
      return read(response);
    } finally {
      if (request.isAnswerSecret) response.body.fill(0);
    }
  };
}

function toBody(body: object | undefined): Buffer | undefined {
  if (body === undefined || Buffer.isBuffer(body)) return body;
  return Buffer.from(JSON.stringify(body), "utf8");
}

function toHeaders(call: UpstreamCall, request: ApiRequest, instanceId: string) {
  const headers: Record<string, string> = {
    accept: request.accept,
    "bluemix-instance": instanceId,
    "correlation-id": call.correlationId,
  };
  if (request.contentType !== undefined) headers["content-type"] = request.contentType;
  if (request.prefer !== undefined) headers["prefer"] = `return=${request.prefer}`;
  return headers;
}

/**
 * An ID or alias as one segment of a path. An ID that could turn the path into another one (empty, `.`, `..`) or that
 * has no encoding (a lone surrogate) names nothing: `REJECTED` with 404, without anything being sent.
 */
export function pathSegment(id: string): string {
  if (id !== "" && id !== "." && id !== "..") {
    try {
      return encodeURIComponent(id);
    } catch {
      // A lone surrogate; answered below.
    }
  }
  throw new KeyProtectError("REJECTED", "the ID cannot name anything; nothing was sent", {
    httpStatus: 404,
  });
}

/** What operations are made of. */
export interface OperationDeps {
  readonly callApi: CallApi;
  readonly dialect: Dialect;
  readonly instanceId: string;
  readonly onAnomaly: OnAnomaly;
}
