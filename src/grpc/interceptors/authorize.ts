import { status } from "@grpc/grpc-js";
import type { Policy } from "../../access/policy.ts";
import { forcedRows } from "../../rpc-table.ts";
import { StatusError } from "../status/status-error.ts";
import type { Interceptor } from "./interceptor.ts";

/**
 * Creates the interceptor that lets a call through if the policy allows its caller the RPC on its
 * instance, in its key ring and in the one that it moves a key to, and rejects it with
 * `PERMISSION_DENIED` otherwise. It runs before the request is validated, so its answer does not
 * reveal whether a key exists.
 */
export function createAuthorize(isAllowed: Policy): Interceptor {
  return (next) => (request, context) => {
    const { caller, instance, keyRing, targetKeyRing } = context;
    const rpc = isForced(request) ? (forcedRows.get(context.rpc.path) ?? context.rpc) : context.rpc;
    const isTargetAllowed =
      targetKeyRing === undefined || isAllowed(caller, rpc, instance, targetKeyRing);
    if (isTargetAllowed && isAllowed(caller, rpc, instance, keyRing)) return next(request, context);
    return Promise.reject(
      new StatusError(
        status.PERMISSION_DENIED,
        "CALLER_NOT_AUTHORIZED",
        `the gateway's policy does not allow this caller ${rpc.method} on this instance${keyRing === undefined ? "" : " in this key ring"}`,
        {
          resource: {
            type: "keyprotect-gateway/method",
            name: `${rpc.service}/${rpc.method}`,
            description: `instance ${instance}`,
          },
        },
      ),
    );
  };
}

/** Whether the request overrides a protection by its field `force`. */
const isForced = (request: unknown): boolean =>
  typeof request === "object" && request !== null && "force" in request && request.force === true;
