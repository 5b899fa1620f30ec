/** Matches a UUID of any version, in any case (RFC 9562, section 4). */
export const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Whether a text is a UUID of any version, in any case. */
export function isUuid(text: string): boolean {
  return uuidPattern.test(text);
}

/** Whether two UUIDs are equal; case does not matter (RFC 9562, section 4). */
export function isSameUuid(a: string, b: string): boolean {
  return a === b || a.toLowerCase() === b.toLowerCase();
}
