/** Reads the input line by line, with a bounded amount of memory. */
import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { parseItem, type DefaultPlaces } from "./item.ts";

/** Longest line, in bytes. */
const maxLineBytes = 1_048_576;
const chunkBytes = 65_536;

/** A line without its end. */
export interface InputLine {
  /** From 1. */
  readonly number: number;
  /** `undefined` if the line is too long or not UTF-8. */
  readonly text: string | undefined;
}

/** The facts of a whole input. */
export interface InputFacts {
  readonly lines: number;
  readonly sha256: string;
}

/** One wrong line. */
export interface InputProblem {
  readonly line: number;
  readonly problem: string;
}

/** How many problems are kept for the error text. */
const maxProblems = 20;

/** The lines of a file from its beginning. `onBytes` is called with all bytes in order. */
export async function* readLines(
  file: FileHandle,
  onBytes: (bytes: Buffer) => void,
): AsyncGenerator<InputLine, void> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const toLine = (number: number, parts: readonly Buffer[]): InputLine => {
    const bytes = Buffer.concat(parts);
    try {
      return { number, text: bytes.length > maxLineBytes ? undefined : decoder.decode(bytes) };
    } catch {
      return { number, text: undefined };
    }
  };
  let parts: Buffer[] = [];
  let length = 0;
  let number = 0;
  let position = 0;
  for (;;) {
    const chunk = Buffer.allocUnsafe(chunkBytes);
    const { bytesRead } = await file.read(chunk, 0, chunkBytes, position);
    if (bytesRead === 0) break;
    position += bytesRead;
    const bytes = chunk.subarray(0, bytesRead);
    onBytes(bytes);
    let from = 0;
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, from)) {
      number += 1;
      yield toLine(number, [...parts, bytes.subarray(from, end)]);
      parts = [];
      length = 0;
      from = end + 1;
    }
    const rest = bytes.subarray(from);
    length += rest.length;
    // Of a line that is too long, only as much is kept as shows that it is.
    if (length <= maxLineBytes + chunkBytes) parts.push(rest);
  }
  if (length > 0) yield toLine(number + 1, parts);
}

/** Checks every line. Nothing is sent before the whole input is known to be well-formed. */
export async function surveyInput(
  file: FileHandle,
  defaults: DefaultPlaces,
): Promise<InputFacts & { readonly problems: readonly InputProblem[]; readonly wrong: number }> {
  const hash = createHash("sha256");
  const problems: InputProblem[] = [];
  let lines = 0;
  let wrong = 0;
  for await (const { number, text } of readLines(file, (bytes) => hash.update(bytes))) {
    lines = number;
    const found =
      text === undefined
        ? { problems: [`it is not UTF-8, or longer than ${maxLineBytes} bytes`] }
        : parseItem(number, text, defaults);
    if (!("problems" in found)) continue;
    wrong += 1;
    if (problems.length < maxProblems) {
      problems.push({ line: number, problem: found.problems.join("; ") });
    }
  }
  return { lines, sha256: hash.digest("hex"), problems, wrong };
}
