import type {
  GenerateDataKeyRequest,
  GenerateDataKeyResponse,
  RotateKeyRequest,
  RotateKeyResponse,
  UnwrapKeyRequest,
  UnwrapKeyResponse,
  WrapKeyRequest,
  WrapKeyResponse,
} from "../../gen/keyprotect/v1/key_actions_service.ts";
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import { KeyProtectError } from "../../keyprotect/error.ts";
import { createHandler, type Operation } from "../create-handler.ts";
import { additionalAuthenticatedData, ciphertext, keyId, plaintext } from "../validation/fields.ts";
import { rotateKey } from "./rotate-key.ts";
import type { ServiceDeps } from "../service-deps.ts";
import { check } from "../validation/rules.ts";

/** What the handlers of `KeyActionsService` work with. */
export type KeyActionsServiceDeps = Omit<ServiceDeps, "clock">;

/** The handlers of `keyprotect.v1.KeyActionsService`. */
export interface KeyActionsHandlers {
  readonly wrapKey: UnaryHandler<WrapKeyRequest, WrapKeyResponse>;
  readonly generateDataKey: UnaryHandler<GenerateDataKeyRequest, GenerateDataKeyResponse>;
  readonly unwrapKey: UnaryHandler<UnwrapKeyRequest, UnwrapKeyResponse>;
  readonly rotateKey: UnaryHandler<RotateKeyRequest, RotateKeyResponse>;
}

const none = Buffer.alloc(0);
const aadField = "additional_authenticated_data";

const wrapKey = ({
  keyProtectOf,
}: KeyActionsServiceDeps): Operation<WrapKeyRequest, WrapKeyResponse> => ({
  validate: (request, violations) => {
    check(violations, "key_id", request.keyId, keyId);
    check(violations, "plaintext", request.plaintext, plaintext);
    check(violations, aadField, request.additionalAuthenticatedData, additionalAuthenticatedData);
  },
  subjectOf: (request) => ({ keyId: request.keyId }),
  answer: async (request, context) => {
    const wrapped = await keyProtectOf(context).wrapKey(context, request.keyId, {
      plaintext: request.plaintext,
      aad: request.additionalAuthenticatedData,
    });
    wrapped.plaintext?.fill(0);
    return { ciphertext: wrapped.ciphertext, keyVersionId: wrapped.keyVersionId ?? "" };
  },
  wipe: (request) => request.plaintext.fill(0),
});

const generateDataKey = ({
  keyProtectOf,
}: KeyActionsServiceDeps): Operation<GenerateDataKeyRequest, GenerateDataKeyResponse> => ({
  validate: (request, violations) => {
    check(violations, "key_id", request.keyId, keyId);
    check(violations, aadField, request.additionalAuthenticatedData, additionalAuthenticatedData);
  },
  subjectOf: (request) => ({ keyId: request.keyId }),
  answer: async (request, context) => {
    const generated = await keyProtectOf(context).wrapKey(context, request.keyId, {
      aad: request.additionalAuthenticatedData,
    });
    const { ciphertext: wrapped, keyVersionId = "" } = generated;
    if (request.omitPlaintext) {
      generated.plaintext?.fill(0);
      return { plaintext: none, ciphertext: wrapped, keyVersionId };
    }
    if (generated.plaintext === undefined || generated.plaintext.length === 0) {
      throw new KeyProtectError("BAD_RESPONSE", "a data key was generated, but not returned");
    }
    return { plaintext: generated.plaintext, ciphertext: wrapped, keyVersionId };
  },
});

const unwrapKey = ({
  keyProtectOf,
}: KeyActionsServiceDeps): Operation<UnwrapKeyRequest, UnwrapKeyResponse> => ({
  validate: (request, violations) => {
    check(violations, "key_id", request.keyId, keyId);
    check(violations, "ciphertext", request.ciphertext, ciphertext);
    check(violations, aadField, request.additionalAuthenticatedData, additionalAuthenticatedData);
  },
  subjectOf: (request) => ({ keyId: request.keyId }),
  answer: async (request, context) => {
    const unwrapped = await keyProtectOf(context).unwrapKey(context, request.keyId, {
      ciphertext: request.ciphertext,
      aad: request.additionalAuthenticatedData,
    });
    return {
      plaintext: unwrapped.plaintext,
      rewrappedCiphertext: unwrapped.rewrappedCiphertext ?? none,
      rewrappedKeyVersionId: unwrapped.rewrappedKeyVersionId ?? "",
    };
  },
});

/** Creates the handlers of `keyprotect.v1.KeyActionsService`. */
export const createKeyActionsHandlers = (deps: KeyActionsServiceDeps): KeyActionsHandlers => ({
  wrapKey: createHandler(wrapKey(deps)),
  generateDataKey: createHandler(generateDataKey(deps)),
  unwrapKey: createHandler(unwrapKey(deps)),
  rotateKey: createHandler(rotateKey(deps)),
});
