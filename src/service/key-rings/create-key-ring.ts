import type {
  CreateKeyRingRequest,
  CreateKeyRingResponse,
} from "../../gen/keyprotect/v1/key_rings_service.ts";
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import type { CallContext } from "../../grpc/call/call-context.ts";
import { KeyProtectError } from "../../keyprotect/error.ts";
import { createHandler } from "../create-handler.ts";
import type { KeyProtect } from "../key-protect.ts";
import { readAfterChange } from "../keys/read-after-change.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { keyRingId } from "../validation/fields.ts";
import { check } from "../validation/rules.ts";

/** More rings than an instance has. */
const allRings = { limit: 1_000, offset: 0 };

/**
 * Creates the ring. Key Protect rejects an ID that is in use. After an attempt of this call that
 * may have created the ring, a ring with the ID is therefore the one of this call.
 */
async function create(context: CallContext, keyProtect: KeyProtect, id: string): Promise<void> {
  try {
    await keyProtect.createKeyRing(context, id);
  } catch (error) {
    const isRejected = error instanceof KeyProtectError && error.code === "REJECTED";
    if (!isRejected || context.attemptLog.mayHaveBeenExecuted !== true) throw error;
    const rings = await readAfterChange(context, (call) => keyProtect.listKeyRings(call, allRings));
    if (rings?.items.some((ring) => ring.id === id) !== true) throw error;
  }
}

/** Creates the handler of CreateKeyRing. */
export const createKeyRing = ({
  keyProtectOf,
}: ServiceDeps): UnaryHandler<CreateKeyRingRequest, CreateKeyRingResponse> =>
  createHandler({
    validate: (request, violations) =>
      check(violations, "key_ring_id", request.keyRingId, keyRingId),
    subjectOf: (request) => ({ keyRingId: request.keyRingId }),
    async answer(request, context) {
      await create(context, keyProtectOf(context), request.keyRingId);
      return { keyRing: { id: request.keyRingId, createTime: undefined, createdBy: "" } };
    },
  });
