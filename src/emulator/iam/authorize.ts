/** Authorizes requests to Key Protect by their token, instance and role. */
import type { IncomingHttpHeaders } from "node:http";
import type { Instance } from "../instance.ts";
import { operations } from "../api/operations.ts";
import type { Operation } from "../api/operations.ts";
import { isUuid } from "../api/route.ts";
import type { Profile } from "../profile.ts";
import type { Tokens } from "./tokens.ts";
import { hasRole } from "../user.ts";
import type { Identity } from "../user.ts";
import { plainRejection, rejection } from "../api/vendor-error.ts";

/** The user and the instance of an authorized request. */
export interface Grant {
  readonly user: Identity;
  readonly instance: Instance;
}

/**
 * Creates the function that authorizes a request by its headers. Like the service, it answers 401
 * to a missing role, an unknown instance and a bad token alike. A bearer token that is no JWT and
 * an instance that is no UUID get 400; in the profile of 2019 such a token gets 401.
 */
export function createAuthorize(
  instances: ReadonlyMap<string, Instance>,
  tokens: Tokens,
  profile: Profile,
): (headers: IncomingHttpHeaders, operation: Operation) => Grant {
  return (headers, operation) => {
    const { authorization } = headers;
    if (authorization === undefined) throw plainRejection(401);
    const [, bearer] = /^bearer +(\S+)$/i.exec(authorization) ?? [];
    const check = bearer === undefined ? undefined : tokens.check(bearer);
    if (check === undefined || check.kind === "malformed") {
      throw profile.errorStyle === "text"
        ? plainRejection(401)
        : rejection("BEARER_SUB_EXTRACTION_ERR");
    }

    const instanceId = headers["bluemix-instance"];
    if (typeof instanceId !== "string" || !isUuid(instanceId)) {
      throw plainRejection(
        400,
        "Request requires valid Bluemix-Instance Header containing a valid UUID",
      );
    }
    const instance = instances.get(instanceId.toLowerCase());
    if (check.kind === "rejected" || instance === undefined) throw plainRejection(401);
    const { user } = check;
    const isReachable = user.instanceIds === undefined || user.instanceIds.includes(instance.id);
    const { path, role, otherRole } = operations[operation];
    const hasAnyRole = hasRole(user, role) || (otherRole !== undefined && hasRole(user, otherRole));
    const isRingReachable = canReachRing(user, path, headers["x-kms-key-ring"]);
    if (!isReachable || !isRingReachable || !hasAnyRole) throw plainRejection(401);
    return { user, instance };
  };
}

// A policy for key rings grants nothing on KMIP, whose actions apply to the whole instance.
function canReachRing(
  { keyRingIds }: Identity,
  path: string,
  ring: string | string[] | undefined,
): boolean {
  if (keyRingIds === undefined) return true;
  if (path.startsWith("/kmip_adapters")) return false;
  return !path.startsWith("/keys") || (typeof ring === "string" && keyRingIds.includes(ring));
}
