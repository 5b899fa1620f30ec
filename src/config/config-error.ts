/** The error of an unusable configuration. */

/** Exit code for an unusable configuration (`EX_CONFIG` of sysexits.h). */
export const configExitCode = 78;

/** One problem of the configuration. */
export interface ConfigProblem {
  /** Name of the variable, or path in the YAML file, such as `instances[1].serviceUrl`. */
  readonly at: string;
  /** The problem and the fix. Never contains a value. */
  readonly what: string;
}

/** The configuration cannot be used. Lists all problems, not only the first. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    const lines = problems.map(({ at, what }) => `  ${at}: ${what}`);
    super(["the configuration cannot be used:", ...lines].join("\n"));
    this.problems = problems;
  }
}
