import { CallEnded } from "../../../src/platform/call-signal.ts";
import type { CallEnd } from "../../../src/platform/call-signal.ts";
import { UpstreamError } from "../../../src/upstream/error.ts";
import type { UpstreamCall, UpstreamRequest } from "../../../src/upstream/layer.ts";

/** A request whose call can be ended. */
export interface OpenRequest extends UpstreamRequest {
  end(end: CallEnd): void;
}

/** A GET of `/` for a call with a distant deadline, with the given changes. */
export function openRequest(
  wanted: Partial<Omit<UpstreamRequest, "call">> & {
    attemptTimeoutMs?: number;
    call?: Partial<UpstreamCall>;
  } = {},
): OpenRequest {
  const controller = new AbortController();
  const { attemptTimeoutMs = 10_000, call, ...request } = wanted;
  return {
    method: "GET",
    path: "/",
    headers: {},
    maxResponseBytes: 1_024,
    ...request,
    call: {
      rpc: { method: "GetKey", retry: "safe", priority: "interactive", attemptTimeoutMs },
      correlationId: "6f0a5a3e-5f0f-4e0b-9d59-0a4a8ff1d9d2",
      caller: "spiffe://test/caller",
      deadline: Number.POSITIVE_INFINITY,
      signal: controller.signal,
      callerToken: undefined,
      attemptLog: { attempts: 0, httpStatus: undefined },
      ...call,
    },
    end: (end) => controller.abort(new CallEnded(end)),
  };
}

/** The `UpstreamError` that a promise rejects with. */
export async function upstreamErrorOf(promise: Promise<unknown>): Promise<UpstreamError> {
  const outcome: unknown = await promise.then(
    () => "resolved",
    (error: unknown) => error,
  );
  if (!(outcome instanceof UpstreamError)) {
    throw new Error("expected an UpstreamError", { cause: outcome });
  }
  return outcome;
}

/** Resolves once `isSo()` is true. Otherwise the test fails by its time-out. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 2));
}
