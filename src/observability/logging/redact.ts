/** The second net under the logger: whoever logs is careful; here is what happens if somebody is not. */
import { redacted } from "../../platform/secret.ts";
import { serializeError } from "./serialize-error.ts";

/** Names under which secrets travel, word by word. */
const secretWords: readonly string[] = [
  "authorization",
  "proxy authorization",
  "api key",
  "token",
  "access token",
  "refresh token",
  "import token",
  "caller token",
  "bearer",
  "password",
  "passphrase",
  "secret",
  "cookie",
  "set cookie",
  "plaintext",
  "ciphertext",
  "rewrapped ciphertext",
  "payload",
  "key material",
  "encrypted key material",
  "material",
  "dek",
  "aad",
  "additional authenticated data",
  "nonce",
  "encrypted nonce",
  "iv",
  "private key",
  "body",
];

const capital = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1);

/** As a name is written in TypeScript, JSON, headers and variables. Spelt out here, to cost a look-up per field later. */
function spellings(words: string): string[] {
  const all = words.split(" ");
  const capitals = all.map(capital);
  const [first = "", ...rest] = all;
  return [
    all.join(""),
    all.join("_"),
    all.join("-"),
    [first, ...rest.map(capital)].join(""),
    capitals.join(""),
    capitals.join("-"),
    all.join("_").toUpperCase(),
  ];
}

const secretNames: ReadonlySet<string> = new Set(secretWords.flatMap(spellings));

const maxDepth = 5;

type Fields = Record<string, unknown>;

function redactValue(value: unknown, depth: number): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Error) return serializeError(value);
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (depth >= maxDepth) return "[too deep]";
  if (Array.isArray(value)) return value.map((each: unknown) => redactValue(each, depth + 1));
  // What knows how to print itself (`Date`, `Secret`) is left to do so.
  if ("toJSON" in value && typeof value.toJSON === "function") return value;
  return redactFields(value, depth + 1);
}

function redactFields(fields: object, depth: number): Fields {
  const clean: Fields = {};
  for (const [name, value] of Object.entries(fields)) {
    clean[name] =
      secretNames.has(name) && value !== undefined ? redacted : redactValue(value, depth);
  }
  return clean;
}

/** Whether the fields are nothing but harmless names with plain values, as those of the line per call are. */
function isHarmless(fields: Fields): boolean {
  for (const name in fields) {
    const value = fields[name];
    if ((typeof value === "object" && value !== null) || secretNames.has(name)) return false;
  }
  return true;
}

/**
 * A log line's fields without secrets: fields with the name of a secret are `[redacted]`, bytes give way to their
 * length, errors are reduced by `serializeError`, at every level down to the fifth, below which nothing is shown.
 */
export function redactSecrets(fields: Fields): Fields {
  return isHarmless(fields) ? fields : redactFields(fields, 1);
}
