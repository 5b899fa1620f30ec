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
  test.each(secretNames)("a field named %s is redacted at the top and in nested fields", (name) => {
    const clean = redactSecrets({
      [name]: "SECRET",
      a: { [name]: ["SECRET"], b: [{ [name]: 1 }] },
    });

    expect(JSON.stringify(clean)).not.toContain("SECRET");
    expect(clean).toMatchObject({ [name]: "[redacted]", a: { b: [{ [name]: "[redacted]" }] } });
  });

  test("fields without secrets are returned as the same object", () => {
    const fields = { method: "x", code: "OK", durationMs: 1, reason: undefined, none: null };

    expect(redactSecrets(fields)).toBe(fields);
  });

  test("bytes are replaced by their length", () => {
    expect(redactSecrets({ a: Buffer.from("SECRET"), b: new Uint8Array(3) })).toEqual({
      a: "[6 bytes]",
      b: "[3 bytes]",
    });
  });

  test("errors are reduced at every level", () => {
    const clean = redactSecrets({ a: { b: new TypeError("SECRET") } });

    expect(JSON.stringify(clean)).not.toContain("SECRET");
    expect(clean).toMatchObject({ a: { b: { name: "TypeError" } } });
  });

  test("dates and secrets print themselves", () => {
    const clean = redactSecrets({ at: new Date(0), held: new Secret("SECRET") });

    expect(JSON.stringify(clean)).toBe('{"at":"1970-01-01T00:00:00.000Z","held":"[redacted]"}');
  });

  test("redaction does not change its input", () => {
    const fields = { token: "SECRET", a: { token: "SECRET" } };

    redactSecrets(fields);

    expect(fields).toEqual({ token: "SECRET", a: { token: "SECRET" } });
  });

  test("redaction ends although fields contain themselves", () => {
    const fields: Record<string, unknown> = {};
    fields["self"] = fields;

    expect(JSON.stringify(redactSecrets(fields))).toContain("[too deep]");
  });

  test("no value under a secret name gets through, in whatever it is nested", () => {
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
