/** Failures of tokens, roles and credentials. */
import { status } from "@grpc/grpc-js";
import { fail, resource, type Failure, type FailureContext } from "./failure.ts";

const accessHelp = {
  description: "Roles and actions of Key Protect",
  url: "https://cloud.ibm.com/docs/key-protect?topic=key-protect-manage-access",
};

const iamHelp = {
  description: "IAM access tokens",
  url: "https://cloud.ibm.com/docs/account?topic=account-iamoverview",
};

/** The owner of the token that the newest request carried. */
const principal = (f: FailureContext): "gateway" | "caller" =>
  f.context.attemptLog.credential ?? "gateway";

/**
 * The caller's own token is missing or not accepted: `CALLER_TOKEN_MISSING` of the gateway, or,
 * with the caller's token, 401 unless its reason and the token's age speak against it,
 * `BEARER_SUB_EXTRACTION_ERR`, 400 for CountKeys, or an expired token with 403 or with 400 without
 * a known reason.
 */
export const callerTokenRejected: Failure = (f) =>
  fail(
    f,
    status.UNAUTHENTICATED,
    "CALLER_TOKEN_REJECTED",
    `instance "${f.context.instance}" needs the caller's own IAM token in "authorization"; the token is missing, given twice, expired or not accepted; get a new token`,
    { help: [iamHelp] },
  );

/**
 * The gateway's credential is not accepted: `IAM_REJECTED` (IAM answered 400, 401 or 403), or
 * `BEARER_SUB_EXTRACTION_ERR` with the gateway's token.
 */
export const gatewayCredentialsRejected: Failure = (f) =>
  fail(
    f,
    status.INTERNAL,
    "UPSTREAM_CREDENTIALS_REJECTED",
    `the gateway's own credential for instance "${f.context.instance}" is not accepted; the gateway's operator has to replace it`,
  );

const lackingAccess: Failure = (f) =>
  fail(
    f,
    status.PERMISSION_DENIED,
    "UPSTREAM_ACCESS_DENIED",
    `Key Protect denies ${f.context.rpc.method} in instance "${f.context.instance}": the ${principal(f)} lacks the required role, or the configured instance or region is wrong`,
    { resource: resource(f), help: [accessHelp], metadata: { principal: principal(f) } },
  );

/**
 * Whether the caller's token may be the cause of a denial. Key Protect answers an expired token and
 * missing access with the same 401 and the same reason, so the token's age decides.
 */
const isTokenInDoubt = (f: FailureContext): boolean =>
  principal(f) === "caller" &&
  (f.callerTokenAge === "expired" || (f.httpStatus === 401 && f.callerTokenAge !== "current"));

/**
 * 403, or 401 without a known reason with the gateway's token. Also `UNAUTHORIZED_ERR` (documented
 * as missing access to the resource, and used for IP allow-lists), `CONFIG_RULE_CONFLICT_ERR`,
 * `RESOURCE_OWNER_ERR`, `SERVICE_ONLY_ERR` and `FEATURE_RESTRICTED_ERR`. If the cause may be a
 * caller's token instead, the caller is asked for a new one.
 */
export const accessDenied: Failure = (f) =>
  isTokenInDoubt(f) ? callerTokenRejected(f) : lackingAccess(f);

/** `BEARER_SUB_EXTRACTION_ERR`: Key Protect cannot use the token. Its owner has to act. */
export const tokenUnusable: Failure = (f) =>
  principal(f) === "caller" ? callerTokenRejected(f) : gatewayCredentialsRejected(f);

/**
 * 401 without a known reason. IAM granted the gateway's token a moment ago, so it lacks access; a
 * caller's token may have expired.
 */
export const unauthorized: Failure = (f) =>
  principal(f) === "caller" ? callerTokenRejected(f) : accessDenied(f);
