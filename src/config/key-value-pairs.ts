/** Lists of the form `name=value,name=value`, as OpenTelemetry's variables have them. */

/** The form of names and values in a list. */
export interface PairForm {
  readonly name: RegExp;
  readonly value: RegExp;
}

/** Header fields of HTTP: a token, and visible characters of ASCII with blanks between them. */
export const headerForm: PairForm = {
  name: /^[\w!#$%&'*+.^`|~-]{1,128}$/,
  value: /^(?=.{1,4096}$)[!-~](?:[\t -~]*[!-~])?$/,
};

/** Attributes of a resource: a key without blanks, and any text without control characters. */
export const attributeForm: PairForm = {
  name: /^[\w.:/-]{1,128}$/,
  value: /^[^\p{Cc}]{0,1024}$/u,
};

/**
 * Parses a list. Names and values may be percent-encoded; blanks around them do not count. Returns
 * `undefined` if an entry has no `=`, a name occurs twice, or a name or value has another form.
 */
export function parsePairs(
  text: string,
  form: PairForm,
): Readonly<Record<string, string>> | undefined {
  const pairs = new Map<string, string>();
  for (const entry of text.split(",")) {
    if (entry.trim() === "") continue;
    const at = entry.indexOf("=");
    const name = at < 0 ? undefined : decoded(entry.slice(0, at));
    const value = at < 0 ? undefined : decoded(entry.slice(at + 1));
    if (name === undefined || value === undefined || pairs.has(name)) return undefined;
    if (!form.name.test(name) || !form.value.test(value)) return undefined;
    pairs.set(name, value);
  }
  return Object.fromEntries(pairs);
}

/** Decodes percent-encoding; `undefined` if it is malformed. */
function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text.trim());
  } catch {
    return undefined;
  }
}
