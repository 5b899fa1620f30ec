/** Whether a request may be made at all: whose token, which instance, which role. */
import type { IncomingHttpHeaders } from "node:http";
import type { Instance } from "../instance.ts";
import { operations } from "../api/operations.ts";
import type { Operation } from "../api/operations.ts";
import { isUuid } from "../api/route.ts";
import type { Profile } from "../profile.ts";
import type { Tokens } from "./tokens.ts";
import { hasRole } from "../user.ts";
import type { User } from "../user.ts";
import { plainRefusal, refusal } from "../api/vendor-error.ts";

/** The two parties of an authorized request. */
export interface Grant {
  readonly user: User;
  readonly instance: Instance;
}

/**
 * Creates the check of a request's headers for an operation. A missing role, an unknown instance and a bad token all give the
 * same 401, as the service does; only a bearer that is no JWT, and an instance that is no UUID, give a 400.
 */
export function createAuthorize(
  instances: ReadonlyMap<string, Instance>,
  tokens: Tokens,
  profile: Profile,
): (headers: IncomingHttpHeaders, operation: Operation) => Grant {
  return (headers, operation) => {
    const { authorization } = headers;
    if (authorization === undefined) throw plainRefusal(401);
    const [, bearer] = /^bearer +(\S+)$/i.exec(authorization) ?? [];
    const verdict = bearer === undefined ? undefined : tokens.check(bearer);
    if (verdict === undefined || verdict.kind === "malformed") {
      throw profile.errorStyle === "text"
        ? plainRefusal(401)
        : refusal("BEARER_SUB_EXTRACTION_ERR");
    }

    const instanceId = headers["bluemix-instance"];
    if (typeof instanceId !== "string" || !isUuid(instanceId)) {
      throw plainRefusal(
        400,
        "Request requires valid Bluemix-Instance Header containing a valid UUID",
      );
    }
    const instance = instances.get(instanceId.toLowerCase());
    if (verdict.kind === "rejected" || instance === undefined) throw plainRefusal(401);
    const { user } = verdict;
    const isReachable = user.instanceIds === undefined || user.instanceIds.includes(instance.id);
    if (!isReachable || !hasRole(user, operations[operation].role)) throw plainRefusal(401);
    return { user, instance };
  };
}
