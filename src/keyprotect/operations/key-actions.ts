import type { UpstreamCall } from "../../upstream/layer.ts";
import { badResponseError } from "../error.ts";
import { type KeyAction, importedMaterialFields } from "../dialects/dialect.ts";
import { type ApiRequest, pathSegment, type OperationDeps } from "../call-api.ts";
import {
  optionalBytes,
  own,
  parseJson,
  requiredBytes,
  requiredText,
  toObject,
  type JsonObject,
} from "../decode/json.ts";
import { mediaType } from "../media-types.ts";
import type { ImportedMaterial, UnwrapResult, WrapResult } from "../resources.ts";

/** The operations that use a root key. */
export interface KeyActionOperations {
  wrapKey(
    call: UpstreamCall,
    keyId: string,
    body: { plaintext?: Buffer; aad: readonly string[] },
  ): Promise<WrapResult>;
  unwrapKey(
    call: UpstreamCall,
    keyId: string,
    body: { ciphertext: Buffer; aad: readonly string[] },
  ): Promise<UnwrapResult>;
  rotateKey(
    call: UpstreamCall,
    keyId: string,
    material: ImportedMaterial | undefined,
  ): Promise<void>;
}

/** Length of a data key that the service generates: 256 bits. */
const generatedBytes = 32;

/** Creates the operations that use a root key. */
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
    wrapKey: async (call, keyId, { plaintext, aad }) =>
      await callApi(
        call,
        actionRequest("wrap", keyId, toBody("plaintext", plaintext, aad), wrapped),
        ({ body }) => decodeWrap(toObject(parseJson(body), "the body"), plaintext === undefined),
      ),

    unwrapKey: async (call, keyId, { ciphertext, aad }) =>
      await callApi(
        call,
        actionRequest("unwrap", keyId, toBody("ciphertext", ciphertext, aad), wrapped),
        ({ body }) => decodeUnwrap(toObject(parseJson(body), "the body")),
      ),

    rotateKey: async (call, keyId, material) => {
      const body = material ? importedMaterialFields(material, dialect) : dialect.generatedRotation;
      // Which status a rotation succeeds with says enough; a body is not looked at.
      return callApi(call, actionRequest("rotate", keyId, body, rotated), () => undefined);
    },
  };
}

const wrapped = [200] as const;
const rotated = [204, 200] as const;

/**
 * The body of a wrap or unwrap. Put together by hand on the hottest path: base64 needs no escaping, which `JSON.stringify`
 * would look for at several times the cost, and no UTF-8. No additional data and an empty list mean the same, and neither
 * is sent.
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

/** Plaintexts are decoded last, so that none is left behind by a complaint about another field. */
function decodeWrap(answer: JsonObject, isPlaintextGenerated: boolean): WrapResult {
  const ciphertext = requiredBytes(answer, "ciphertext");
  const keyVersionId = versionId(answer, "keyVersion");
  if (!isPlaintextGenerated) return { plaintext: undefined, ciphertext, keyVersionId };
  const plaintext = requiredBytes(answer, "plaintext");
  if (plaintext.length !== generatedBytes) {
    plaintext.fill(0);
    throw badResponseError("plaintext is not a 256-bit data key");
  }
  return { plaintext, ciphertext, keyVersionId };
}

function decodeUnwrap(answer: JsonObject): UnwrapResult {
  const rewrappedCiphertext = optionalBytes(answer, "ciphertext");
  const rewrappedKeyVersionId = rewrappedCiphertext && versionId(answer, "rewrappedKeyVersion");
  const plaintext = requiredBytes(answer, "plaintext");
  return { plaintext, rewrappedCiphertext, rewrappedKeyVersionId };
}

function versionId(answer: JsonObject, name: string): string | undefined {
  const version = own(answer, name);
  return version === undefined ? undefined : requiredText(toObject(version, name), "id");
}
