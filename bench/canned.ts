/**
 * The wrap request that every arrangement makes, and the answer of the stand-in for Key Protect.
 */
import type {
  WrapKeyRequest,
  WrapKeyResponse,
} from "../src/gen/keyprotect/v1/key_actions_service.ts";

/** The key that wraps. */
export const keyId = "b2c1f5de-2f4b-4d5b-8a52-6f0f6b1a7c11";
/** The Key Protect instance. */
export const instanceId = "00000000-0000-4000-8000-000000000000";
/** An API key that the stand-in does not check. */
export const apiKey = "not-a-key-of-anybody";

const inToken = (part: object): string => Buffer.from(JSON.stringify(part)).toString("base64url");

/**
 * An access token without a signature, with the length and format of IAM's tokens, because IBM's
 * client reads its times. Valid for a day.
 */
export const accessToken = [
  inToken({ alg: "none", kid: "bench" }),
  inToken({
    iat: Math.floor(Date.now() / 1_000),
    exp: Math.floor(Date.now() / 1_000) + 86_400,
    claims: "x".repeat(512),
  }),
  "x".repeat(342),
].join(".");

const keyVersionId = "7c7d3f0c-2ad6-4e19-a80c-4c3f9e0b9a55";

/** A data key of 256 bits. */
const plaintext = Buffer.alloc(32, "plain");
/**
 * As long as the ciphertext of Key Protect for 32 bytes, which is base64 of JSON that contains
 * base64.
 */
const ciphertext = Buffer.alloc(255, "cipher");

/** The request to the gateway. */
export const wrapRequest: WrapKeyRequest = {
  keyId,
  plaintext,
  additionalAuthenticatedData: [],
};

/** The expected response of the gateway. */
export const wrapResponse: WrapKeyResponse = { ciphertext, keyVersionId };

/** The path of the request to Key Protect. */
export const wrapPath = `/api/v2/keys/${keyId}/actions/wrap`;

/** The body of Key Protect's answer. */
export const wrapAnswer = JSON.stringify({
  ciphertext: ciphertext.toString("base64"),
  keyVersion: { id: keyVersionId, creationDate: "2024-05-17T09:41:00Z" },
});
