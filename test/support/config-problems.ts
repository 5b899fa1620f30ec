/** Files by path and the problems of a refused configuration, for tests of the configuration. */
import { ConfigError, type ConfigProblem } from "../../src/config/config-error.ts";

/** Reads the given texts. Other paths are absent, with the error code of Node. */
export const readFrom =
  (files: Readonly<Record<string, string>>) =>
  (path: string): string => {
    const text = files[path];
    if (text === undefined) throw Object.assign(new Error(`no ${path}`), { code: "ENOENT" });
    return text;
  };

/** Returns the problems for which `load` refuses a configuration; none if it accepts it. */
export function problemsWhen(load: () => unknown): readonly ConfigProblem[] {
  try {
    load();
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}
