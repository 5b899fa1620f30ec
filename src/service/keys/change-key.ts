/** The handlers of the RPCs that change the state of a key and have no parameters of their own. */
import { ReturnPreference, type Key } from "../../gen/keyprotect/v1/key.ts";
import type { CallContext } from "../../grpc/call/call-context.ts";
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import { KeyProtectError } from "../../keyprotect/error.ts";
import type { KeyChange, KeyResource } from "../../keyprotect/resources.ts";
import { createHandler } from "../create-handler.ts";
import type { KeyProtect } from "../key-protect.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { keyId, returnPreference } from "../validation/fields.ts";
import { check } from "../validation/rules.ts";
import { toKey, toKeyOfId } from "./key-message.ts";
import { readAfterChange } from "./read-after-change.ts";

/** The request of all these RPCs. */
export interface KeyChangeRequest {
  readonly keyId: string;
  readonly returnPreference: ReturnPreference;
}

/** The response of all these RPCs. */
export interface KeyChangeResponse {
  key: Key | undefined;
}

/** A change, and how it is recognized as done. */
export interface KeyChangeKind {
  readonly change: KeyChange;
  /**
   * The key's state after the change. Absent if Key Protect answers a second request like the first
   * one.
   */
  readonly stateAfter?: number;
}

/**
 * Reads the key if a 409 may mean that an earlier attempt of this call made the change. Returns it
 * if it is in the state that the change leads to, and `undefined` otherwise.
 */
export async function changedBefore(
  error: unknown,
  context: CallContext,
  stateAfter: number,
  read: (context: CallContext) => Promise<KeyResource>,
): Promise<KeyResource | undefined> {
  const isConflict =
    error instanceof KeyProtectError && error.code === "REJECTED" && error.httpStatus === 409;
  if (!isConflict || context.attemptLog.mayHaveBeenExecuted !== true) return undefined;
  const found = await readAfterChange(context, read);
  return found?.state === stateAfter ? found : undefined;
}

/** Makes the change. Returns the key if it had to be read to know that the change is made. */
async function makeChange(
  context: CallContext,
  keyProtect: KeyProtect,
  id: string,
  { change, stateAfter }: KeyChangeKind,
): Promise<KeyResource | undefined> {
  try {
    await keyProtect.changeKey(context, id, change);
    return undefined;
  } catch (error) {
    if (stateAfter === undefined) throw error;
    const read = (call: CallContext): Promise<KeyResource> => keyProtect.getKey(call, id);
    const found = await changedBefore(error, context, stateAfter, read);
    if (found === undefined) throw error;
    return found;
  }
}

/** Creates the handler of one of these RPCs. */
export const createKeyChangeHandler = (
  { keyProtectOf }: ServiceDeps,
  kind: KeyChangeKind,
): UnaryHandler<KeyChangeRequest, KeyChangeResponse> =>
  createHandler({
    validate(request, violations) {
      check(violations, "key_id", request.keyId, keyId);
      check(violations, "return_preference", request.returnPreference, returnPreference);
    },
    subjectOf: (request) => ({ keyId: request.keyId }),
    async answer(request, context) {
      const keyProtect = keyProtectOf(context);
      const known = await makeChange(context, keyProtect, request.keyId, kind);
      if (request.returnPreference !== ReturnPreference.REPRESENTATION) {
        return { key: toKeyOfId(request.keyId) };
      }
      const key =
        known ?? (await readAfterChange(context, (call) => keyProtect.getKey(call, request.keyId)));
      return { key: key === undefined ? toKeyOfId(request.keyId) : toKey(key) };
    },
  });
