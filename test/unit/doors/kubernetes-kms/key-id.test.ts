import { expect, test } from "vitest";
import { formatKeyId, parseKeyId } from "../../../../src/doors/kubernetes-kms/key-id.ts";

const instanceId = "e0a1b2c3-0000-4000-8000-000000000001";
const keyId = "11111111-2222-4333-8444-555555555555";
const keyVersionId = "66666666-7777-4888-8999-aaaaaaaaaaaa";
const text = `${instanceId}/${keyId}/${keyVersionId}`;

test("a key_id names instance, key and version, and is read back", () => {
  expect(formatKeyId({ instanceId, keyId, keyVersionId })).toBe(text);
  expect(parseKeyId(text)).toEqual({ instanceId, keyId, keyVersionId });
  expect(Buffer.byteLength(text)).toBe(110);
});

test.each([
  "",
  keyId,
  `${instanceId}/${keyId}`,
  `${text}/`,
  `/${text}`,
  `${text}\n`,
  `${text}/${keyId}`,
  text.toUpperCase(),
  text.replaceAll("/", "%2f"),
  `${instanceId}/../${keyVersionId}`,
])("the text %j is no key_id", (other) => {
  expect(parseKeyId(other)).toBeUndefined();
});
