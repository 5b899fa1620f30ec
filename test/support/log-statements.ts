/** Finds the statements that write log lines in the sources. */

/** One statement: where it is, and its message and fields as far as they are written there. */
export interface LogStatement {
  readonly path: string;
  /** Absent if the message is not written in the statement. */
  readonly message: string | undefined;
  /** Absent if the fields are not written in the statement. */
  readonly fields: readonly string[] | undefined;
}

/** The text up to the bracket that closes the one before `from`. */
function argumentsFrom(text: string, from: number): string {
  let depth = 1;
  for (let at = from; at < text.length; at++) {
    const character = text[at] ?? "";
    if ("([{".includes(character)) depth += 1;
    if (")]}".includes(character)) depth -= 1;
    if (depth === 0) return text.slice(from, at);
  }
  return text.slice(from);
}

/** Names of the properties of an object literal without nested ones. */
function propertiesOf(literal: string): string[] {
  const flat = literal.replaceAll(/\(.*?\)|\{[^{}]*\}(?!$)/gs, "");
  return flat
    .split(",")
    .map((part) => /^\s*(\w+)/.exec(part)?.[1] ?? "")
    .filter((name) => name !== "");
}

/** Finds the statements of one file. */
export function logStatementsIn(path: string, source: string): LogStatement[] {
  const text = source.replaceAll(/\/\*[^]*?\*\//g, "").replaceAll(/^\s*\/\/.*$/gm, "");
  const calls = text.matchAll(/\blogger(?:\.(?:trace|debug|info|warn|error|fatal)|\[level\])\(/g);
  return [...calls].map((call) => {
    const given = argumentsFrom(text, call.index + call[0].length).trim();
    const message = /(?:^|,)\s*"([^"]+)",?$/.exec(given)?.[1];
    const literal = given.startsWith("{") ? argumentsFrom(given, 1) : undefined;
    const isMessageAlone = message !== undefined && given.startsWith('"');
    return {
      path,
      message,
      fields: literal === undefined ? (isMessageAlone ? [] : undefined) : propertiesOf(literal),
    };
  });
}
