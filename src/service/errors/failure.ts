/** The terms in which failures are spoken of, and the one way a status is put together from them. */
import { status } from "@grpc/grpc-js";
import type { CallContext } from "../../grpc/call/call-context.ts";
import { KeyProtectError } from "../../keyprotect/error.ts";
import { UpstreamError } from "../../upstream/error.ts";
import { StatusError, type Reason, type StatusDetails } from "../../grpc/status/status-error.ts";

/** What the request is about, as far as the handler knows. */
export interface Subject {
  readonly keyId?: string | undefined;
  readonly lockerId?: string | undefined;
}

/** Everything a failure may depend on. */
export interface FailureContext {
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

/** The upstream's names of body fields and parameters, as field paths of the request messages. */
const fieldByUpstreamName: Readonly<Record<string, string>> = {
  id: "key_id",
  name: "name",
  description: "description",
  tags: "tags",
  extractable: "type",
  expirationDate: "expire_time",
  payload: "key_material",
  plaintext: "plaintext",
  ciphertext: "ciphertext",
  aad: "additional_authenticated_data",
  importToken: "encrypted_key_material.import_token",
  encryptedNonce: "encrypted_key_material.encrypted_nonce",
  iv: "encrypted_key_material.initialization_vector",
  encryptionAlgorithm: "encrypted_key_material.algorithm",
  rotation: "policies",
  interval_month: "policies",
  dualAuthDelete: "policies",
  expiration: "ttl",
  maxAllowedRetrievals: "max_allowed_retrievals",
};

/** The form of a reason code. Anything else is text of the upstream and is not passed on. */
const reasonCode = /^[A-Z][A-Z0-9_]{1,62}$/;

/** Collects the facts of an error, of any kind, that a handler threw. */
export function toFailureContext(
  error: unknown,
  context: CallContext,
  subject: Subject = {},
): FailureContext {
  const ofKeyProtect = error instanceof KeyProtectError ? error : undefined;
  const ofUpstream = error instanceof UpstreamError ? error : undefined;
  const reasons = ofKeyProtect?.reasons ?? [];
  const fields = reasons.map(({ target = "" }) =>
    Object.hasOwn(fieldByUpstreamName, target) ? fieldByUpstreamName[target] : undefined,
  );
  const isSentToKeyProtect =
    ofKeyProtect === undefined
      ? context.attemptLog.attempts > 0
      : ofKeyProtect.code !== "UNSUPPORTED";
  return {
    context,
    subject,
    sent: ofUpstream?.sent ?? isSentToKeyProtect,
    httpStatus: ofKeyProtect?.httpStatus,
    upstreamReason: reasons
      .map(({ code }) => code)
      .filter((code) => reasonCode.test(code))
      .slice(0, 4)
      .join(","),
    fields: [...new Set(fields.filter((field) => field !== undefined))],
    retryAfterMs: (ofKeyProtect ?? ofUpstream)?.retryAfterMs,
    minimumMs: ofUpstream?.minimumMs,
    cause: error,
  };
}

/** Answers a failure. */
export type Failure = (failure: FailureContext) => StatusError;

/** The hint where neither the upstream nor the gateway's own state gives a better one, in milliseconds. */
export const transientRetryMs = 1_000;

/** Where to read on, for what Key Protect itself demands. */
export const apiHelp = {
  description: "Key Protect API reference",
  url: "https://cloud.ibm.com/apidocs/key-protect",
};

/** Puts a status together; the upstream's reason codes and the cause are added to every one. */
export const fail = (
  failure: FailureContext,
  code: status,
  reason: Reason,
  message: string,
  details: StatusDetails = {},
): StatusError =>
  new StatusError(code, reason, message, {
    ...details,
    metadata: { upstreamReason: failure.upstreamReason, ...details.metadata },
    cause: failure.cause,
  });

/** Whether the RPC must not be executed twice. */
export const isUnsafe = (s: FailureContext): boolean => s.context.rpc.repeat === "unsafe";

/** How a text speaks of the thing the request is about. */
export const named = (s: FailureContext): string => {
  if (s.subject.keyId !== undefined) return `key ${s.subject.keyId}`;
  if (s.subject.lockerId !== undefined) return `locker ${s.subject.lockerId}`;
  return "the resource";
};

/** `ResourceInfo` for the thing the request is about. */
export const resource = (s: FailureContext): StatusDetails["resource"] => {
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
  s: FailureContext,
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
  (reason: Reason, message: string, fallbackMs: number = transientRetryMs): Failure =>
  (s) =>
    fail(s, status.UNAVAILABLE, reason, message, { retryDelayMs: s.retryAfterMs ?? fallbackMs });
