/** Finds the API key in the text of a key file. */

/**
 * Returns the key: the text alone, or `apikey` of the JSON that `ibmcloud iam api-key-create
 * --file` writes. `undefined` if there is none. A byte order mark, blanks and blank lines around it
 * are ignored: editors and shells add them.
 */
export function findApiKey(text: string): string | undefined {
  const trimmed = text.trim();
  const key = trimmed.startsWith("{") ? keyOfJson(trimmed) : trimmed;
  return key === undefined || key === "" || /[\s\p{Cc}]/u.test(key) ? undefined : key;
}

function keyOfJson(text: string): string | undefined {
  try {
    const json: unknown = JSON.parse(text);
    const key: unknown =
      typeof json === "object" && json !== null ? Reflect.get(json, "apikey") : undefined;
    return typeof key === "string" ? key.trim() : undefined;
  } catch {
    return undefined;
  }
}
