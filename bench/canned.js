export const keyId = "b2c1f5de-2f4b-4d5b-8a52-6f0f6b1a7c11";
export const instanceId = "00000000-0000-4000-8000-000000000000";
export const apiKey = "not-a-key-of-anybody";
const inToken = (part) => Buffer.from(JSON.stringify(part)).toString("base64url");
/** Unsigned, but of the length and form of IAM's: IBM's client reads its times. Good for a day. */
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
/** A data encryption key of 256 bits. */
const plaintext = Buffer.alloc(32, "plain");
/** As long as what Key Protect gives for 32 bytes: JSON in base64, which is base64 in JSON again. */
const ciphertext = Buffer.alloc(255, "cipher");
export const wrapRequest = {
  keyId,
  plaintext,
  additionalAuthenticatedData: [],
};
export const wrapResponse = { ciphertext, keyVersionId };
/** The path of the request to Key Protect. */
export const wrapPath = `/api/v2/keys/${keyId}/actions/wrap`;
/** The body of Key Protect's answer. */
export const wrapAnswer = JSON.stringify({
  ciphertext: ciphertext.toString("base64"),
  keyVersion: { id: keyVersionId, creationDate: "2024-05-17T09:41:00Z" },
});
