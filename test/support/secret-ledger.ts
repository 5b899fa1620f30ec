/** Records every secret of a test and finds each trace of one in the output of the gateway. */
import { randomBytes } from "node:crypto";

/** The secrets of one test. */
export interface SecretLedger {
  /**
   * Returns random bytes that must never appear outside of messages. `length` is at least 12, so
   * that no match is a coincidence.
   */
  bytes(length: number): Buffer;
  /** Marks bytes of another source, such as a generated data key. Returns them. */
  mark(secret: Buffer): Buffer;
  /** Marks a text, such as an API key or a token. Returns it. */
  markText(secret: string): string;
  /** Returns the forms of marked secrets that occur in the text. An empty list means no leak. */
  tracesIn(text: string): readonly string[];
  readonly size: number;
}

/**
 * Returns the parts of a base64 text that do not depend on the bytes before and after it: one per
 * alignment.
 */
function base64Cores(bytes: Buffer): string[] {
  return [0, 1, 2].map((shift) => {
    const text = Buffer.concat([Buffer.alloc(shift), bytes]).toString("base64");
    // The first characters mix with the preceding bytes, the last with the following ones.
    const first = Math.ceil((shift * 8) / 6);
    const last = Math.floor(((shift + bytes.length) * 8) / 6);
    return text.slice(first, last);
  });
}

/** Returns the text itself and its form in a JSON string, such as in a log line. */
const textForms = (text: string): readonly string[] => [text, JSON.stringify(text).slice(1, -1)];

function formsOf(bytes: Buffer): string[] {
  const base64 = base64Cores(bytes);
  const hex = bytes.toString("hex");
  // A longer text has other characters where a cut went through a character.
  const readable = bytes.toString("utf8").replaceAll(/^\uFFFD+|\uFFFD+$/g, "");
  return [
    ...base64,
    ...base64.map((core) => core.replaceAll("+", "-").replaceAll("/", "_")),
    hex,
    hex.toUpperCase(),
    ...textForms(bytes.toString("latin1")),
    // The form of a careless `String(bytes)`, which loses bytes. A short one could match by
    // coincidence.
    ...(readable.replaceAll("\uFFFD", "").length < 8 ? [] : textForms(readable)),
    // The forms in which `console.log` and JSON show a Buffer.
    [...bytes].join(","),
    hex.replaceAll(/(..)(?=.)/g, "$1 "),
  ];
}

const endBytes = 16;

/**
 * Returns the beginning and the end of a secret, because a quote of either also discloses it. A
 * full quote contains both.
 */
const endsOf = (secret: Buffer): readonly Buffer[] =>
  secret.length < endBytes ? [secret] : [secret.subarray(0, endBytes), secret.subarray(-endBytes)];

/** Creates an empty ledger. */
export function createSecretLedger(): SecretLedger {
  const forms = new Map<string, string>();
  let size = 0;
  const remember = (parts: readonly Buffer[]): void => {
    size += 1;
    for (const form of parts.flatMap(formsOf)) {
      forms.set(form, `secret ${size} as ${form.slice(0, 8)}…`);
    }
  };
  const mark = (secret: Buffer): Buffer => {
    // A shorter secret could match by coincidence.
    if (secret.length >= 12) remember(endsOf(secret));
    return secret;
  };
  return {
    bytes: (length) => mark(randomBytes(length)),
    mark,
    markText(secret) {
      // A text is recorded whole, because all tokens begin with the same characters.
      remember([Buffer.from(secret)]);
      forms.set(secret, `secret ${size} as text`);
      return secret;
    },
    tracesIn: (text) => [...forms].filter(([form]) => text.includes(form)).map(([, name]) => name),
    get size() {
      return size;
    },
  };
}
