/**
 * The members of a JSON object with their values as they are written. Parsing and printing would
 * change values that the migration only passes on: long numbers lose digits, and members whose
 * names are numbers change places.
 */

/** One member of an object. */
export interface JsonMember {
  readonly name: string;
  /** The value as JSON text. */
  readonly raw: string;
}

/** Index behind the string that begins at `at`. The text is valid JSON, so the string ends. */
function endOfString(text: string, at: number): number {
  let end = at + 1;
  while (text[end] !== '"') end += text[end] === "\\" ? 2 : 1;
  return end + 1;
}

/** The members in their order. `undefined` if the text is not one JSON object. */
export function readJsonMembers(text: string): readonly JsonMember[] | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) return undefined;
  const members: JsonMember[] = [];
  let depth = 0;
  let name: string | undefined;
  let from = 0;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (character === '"') {
      const end = endOfString(text, at);
      if (depth === 1 && name === undefined) name = String(JSON.parse(text.slice(at, end)));
      at = end - 1;
      continue;
    }
    if (depth === 1) {
      if (character === ":") from = at + 1;
      if ((character === "," || character === "}") && name !== undefined) {
        members.push({ name, raw: text.slice(from, at).trim() });
        name = undefined;
      }
    }
    if (character === "{" || character === "[") depth += 1;
    if (character === "}" || character === "]") depth -= 1;
  }
  return members;
}

/** Prints an object on one line. */
export function printJsonMembers(members: readonly JsonMember[]): string {
  return `{${members.map(({ name, raw }) => `${JSON.stringify(name)}:${raw}`).join(",")}}`;
}

/**
 * Gives members new values, each in its place, and appends those that are missing. `undefined`
 * removes a member.
 */
export function withJsonMembers(
  members: readonly JsonMember[],
  values: Readonly<Record<string, unknown>>,
): readonly JsonMember[] {
  const given = new Set(members.map(({ name }) => name));
  const added = Object.keys(values).filter((name) => !given.has(name));
  return [...members, ...added.map((name) => ({ name, raw: "" }))].flatMap((member) => {
    if (!Object.hasOwn(values, member.name)) return [member];
    const value = values[member.name];
    return value === undefined ? [] : [{ name: member.name, raw: JSON.stringify(value) }];
  });
}
