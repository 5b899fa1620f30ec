/** The routes that wrap, unwrap and rewrap data keys. */
import { randomBytes } from "node:crypto";
import { bodyOf, readyKey } from "./checks.ts";
import { createIvSource, parseWrappedKey, unwrap, wrap } from "./cipher.ts";
import type { Answer, Call, Route } from "../api/route.ts";
import { decodeBase64, stringField, stringsField } from "../api/json-fields.ts";
import type { JsonObject } from "../api/json-fields.ts";
import { newestVersion } from "../keys/record.ts";
import type { KeyRecord, KeyVersion } from "../keys/record.ts";
import type { Operation } from "../api/operations.ts";
import type { Profile } from "../profile.ts";
import type { Environment } from "../environment.ts";
import { invalidField, rejection } from "../api/vendor-error.ts";

type WrapOperation = Extract<Operation, "wrapKey" | "unwrapKey" | "rewrapKey">;

const actionType = "application/vnd.ibm.kms.key_action+json";
const maxPlaintextChars = 4096;
const maxAadItems = 126;
const maxAadChars = 255;
const dekBytes = 32;

const answer = (body: object): Answer => ({ status: 200, mediaType: actionType, body });

/** Creates the routes of wrap, unwrap and rewrap. */
export function createWrapRoutes({ profile }: Environment): Record<WrapOperation, Route> {
  const nextIv = createIvSource();
  const versionName = (version: KeyVersion): object | undefined =>
    profile.showsKeyVersions ? { id: version.id } : undefined;

  function wrapKey(call: Call): Answer {
    const key = readyKey(call, "wrap", profile);
    const body = bodyOf(call) ?? {};
    const aad = readAad(body);
    const given = stringField(body, "plaintext");
    const plaintext =
      given === undefined || given === "" ? randomBytes(dekBytes) : readPlaintext(given);
    const version = newestVersion(key);
    return answer({
      plaintext: given === undefined || given === "" ? plaintext.toString("base64") : undefined,
      ciphertext: wrap(version, plaintext, aad, nextIv()),
      keyVersion: versionName(version),
    });
  }

  function unwrapKey(call: Call): Answer {
    const key = readyKey(call, "unwrap", profile);
    const { plaintext, version, aad } = openCiphertext(call, key, profile);
    const newest = newestVersion(key);
    const isCurrent = version === newest;
    return answer({
      plaintext: plaintext.toString("base64"),
      ciphertext: isCurrent ? undefined : wrap(newest, plaintext, aad, nextIv()),
      keyVersion: versionName(version),
      rewrappedKeyVersion: isCurrent ? undefined : versionName(newest),
    });
  }

  function rewrapKey(call: Call): Answer {
    const key = readyKey(call, "rewrap", profile);
    const { plaintext, version, aad } = openCiphertext(call, key, profile);
    const newest = newestVersion(key);
    return answer({
      ciphertext: wrap(newest, plaintext, aad, nextIv()),
      keyVersion: versionName(version),
      rewrappedKeyVersion: versionName(newest),
    });
  }

  return { wrapKey, unwrapKey, rewrapKey };
}

function readAad(body: JsonObject): readonly string[] {
  const aad = stringsField(body, "aad");
  if (aad.length > maxAadItems || aad.some((item) => item.length > maxAadChars)) {
    throw invalidField(
      "aad",
      `at most ${maxAadItems} strings of at most ${maxAadChars} characters`,
    );
  }
  return aad;
}

function readPlaintext(text: string): Buffer {
  if (text.length > maxPlaintextChars) {
    throw invalidField(
      "plaintext",
      `a base64 encoded key material of at most ${maxPlaintextChars} characters`,
    );
  }
  return decodeBase64("plaintext", text, "a base64 encoded key material");
}

function openCiphertext(
  call: Call,
  key: KeyRecord,
  profile: Profile,
): { readonly plaintext: Buffer; readonly version: KeyVersion; readonly aad: readonly string[] } {
  const body = bodyOf(call);
  if (body === undefined) throw rejection("NO_BODY_ERR");
  const rule = "the original base64 encoded ciphertext from the wrap operation";
  const ciphertext = stringField(body, "ciphertext");
  if (ciphertext === undefined || ciphertext === "") throw invalidField("ciphertext", rule);
  const aad = readAad(body);
  const wrapped = parseWrappedKey(decodeBase64("ciphertext", ciphertext, rule));
  if (wrapped === undefined) throw invalidField("ciphertext", rule);
  const opened = unwrap(key.versions, wrapped, aad);
  if (opened !== undefined) return { ...opened, aad };
  if (profile.wrongCiphertextStatus === 400) throw invalidField("ciphertext", rule);
  throw rejection("UNPROCESSABLE_CIPHERTEXT_ERR");
}
