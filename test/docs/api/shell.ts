/**
 * The part of the shell's language that the examples of docs/api.md use: words with quotes and
 * variables, pipes, and variables that get the output of a pipe. Anything else is refused.
 */

/** A piece of a word: literal text, or the name of a variable. */
type Piece = { readonly text: string } | { readonly variable: string };
type Word = readonly Piece[];

/** A pipe of programs. Its output goes into the variable `sets`, if there is one. */
export interface Command {
  readonly sets: string | undefined;
  readonly programs: readonly (readonly Word[])[];
}

/** Variables of the shell by name. */
export type Variables = ReadonlyMap<string, string>;

/** The words of a program with the values of the variables. Throws for an unset variable. */
export const expand = (program: readonly Word[], variables: Variables): string[] =>
  program.map((word) =>
    word
      .map((piece) => ("text" in piece ? piece.text : valueOf(piece.variable, variables)))
      .join(""),
  );

function valueOf(name: string, variables: Variables): string {
  const value = variables.get(name);
  if (value === undefined) throw new Error(`the variable ${name} is not set`);
  return value;
}

const assignment = /([A-Z_]+)=\$\(/y;
const variable = /\$([A-Z_]+)/y;
const singleQuoted = /'([^']*)'/y;
const doubleQuoted = /"((?:\$[A-Z_]+|[^"\\$`])*)"/y;
const plain = /[\w./:=@%+,-]+/y;
const blank = /(?: |\\\n)+/y;

/** Reads a script. Throws if it uses anything else. */
export function parseScript(script: string): Command[] {
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const found = pattern.exec(script);
    if (found !== null) at = pattern.lastIndex;
    return found;
  };
  const takeText = (text: string): boolean => {
    const isThere = script.startsWith(text, at);
    if (isThere) at += text.length;
    return isThere;
  };

  function takePieces(): Piece[] {
    const quoted = take(singleQuoted);
    if (quoted !== null) return [{ text: quoted[1] ?? "" }];
    const double = take(doubleQuoted);
    if (double !== null) return piecesOf(double[1] ?? "");
    const name = take(variable)?.[1];
    if (name !== undefined) return [{ variable: name }];
    const text = take(plain)?.[0];
    return text === undefined ? [] : [{ text }];
  }

  function takeWord(): Word {
    const word: Piece[] = [];
    for (let pieces = takePieces(); pieces.length > 0; pieces = takePieces()) word.push(...pieces);
    return word;
  }

  function takeProgram(): Word[] {
    const words: Word[] = [];
    for (let word = takeWord(); word.length > 0; word = takeWord()) {
      words.push(word);
      take(blank);
    }
    if (words.length === 0) throw new Error(`not understood: ${script.slice(at, at + 60)}`);
    return words;
  }

  function takeCommand(): Command {
    const sets = take(assignment)?.[1];
    const programs = [takeProgram()];
    while (takeText("|")) {
      take(blank);
      programs.push(takeProgram());
    }
    if (sets !== undefined && !takeText(")")) throw new Error(`$( for ${sets} is not closed`);
    return { sets, programs };
  }

  const commands: Command[] = [];
  while (at < script.length) {
    commands.push(takeCommand());
    if (!takeText("\n")) throw new Error(`not understood: ${script.slice(at, at + 60)}`);
  }
  return commands;
}

const piecesOf = (text: string): Piece[] =>
  text
    .split(/(\$[A-Z_]+)/)
    .filter((part) => part !== "")
    .map((part) => (part.startsWith("$") ? { variable: part.slice(1) } : { text: part }));
