/**
 * Decodes standard, padded base64, or gives `undefined` if encoding the result again would not give the same text: what
 * the gateway hands out has to be sendable back unchanged, and `Buffer.from` alone skips over any garbage.
 */
export function decodeBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, "base64");
  if (bytes.toString("base64") === text) return bytes;
  bytes.fill(0);
  return undefined;
}
