/** Who may not: tokens, roles, credentials. */
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

const principal = (s: FailureContext): "gateway" | "caller" =>
  s.context.attemptLog.credential ?? "gateway";

export const callerTokenRejected: Failure = (s) =>
  fail(
    s,
    status.UNAUTHENTICATED,
    "CALLER_TOKEN_REJECTED",
    `instance "${s.context.instance}" is used with the caller's own IAM token, and the one in "authorization" is missing, expired or not accepted; get a new token`,
    { help: [iamHelp] },
  );

export const gatewayCredentialsRejected: Failure = (s) =>
  fail(
    s,
    status.INTERNAL,
    "UPSTREAM_CREDENTIALS_REJECTED",
    `the gateway's own credential for instance "${s.context.instance}" is not accepted; the gateway's operator has to replace it`,
  );

export const accessDenied: Failure = (s) =>
  fail(
    s,
    status.PERMISSION_DENIED,
    "UPSTREAM_ACCESS_DENIED",
    `Key Protect denies ${s.context.rpc.method} in instance "${s.context.instance}": the ${principal(s)} lacks the role, or the instance or its region is not the one meant`,
    { resource: resource(s), help: [accessHelp], metadata: { principal: principal(s) } },
  );

/** A token that Key Protect cannot use: whose it is decides who has to act. */
export const tokenUnusable: Failure = (s) =>
  principal(s) === "caller" ? callerTokenRejected(s) : gatewayCredentialsRejected(s);

/** 401 without a reason: IAM granted the gateway's token a moment ago, so it is access; a caller's may be stale. */
export const unauthorized: Failure = (s) =>
  principal(s) === "caller" ? callerTokenRejected(s) : accessDenied(s);
