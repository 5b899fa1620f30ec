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

function formsOf(bytes: Buffer): string[] {
  const base64 = base64Cores(bytes);
  const hex = bytes.toString("hex");
  return [
    ...base64,
    ...base64.map((core) => core.replaceAll("+", "-").replaceAll("/", "_")),
    hex,
    hex.toUpperCase(),
    bytes.toString("latin1"),
    // As `console.log` and JSON show a Buffer.
    [...bytes].join(","),
    hex.replaceAll(/(..)(?=.)/g, "$1 "),
  ];
}

/** Starts an empty ledger. */
export function createSecretLedger(): SecretLedger {
  const forms = new Map<string, string>();
  let size = 0;
  const mark = (secret: Buffer): Buffer => {
    // Too short to be told from chance.
    if (secret.length < 12) return secret;
    size += 1;
    for (const form of formsOf(secret)) forms.set(form, `secret ${size} as ${form.slice(0, 8)}…`);
    return secret;
  };
  return {
    bytes: (length) => mark(randomBytes(length)),
    // A copy, because the gateway and its clients are free to overwrite what they were given.
    mark,
    markText(secret) {
      mark(Buffer.from(secret));
      forms.set(secret, `secret ${size} as text`);
      return secret;
    },
    tracesIn: (text) => [...forms].filter(([form]) => text.includes(form)).map(([, name]) => name),
    get size() {
      return size;
    },
  };
}
