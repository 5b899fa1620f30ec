/** The vocabulary of the failures: the facts that one is built from, and the parts of a status. */
import { status } from "@grpc/grpc-js";
import type { CallContext } from "../../grpc/call/call-context.ts";
import { StatusError, type Reason, type StatusDetails } from "../../grpc/status/status-error.ts";
import { KeyProtectError, type TokenAge } from "../../keyprotect/error.ts";
import { mayHaveReached } from "../../platform/attempt-log.ts";
import { UpstreamError } from "../../upstream/error.ts";

/** The resource of a request: a key, for example. Empty if the request names none. */
export interface Subject {
  readonly keyId?: string;
  readonly lockerId?: string;
  /** The ring of a request for a ring, or the one to move the key to. */
  readonly keyRingId?: string;
  /** ID or name of a KMIP adapter. */
  readonly kmipAdapter?: string;
  /** ID of an object in the adapter. */
  readonly kmipObject?: string;
  /** ID or name of a certificate of the adapter. */
  readonly kmipCertificate?: string;
}

/** The facts that a failure may depend on. */
export interface FailureContext {
  readonly context: CallContext;
  readonly subject: Subject;
  /** Whether a part of the request may have reached Key Protect. */
  readonly sent: boolean;
  readonly httpStatus: number | undefined;
  /** Up to four reason codes of the upstream, joined with commas. Safe to show to callers. */
  readonly upstreamReason: string;
  /** Paths of the request fields that the upstream objects to. */
  readonly fields: readonly string[];
  /** Whether the response is not Key Protect's own but a proxy's, for example. */
  readonly isForeign: boolean;
  /** Age of the caller's token, if it went upstream. */
  readonly callerTokenAge: TokenAge;
  /** From `Retry-After` or from the gateway's own state, in milliseconds. */
  readonly retryAfterMs: number | undefined;
  /** For `DEADLINE_TOO_SHORT`: the least remaining time that would have been enough, in ms. */
  readonly minimumMs: number | undefined;
  /** The error behind the failure. */
  readonly cause: unknown;
}

/** Builds the status of one kind of failure. */
export type Failure = (failure: FailureContext) => StatusError;

/** Field paths of the request messages, by the upstream's names of body fields and parameters. */
const fieldByUpstreamName: Readonly<Record<string, string>> = {
  id: "key_id",
  name: "name",
  description: "description",
  tags: "tags",
  aliases: "aliases",
  search: "search",
  sort: "order_by",
  filter: "filter",
  state: "states",
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
  policy_type: "policies",
  policy_data: "policies",
  allowed_network: "policies",
  allowed_ip: "policies",
  crk_id: "root_key_id",
  "profile_data.crk_id": "root_key_id",
  profile: "profile",
  certificate: "certificate_pem",
  expiration: "ttl",
  maxAllowedRetrievals: "max_allowed_retrievals",
};

/** The form of a reason code. Anything else is text of the upstream and is not passed on. */
const reasonCode = /^[A-Z][A-Z0-9_]{1,62}$/;

/** The facts of an error of any kind. `error` is `undefined` if the handler found the failure. */
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
      ? mayHaveReached(context.attemptLog)
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
    isForeign: ofKeyProtect?.isForeign ?? false,
    callerTokenAge: ofKeyProtect?.callerTokenAge,
    retryAfterMs: (ofKeyProtect ?? ofUpstream)?.retryAfterMs,
    minimumMs: ofUpstream?.minimumMs,
    cause: error,
  };
}

/** Retry delay if neither the upstream nor the gateway's state gives a better one, in ms. */
export const transientRetryMs = 1_000;

/** Help link for demands of Key Protect itself. */
export const apiHelp = {
  description: "Key Protect API reference",
  url: "https://cloud.ibm.com/apidocs/key-protect",
};

/** The details that every status has: the upstream's reason codes and the cause. */
export const commonDetails = (f: FailureContext): StatusDetails => ({
  metadata: { upstreamReason: f.upstreamReason },
  cause: f.cause,
});

/** Builds a status. Adds the details of `commonDetails`. */
export const fail = (
  f: FailureContext,
  code: status,
  reason: Reason,
  message: string,
  details: StatusDetails = {},
): StatusError => {
  const common = commonDetails(f);
  return new StatusError(code, reason, message, {
    ...common,
    ...details,
    metadata: { ...common.metadata, ...details.metadata },
  });
};

