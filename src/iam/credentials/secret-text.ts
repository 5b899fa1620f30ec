/** Finds the secret in the text of a file. */

/**
 * Returns the API key: the text alone, or `apikey` of the JSON that `ibmcloud iam api-key-create
 * --file` writes. `undefined` if there is none. A byte order mark, blanks and blank lines around it
 * are ignored: editors and shells add them.
 */
export function findApiKey(text: string): string | undefined {
  const trimmed = text.trim();
  return trimmed.startsWith("{") ? findWord(keyOfJson(trimmed) ?? "") : findWord(trimmed);
}

/**
 * Returns the only word of a text, such as a compute-resource token or a client secret; `undefined`
 * if there are several or none.
 */
export function findWord(text: string): string | undefined {
  const trimmed = text.trim();
  return trimmed === "" || /[\s\p{Cc}]/u.test(trimmed) ? undefined : trimmed;
}

function keyOfJson(text: string): string | undefined {
  try {
    const json: unknown = JSON.parse(text);
    const key: unknown =
      typeof json === "object" && json !== null ? Reflect.get(json, "apikey") : undefined;
    return typeof key === "string" ? key : undefined;
  } catch {
    return undefined;
  }
}
