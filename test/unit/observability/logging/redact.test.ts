import {
  assert,
  array,
  constantFrom,
  dictionary,
  letrec,
  oneof,
  property,
  string,
} from "fast-check";
import { describe, expect, test } from "vitest";
import { redactSecrets } from "../../../../src/observability/logging/redact.ts";
import { Secret } from "../../../../src/platform/secret.ts";

const secretNames = [
  "authorization",
  "Authorization",
  "apikey",
  "apiKey",
  "api_key",
  "api-key",
  "API_KEY",
  "access_token",
  "accessToken",
  "token",
  "importToken",
  "plaintext",
  "ciphertext",
  "payload",
  "key_material",
  "keyMaterial",
  "key-material",
  "encryptedNonce",
  "encrypted_nonce",
  "password",
  "set-cookie",
  "body",
];

describe("redactSecrets", () => {
  test.each(secretNames)("hides %s at the top and further down", (name) => {
    const clean = redactSecrets({
      [name]: "SECRET",
      a: { [name]: ["SECRET"], b: [{ [name]: 1 }] },
    });

    expect(JSON.stringify(clean)).not.toContain("SECRET");
    expect(clean).toMatchObject({ [name]: "[redacted]", a: { b: [{ [name]: "[redacted]" }] } });
  });

  test("hands on the very fields when there is nothing to hide", () => {
    const fields = { method: "x", code: "OK", durationMs: 1, reason: undefined, none: null };

    expect(redactSecrets(fields)).toBe(fields);
  });

  test("shows of bytes how many they are", () => {
    expect(redactSecrets({ a: Buffer.from("SECRET"), b: new Uint8Array(3) })).toEqual({
      a: "[6 bytes]",
      b: "[3 bytes]",
    });
  });

  test("reduces errors wherever they are", () => {
    const clean = redactSecrets({ a: { b: new TypeError("SECRET") } });

    expect(JSON.stringify(clean)).not.toContain("SECRET");
    expect(clean).toMatchObject({ a: { b: { name: "TypeError" } } });
  });

  test("leaves dates and secrets to print themselves", () => {
    const clean = redactSecrets({ at: new Date(0), held: new Secret("SECRET") });

    expect(JSON.stringify(clean)).toBe('{"at":"1970-01-01T00:00:00.000Z","held":"[redacted]"}');
  });

  test("does not change what it was given", () => {
    const fields = { token: "SECRET", a: { token: "SECRET" } };

    redactSecrets(fields);

    expect(fields).toEqual({ token: "SECRET", a: { token: "SECRET" } });
  });

  test("ends although fields contain themselves", () => {
    const fields: Record<string, unknown> = {};
    fields["self"] = fields;

    expect(JSON.stringify(redactSecrets(fields))).toContain("[too deep]");
  });

  test("lets no value under a secret name through, in whatever it is nested", () => {
    const { tree } = letrec((tie) => ({
      tree: oneof(
        { depthSize: "small" },
        string(),
        array(tie("tree"), { maxLength: 3 }),
        dictionary(constantFrom("a", "b"), tie("tree")),
        dictionary(
          constantFrom(...secretNames),
          constantFrom("SECRET", ["SECRET"], { a: "SECRET" }),
        ),
      ),
    }));
    assert(
      property(tree, (value) => {
        expect(JSON.stringify(redactSecrets({ value }))).not.toContain("SECRET");
      }),
    );
  });
});