/** Whether a second execution of the RPC would have an effect of its own. */
export const isUnsafe = (f: FailureContext): boolean => f.context.rpc.retry === "unsafe";

/** The subject as texts name it. */
export const named = ({ subject }: FailureContext): string => {
  const { keyId, lockerId, keyRingId, kmipAdapter, kmipObject, kmipCertificate } = subject;
  if (keyId !== undefined) return `key ${keyId}`;
  if (lockerId !== undefined) return `locker ${lockerId}`;
  if (keyRingId !== undefined) return `key ring ${keyRingId}`;
  const adapter = `KMIP adapter ${kmipAdapter}`;
  if (kmipObject !== undefined) return `object ${kmipObject} of ${adapter}`;
  if (kmipCertificate !== undefined) return `certificate ${kmipCertificate} of ${adapter}`;
  return kmipAdapter === undefined ? "the resource" : adapter;
};

/** The type and the name of the subject; `undefined` if the request names none. */
function typeAndName(subject: Subject): readonly [type: string, name: string] | undefined {
  const { keyId, lockerId, keyRingId, kmipAdapter, kmipObject, kmipCertificate } = subject;
  if (keyId !== undefined) return ["keyprotect.v1.Key", keyId];
  if (lockerId !== undefined) return ["keyprotect.v1.Locker", lockerId];
  if (keyRingId !== undefined) return ["keyprotect.v1.KeyRing", keyRingId];
  if (kmipObject !== undefined) return ["keyprotect.kmip.v1.KmipObject", kmipObject];
  if (kmipCertificate !== undefined) return ["keyprotect.kmip.v1.KmipCertificate", kmipCertificate];
  return kmipAdapter === undefined ? undefined : ["keyprotect.kmip.v1.KmipAdapter", kmipAdapter];
}

/** `ResourceInfo` of the subject. */
export const resource = ({ subject, context }: FailureContext): StatusDetails["resource"] => {
  const [type, name] = typeAndName(subject) ?? [];
  if (type === undefined || name === undefined) {
    return { type: "keyprotect.instance", name: context.instance };
  }
  const { kmipAdapter = name } = subject;
  const adapter = kmipAdapter === name ? "" : `KMIP adapter ${kmipAdapter} of `;
  return { type, name, description: `looked up in ${adapter}instance "${context.instance}"` };
};

/** `PreconditionFailure` of the subject. */
export const precondition = (
  { subject, context }: FailureContext,
  type: string,
  description: string,
): StatusDetails["preconditions"] => {
  const { keyId, lockerId, kmipAdapter, kmipObject } = subject;
  const ofInstance = `instances/${context.instance}`;
  const ofLocker = lockerId === undefined ? ofInstance : `lockers/${lockerId}`;
  const ofAdapter = kmipAdapter === undefined ? ofLocker : `kmipAdapters/${kmipAdapter}`;
  const ofObject = kmipObject === undefined ? ofAdapter : `${ofAdapter}/objects/${kmipObject}`;
  return [{ type, subject: keyId === undefined ? ofObject : `keys/${keyId}`, description }];
};

/** `BadRequest` of one field. */
export const violation = (
  field: string,
  reason: string,
  description: string,
): StatusDetails["violations"] => [{ field, reason, description }];

/**
 * The delay before a retry: the hint, but after an answer of Key Protect never less than
 * `estimateMs`. IBM's edge sends `Retry-After: 0` for an instance without quota, and "at once"
 * would make the trouble worse. A hint of the gateway's own state is its estimate already.
 */
export const retryDelay = (f: FailureContext, estimateMs: number): number =>
  f.cause instanceof KeyProtectError
    ? Math.max(f.retryAfterMs ?? 0, estimateMs)
    : (f.retryAfterMs ?? estimateMs);

/** UNAVAILABLE with a retry delay: the same call may be repeated after it. */
export const retryable =
  (reason: Reason, message: string): Failure =>
  (f) =>
    fail(f, status.UNAVAILABLE, reason, message, {
      retryDelayMs: retryDelay(f, transientRetryMs),
    });
