/**
 * Positions in the sources for the frames of logged errors. Node does this by itself with
 * `--enable-source-maps`, but then reads all maps when it starts, which costs 18 MiB of memory. A
 * frame that the gateway logs is rare, so the map is read when the first one needs it.
 */
import { readFileSync } from "node:fs";
import { SourceMap } from "node:module";
import type { LoggedError } from "./serialize-error.ts";

/** A position in a compiled file, other than a package's. */
const position =
  /file:\/\/(?<file>\/(?!.*\/node_modules\/)[^()\n]+\.js):(?<line>\d+):(?<column>\d+)/;

/** Reads the map beside a compiled file; `undefined` if there is none that can be read. */
function readMap(file: string): SourceMap | undefined {
  try {
    // oxlint-disable-next-line typescript/no-unsafe-argument -- a text that is no map throws below
    return new SourceMap(JSON.parse(readFileSync(`${file}.map`, "utf8")));
  } catch {
    return undefined;
  }
}

/** Whether a value is an error that `serializeError` reduced. */
const isLogged = (value: unknown): value is LoggedError =>
  typeof value === "object" && value !== null && "name" in value && typeof value.name === "string";

/**
 * Creates the function that gives the frames of a reduced error, and of its causes, positions in
 * the sources. It leaves every other value as it is.
 */
export function createSourceFrames(): (error: unknown) => unknown {
  const maps = new Map<string, SourceMap | undefined>();
  const mapOf = (file: string): SourceMap | undefined => {
    if (!maps.has(file)) maps.set(file, readMap(file));
    return maps.get(file);
  };

  const toSource = (frame: string): string =>
    frame.replace(position, (compiled, file: string, line: string, column: string) => {
      const entry = mapOf(file)?.findEntry(Number(line) - 1, Number(column) - 1);
      if (entry === undefined || !("originalSource" in entry)) return compiled;
      const source = entry.originalSource.replace(/^(?:\.\.\/)+/, "");
      return `${source}:${entry.originalLine + 1}:${entry.originalColumn + 1}`;
    });
  const withSources = (error: LoggedError): LoggedError => ({
    ...error,
    ...(error.frames && { frames: error.frames.map(toSource) }),
    ...(error.errors && { errors: error.errors.map(withSources) }),
    ...(error.cause && { cause: withSources(error.cause) }),
  });
  return (error) => (isLogged(error) ? withSources(error) : error);
}
