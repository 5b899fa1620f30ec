/** Wrap, unwrap and rotate. */
import { type ApiCall, pathSegment, type ApiRequest, type OperationDeps } from "../call-api.ts";
import {
  optionalBytes,
  own,
  parseObject,
  requiredBytes,
  requiredText,
  toObject,
  type JsonObject,
} from "../decode/json.ts";
import { importedMaterialFields, type KeyAction } from "../dialects/dialect.ts";
import { badResponseError } from "../error.ts";
import { mediaType } from "../media-types.ts";
import type { ImportedMaterial, RewrapResult, UnwrapResult, WrapResult } from "../resources.ts";
import type { UpstreamResponse } from "../../upstream/layer.ts";

/**
 * The operations with a root key. Each rejects as `KeyProtectClient` says; a line below names what
 * else the operation rejects.
 */
export interface KeyActionOperations {
  /**
   * Wraps `plaintext`, or a data key that the service generates if there is none. Rejects with
   * `BAD_RESPONSE` without a ciphertext, or if a generated data key does not have 256 bits.
   */
  wrapKey(
    call: ApiCall,
    keyId: string,
    body: { plaintext?: Buffer; aad: readonly string[] },
  ): Promise<WrapResult>;
  /** Unwraps `ciphertext`. Rejects with `BAD_RESPONSE` without a plaintext. */
  unwrapKey(
    call: ApiCall,
    keyId: string,
    body: { ciphertext: Buffer; aad: readonly string[] },
  ): Promise<UnwrapResult>;
  /** Wraps what `ciphertext` holds anew. Rejects with `BAD_RESPONSE` without a ciphertext. */
  rewrapKey(
    call: ApiCall,
    keyId: string,
    body: { ciphertext: Buffer; aad: readonly string[] },
  ): Promise<RewrapResult>;
  /**
   * Rotates the key to `material`, or to generated material. Rejects with `UNSUPPORTED` for
   * encrypted material that the dialect does not have.
   */
  rotateKey(call: ApiCall, keyId: string, material: ImportedMaterial | undefined): Promise<void>;
}

/** Length of a data key that the service generates, in bytes. */
const generatedBytes = 32;

/** Creates the operations with a root key. */
export function createKeyActionOperations({
  callApi,
  dialect,
}: OperationDeps): KeyActionOperations {
  const actionRequest = (
    action: KeyAction,
    keyId: string,
    body: object | undefined,
    expected: readonly number[],
  ): ApiRequest => ({
    method: "POST",
    path: dialect.actionPath(pathSegment(keyId), action),
    accept: mediaType.keyAction,
    ...(body && { contentType: mediaType.keyAction, body }),
    expected,
    isAnswerSecret: true,
  });

  return {
    // `await` on the hot path: returning the promise itself would take two more microtask turns.
    wrapKey: async (call, keyId, { plaintext, aad }) =>
      await callApi(
        call,
        actionRequest("wrap", keyId, toBody("plaintext", plaintext, aad), wrapStatuses),
        plaintext === undefined ? readDataKey : readWrapped,
      ),

    unwrapKey: async (call, keyId, { ciphertext, aad }) =>
      await callApi(
        call,
        actionRequest("unwrap", keyId, toBody("ciphertext", ciphertext, aad), wrapStatuses),
        readUnwrapped,
      ),

    rewrapKey: async (call, keyId, { ciphertext, aad }) =>
      callApi(
        call,
        {
          ...actionRequest("rewrap", keyId, toBody("ciphertext", ciphertext, aad), wrapStatuses),
          isAnswerSecret: false,
          isCurrentOnly: true,
        },
        ({ body }) => decodeRewrap(parseObject(body)),
      ),

    rotateKey: async (call, keyId, material) => {
      const body = material ? importedMaterialFields(material, dialect) : dialect.generatedRotation;
      return callApi(call, actionRequest("rotate", keyId, body, rotateStatuses), () => undefined);
    },
  };
}

const wrapStatuses = [200] as const;
/** Not 200: nothing in its body could confirm the rotation, and a proxy's page has it too. */
const rotateStatuses = [204] as const;

/**
 * The body of a wrap or unwrap, without UTF-8 encoding and without `JSON.stringify` for the base64.
 * Base64 needs no escaping, and `JSON.stringify` would search it for characters to escape at
 * several times the cost. An empty list of additional data means the same as none; neither is sent.
 */
function toBody(
  field: "plaintext" | "ciphertext",
  bytes: Buffer | undefined,
  aad: readonly string[],
): Buffer {
  const member = bytes === undefined ? "" : `"${field}":"${bytes.toString("base64")}"`;
  if (aad.length === 0) return Buffer.from(`{${member}}`, "latin1");
  const comma = member === "" ? "" : ",";
  return Buffer.from(`{${member}${comma}"aad":${JSON.stringify(aad)}}`, "utf8");
}

/** Reads the response to a wrap of the caller's plaintext. A plaintext in it is ignored. */
function readWrapped({ body }: UpstreamResponse): WrapResult {
  const answer = parseObject(body);
  return {
    plaintext: undefined,
    ciphertext: requiredBytes(answer, "ciphertext"),
    keyVersionId: versionId(answer, "keyVersion"),
  };
}

/**
 * Reads the response to a wrap of a data key that the service generated. Reads the plaintext last,
 * so that an error in another field leaves no decoded plaintext behind.
 */
function readDataKey({ body }: UpstreamResponse): WrapResult {
  const answer = parseObject(body);
  const ciphertext = requiredBytes(answer, "ciphertext");
  const keyVersionId = versionId(answer, "keyVersion");
  const plaintext = requiredBytes(answer, "plaintext");
  if (plaintext.length !== generatedBytes) {
    plaintext.fill(0);
    throw badResponseError("plaintext is not a 256-bit data key");
  }
  return { plaintext, ciphertext, keyVersionId };
}

/** Reads the plaintext last, for the same reason. */
function readUnwrapped({ body }: UpstreamResponse): UnwrapResult {
  const answer = parseObject(body);
  const rewrappedCiphertext = optionalBytes(answer, "ciphertext");
  const rewrappedKeyVersionId = rewrappedCiphertext && versionId(answer, "rewrappedKeyVersion");
  const plaintext = requiredBytes(answer, "plaintext");
  return { plaintext, rewrappedCiphertext, rewrappedKeyVersionId };
}

const decodeRewrap = (answer: JsonObject): RewrapResult => ({
  ciphertext: requiredBytes(answer, "ciphertext"),
  keyVersionId: versionId(answer, "rewrappedKeyVersion"),
  previousKeyVersionId: versionId(answer, "keyVersion"),
});

function versionId(answer: JsonObject, name: string): string | undefined {
  const version = own(answer, name);
  return version === undefined ? undefined : requiredText(toObject(version, name), "id");
}
