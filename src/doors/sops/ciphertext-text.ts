/** The form of a ciphertext for sops, which stores it as text in YAML, JSON and dotenv files. */
const prefix = "kp:v1:";

/** Largest ciphertext of Key Protect, in bytes. */
const maxBytes = 16_384;

/** Prints a ciphertext. */
export const printCiphertext = (ciphertext: Buffer): Buffer =>
  Buffer.from(prefix + ciphertext.toString("base64"), "ascii");

/** Reads what `printCiphertext` printed; `undefined` for anything else. */
export function parseCiphertext(printed: Buffer): Buffer | undefined {
  const text = printed.toString("latin1");
  if (!text.startsWith(prefix)) return undefined;
  const base64 = text.slice(prefix.length);
  const bytes = Buffer.from(base64, "base64");
  const isExact = bytes.toString("base64") === base64;
  return isExact && bytes.length > 0 && bytes.length <= maxBytes ? bytes : undefined;
}
