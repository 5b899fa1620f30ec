/** Remembers every secret of a test and finds any trace of one in what the gateway let out. */
import { randomBytes } from "node:crypto";

/** The secrets of one test. */
export interface SecretLedger {
  /** Fresh random bytes that must never be seen outside of messages. At least 12, so that no trace of them is chance. */
  bytes(length: number): Buffer;
  /** Marks bytes that came from elsewhere, such as a generated data key. Gives them back. */
  mark(secret: Buffer): Buffer;
  /** Marks a text, such as an API key or a token. Gives it back. */
  markText(secret: string): string;
  /** The forms of marked secrets that occur in the text. Empty is good. */
  tracesIn(text: string): readonly string[];
  readonly size: number;
}

/** The parts of a base64 text that do not depend on what stands before and after the bytes: one for each alignment. */
function base64Cores(bytes: Buffer): string[] {
  return [0, 1, 2].map((shift) => {
    const text = Buffer.concat([Buffer.alloc(shift), bytes]).toString("base64");
    // The first characters mix with what stands before, the last with what stands behind.
    const first = Math.ceil((shift * 8) / 6);
    const last = Math.floor(((shift + bytes.length) * 8) / 6);
    return text.slice(first, last);
  });
}

/** As it is, and as a string in JSON, such as a log line. */
const textForms = (text: string): readonly string[] => [text, JSON.stringify(text).slice(1, -1)];

function formsOf(bytes: Buffer): string[] {
  const base64 = base64Cores(bytes);
  const hex = bytes.toString("hex");
  // Characters that a cut went through are others in a longer text.
  const readable = bytes.toString("utf8").replaceAll(/^\uFFFD+|\uFFFD+$/g, "");
  return [
    ...base64,
    ...base64.map((core) => core.replaceAll("+", "-").replaceAll("/", "_")),
    hex,
    hex.toUpperCase(),
    ...textForms(bytes.toString("latin1")),
    // As a careless `String(bytes)` shows them, which is less than there is; too little is not told from chance.
    ...(readable.replaceAll("\uFFFD", "").length < 8 ? [] : textForms(readable)),
    // As `console.log` and JSON show a Buffer.
    [...bytes].join(","),
    hex.replaceAll(/(..)(?=.)/g, "$1 "),
  ];
}

const endBytes = 16;

/** Who quotes only the beginning or the end of a secret gives it away too; and whoever quotes all of it quotes both. */
const endsOf = (secret: Buffer): readonly Buffer[] =>
  secret.length < endBytes ? [secret] : [secret.subarray(0, endBytes), secret.subarray(-endBytes)];

/** Starts an empty ledger. */
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
    // Too short to be told from chance.
    if (secret.length >= 12) remember(endsOf(secret));
    return secret;
  };
  return {
    bytes: (length) => mark(randomBytes(length)),
    mark,
    markText(secret) {
      // As a whole: the beginning of a token is the same for all of them.
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
