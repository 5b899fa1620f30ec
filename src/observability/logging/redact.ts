/** Redaction of log fields: the second safeguard, for a secret that is logged by mistake. */
import { redacted } from "../../platform/secret.ts";
import { serializeError } from "./serialize-error.ts";

/** Names of fields that hold secrets, in separate words. */
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

/**
 * The spellings of a name in TypeScript, JSON, headers and variables. Computed once, so that a
 * field costs one look-up.
 */
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
  // `Date`, `Secret` and the like print themselves.
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

/** Whether no field has the name of a secret or an object as value, as in the line per call. */
function isHarmless(fields: Fields): boolean {
  for (const name in fields) {
    const value = fields[name];
    if ((typeof value === "object" && value !== null) || secretNames.has(name)) return false;
  }
  return true;
}

/**
 * Returns the fields of a log line without secrets. Fields with the name of a secret become
 * `[redacted]`, bytes become their length, and errors are reduced by `serializeError`. This holds
 * for five levels of nesting; deeper levels are not shown.
 */
export function redactSecrets(fields: Fields): Fields {
  return isHarmless(fields) ? fields : redactFields(fields, 1);
}
