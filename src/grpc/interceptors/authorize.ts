import { status } from "@grpc/grpc-js";
import { forcedRows } from "../../access/forced-rows.ts";
import { itemRows } from "../../access/item-rows.ts";
import type { Policy } from "../../access/policy.ts";
import type { Rpc } from "../../rpc-table.ts";
import type { CallContext } from "../call/call-context.ts";
import { StatusError } from "../status/status-error.ts";
import type { Interceptor } from "./interceptor.ts";

/**
 * Creates the interceptor that lets a call through if the policy allows its caller the RPC on its
 * instance, in its key ring and in the one that it moves a key to, and rejects it with
 * `PERMISSION_DENIED` otherwise. It runs before the request is validated, so its answer does not
 * reveal whether a key exists. A call with many items needs two permissions: for its RPC, and for
 * the one that each item is a request of.
 */
export function createAuthorize(isAllowed: Policy): Interceptor {
  return (next, ofCall) => {
    const forced = forcedRows.get(ofCall.path);
    const ofItems = itemRows.get(ofCall.path);
    return (request, context) => {
      const { caller, instance, keyRing, targetKeyRing } = context;
      const rpc = forced !== undefined && isForced(request) ? forced : ofCall;
      const isTargetAllowed =
        targetKeyRing === undefined || isAllowed(caller, rpc, instance, targetKeyRing);
      if (!isTargetAllowed || !isAllowed(caller, rpc, instance, keyRing)) {
        return Promise.reject(denied(rpc, context));
      }
      return ofItems === undefined || isAllowed(caller, ofItems, instance, keyRing)
        ? next(request, context)
        : Promise.reject(denied(ofItems, context));
    };
  };
}

const denied = ({ service, method }: Rpc, { instance, keyRing }: CallContext): StatusError =>
  new StatusError(
    status.PERMISSION_DENIED,
    "CALLER_NOT_AUTHORIZED",
    `the gateway's policy does not allow this caller ${method} on this instance${keyRing === undefined ? "" : " in this key ring"}`,
    {
      resource: {
        type: "keyprotect-gateway/method",
        name: `${service}/${method}`,
        description: `instance ${instance}`,
      },
    },
  );

/** Whether the request overrides a protection by its field `force`. */
const isForced = (request: unknown): boolean =>
  typeof request === "object" && request !== null && "force" in request && request.force === true;
