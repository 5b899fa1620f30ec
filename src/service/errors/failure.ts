/** The terms in which failures are spoken of, and the one way a status is put together from them. */
import { status } from "@grpc/grpc-js";
import type { CallContext } from "../../grpc/call/call-context.ts";
import { StatusError, type Reason, type StatusDetails } from "../../grpc/status/status-error.ts";

/** What the request is about, as far as the handler knows. */
export interface Subject {
  readonly keyId?: string | undefined;
  readonly lockerId?: string | undefined;
}

/** Everything a verdict may depend on. */
export interface Situation {
  readonly context: CallContext;
  readonly subject: Subject;
  /** Whether any byte of the request may have been executed upstream. */
  readonly sent: boolean;
  readonly httpStatus: number | undefined;
  /** Upstream reason codes that are safe to show, joined with a comma. */
  readonly upstreamReason: string;
  /** Proto field paths that the upstream objects to. */
  readonly fields: readonly string[];
  readonly retryAfterMs: number | undefined;
  readonly minimumMs: number | undefined;
  readonly cause: unknown;
}

/** Answers a situation. */
export type Verdict = (situation: Situation) => StatusError;

/** The hint where neither the upstream nor the gateway's own state gives a better one, in milliseconds. */
export const transientRetryMs = 1_000;

/** Where to read on, for what Key Protect itself demands. */
export const apiHelp = {
  description: "Key Protect API reference",
  url: "https://cloud.ibm.com/apidocs/key-protect",
};

/** Puts a status together; the upstream's reason codes and the cause are added to every one. */
export const fail = (
  situation: Situation,
  code: status,
  reason: Reason,
  message: string,
  details: StatusDetails = {},
): StatusError =>
  new StatusError(code, reason, message, {
    ...details,
    metadata: { upstreamReason: situation.upstreamReason, ...details.metadata },
    cause: situation.cause,
  });

/** Whether the RPC must not be executed twice. */
export const isUnsafe = (s: Situation): boolean => s.context.rpc.repeat === "unsafe";

/** How a text speaks of the thing the request is about. */
export const named = (s: Situation): string => {
  if (s.subject.keyId !== undefined) return `key ${s.subject.keyId}`;
  if (s.subject.lockerId !== undefined) return `locker ${s.subject.lockerId}`;
  return "the resource";
};

/** `ResourceInfo` for the thing the request is about. */
export const resource = (s: Situation): StatusDetails["resource"] => {
  const description = `looked up in instance "${s.context.instance}"`;
  if (s.subject.keyId !== undefined) {
    return { type: "keyprotect.v1.Key", name: s.subject.keyId, description };
  }
  if (s.subject.lockerId !== undefined) {
    return { type: "keyprotect.v1.Locker", name: s.subject.lockerId, description };
  }
  return { type: "keyprotect.instance", name: s.context.instance };
};

/** `PreconditionFailure` about the thing the request is about. */
export const precondition = (
  s: Situation,
  type: string,
  description: string,
): StatusDetails["preconditions"] => {
  const subject =
    s.subject.keyId !== undefined
      ? `keys/${s.subject.keyId}`
      : s.subject.lockerId !== undefined
        ? `lockers/${s.subject.lockerId}`
        : `instances/${s.context.instance}`;
  return [{ type, subject, description }];
};

/** A `BadRequest` of one field. */
export const violation = (field: string, reason: string, description: string) => [
  { field, reason, description },
];

/** UNAVAILABLE: the same call may be repeated after a moment. */
export const retryable =
  (reason: Reason, message: string, fallbackMs: number = transientRetryMs): Verdict =>
  (s) =>
    fail(s, status.UNAVAILABLE, reason, message, { retryDelayMs: s.retryAfterMs ?? fallbackMs });
