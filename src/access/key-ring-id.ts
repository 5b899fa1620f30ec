/**
 * IDs of key rings. Key Protect's documents disagree on the characters; this is the widest form
 * that one of them gives.
 */
const keyRingIdPattern = /^[A-Za-z0-9][A-Za-z0-9 _-]{0,98}[A-Za-z0-9_-]$/;

/** The form of an ID, for error texts. */
export const keyRingIdForm =
  "2 to 100 letters, digits, underscores, hyphens and inner spaces, the first a letter or digit";

/** Whether a text is the ID of a key ring. `default` is the ring of keys that name no other. */
export const isKeyRingId = (text: string): boolean => keyRingIdPattern.test(text);
