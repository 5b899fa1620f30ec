import { bindService, type BoundService } from "../../grpc/call/bind-service.ts";
import { services } from "../../grpc/call/services.ts";
import type { Unary } from "../../grpc/call/unary-handler.ts";
import type { Streaming } from "../../grpc/call/streams/streaming.ts";
import { assertTableCovers, rpcOf } from "../../rpc-table.ts";
import { createAliasesHandlers } from "../../service/aliases/handlers.ts";
import { createInstancePoliciesHandlers } from "../../service/instance-policies/handlers.ts";
import { createKeyActionsHandlers } from "../../service/key-actions/handlers.ts";
import { createKeyRingsHandlers } from "../../service/key-rings/handlers.ts";
import { createKeysHandlers } from "../../service/keys/handlers.ts";
import { createKmipAdaptersHandlers } from "../../service/kmip-adapters/handlers.ts";
import { createKmipCertificatesHandlers } from "../../service/kmip-certificates/handlers.ts";
import { createKmipObjectsHandlers } from "../../service/kmip-objects/handlers.ts";
import { createLockersHandlers } from "../../service/lockers/handlers.ts";
import { createPoliciesHandlers } from "../../service/policies/handlers.ts";
import { createRegistrationsHandlers } from "../../service/registrations/handlers.ts";
import type { ServiceDeps } from "../../service/service-deps.ts";

/**
 * Binds all services of the contract to their handlers. Throws if an RPC has no handler or no row
 * in `rpc-table.ts`.
 */
export function bindContract(
  deps: ServiceDeps,
  unary: Unary,
  streaming: Streaming,
): readonly BoundService[] {
  const bound = [
    bindService(services.keys, createKeysHandlers(deps), unary),
    bindService(services.keyActions, createKeyActionsHandlers(deps), unary, rpcOf, streaming),
    bindService(services.policies, createPoliciesHandlers(deps), unary),
    bindService(services.instancePolicies, createInstancePoliciesHandlers(deps), unary),
    bindService(services.aliases, createAliasesHandlers(deps), unary),
    bindService(services.keyRings, createKeyRingsHandlers(deps), unary),
    bindService(services.registrations, createRegistrationsHandlers(deps), unary),
    bindService(services.lockers, createLockersHandlers(deps), unary),
    bindService(services.kmipAdapters, createKmipAdaptersHandlers(deps), unary),
    bindService(services.kmipObjects, createKmipObjectsHandlers(deps), unary),
    bindService(services.kmipCertificates, createKmipCertificatesHandlers(deps), unary),
  ];
  assertTableCovers(
    bound.flatMap(({ definition }) => Object.values(definition).map(({ path }) => path)),
  );
  return bound;
}
