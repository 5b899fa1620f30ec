/** The seam between a door and the protocol that it speaks. */
import type {
  UnwrapKeyRequest,
  UnwrapKeyResponse,
} from "../gen/keyprotect/v1/key_actions_service.ts";
import type { WrapKeyRequest, WrapKeyResponse } from "../gen/keyprotect/v1/key_actions_service.ts";
import type { BoundService } from "../grpc/call/bind-service.ts";
import type { CallContext } from "../grpc/call/call-context.ts";
import type { Unary } from "../grpc/call/unary-handler.ts";
import type { UnaryHandler } from "../grpc/interceptors/interceptor.ts";
import type { Clock } from "../platform/clock.ts";
import { doorRpcs } from "../door-rpcs/door-rpcs.ts";
import { rpcOf, type Rpc } from "../rpc-table.ts";

/** The way of a door to Key Protect. */
export interface DoorDeps {
  /**
   * The handler of WrapKey for calls of the door: the same validation, mapping of errors and
   * outbound layers as for WrapKey itself.
   */
  readonly wrapKey: UnaryHandler<WrapKeyRequest, WrapKeyResponse>;
  /** The handler of UnwrapKey for calls of the door. */
  readonly unwrapKey: UnaryHandler<UnwrapKeyRequest, UnwrapKeyResponse>;
  readonly clock: Clock;
}

/** A protocol that a door speaks. */
export interface Door {
  /** Full gRPC names of its services, for the health service. */
  readonly healthServices: readonly string[];
  /** Its contract, with the health service and error details, for server reflection. */
  readonly descriptorSetBase64: string;
  /** Binds its services. Called once. */
  readonly bind: (unary: Unary) => readonly BoundService[];
  /** The ID that the caller gave a request. Absent: the protocol has none. */
  readonly uidOf?: (request: unknown) => string | undefined;
}

/** The row of a door's RPC. Throws if there is none, which is a defect of the gateway. */
export function doorRpcOf(path: string): Rpc {
  const rpc = doorRpcs.find((row) => row.path === path);
  if (rpc === undefined) throw new Error(`no row in door-rpcs.ts for ${path}`);
  return rpc;
}

/**
 * Lets calls of other RPCs use the handler of an RPC of the contract. The outbound layers then see
 * that RPC: its retry class, priority, attempt time-out and coalescing, and its name in metrics.
 */
export function asRpc<Req, Res>(
  handler: UnaryHandler<Req, Res>,
  path: string,
): UnaryHandler<Req, Res> {
  const rpc = rpcOf(path);
  return (request, context: CallContext) => handler(request, { ...context, rpc });
}
