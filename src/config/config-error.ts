/** Exit code of a process that cannot start because of its configuration (`EX_CONFIG` of sysexits.h). */
export const configExitCode = 78;

/** One thing that is wrong with the configuration. */
export interface ConfigProblem {
  /** Name of the variable, or path in the YAML file, such as `instances[1].serviceUrl`. */
  readonly at: string;
  /** What is wrong and what would be right. Never contains a value. */
  readonly what: string;
}

/** The configuration cannot be used. Lists every problem there is, not just the first. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    const lines = problems.map(({ at, what }) => `  ${at}: ${what}`);
    super(["the configuration cannot be used:", ...lines].join("\n"));
    this.problems = problems;
  }
}
