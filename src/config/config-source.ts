/** The configuration as the environment and the files say it at one moment. */
import { type FileSnapshot, readTogether } from "../platform/files/file-snapshot.ts";
import { ConfigError, type ConfigProblem } from "./config-error.ts";
import type { Config } from "./config.ts";
import { type ConfigSources, loadConfig } from "./load-config.ts";

/** A configuration, or the problems of one that cannot be used, and the files it was read from. */
export interface ConfigReading {
  readonly result: Config | ConfigError;
  /** Settings that may be meant but often are a mistake. Empty beside problems. */
  readonly warnings: readonly ConfigProblem[];
  /** The text of a file, as the checks saw it. Throws for one that could not be read. */
  readonly textOf: (path: string) => string;
  readonly files: FileSnapshot;
}

/**
 * Reads and checks the configuration with all files that it names, which are read in one consistent
 * state and without blocking the event loop. Rejects only for a defect.
 */
export async function readConfigSources(
  sources: Omit<ConfigSources, "readFile" | "onWarning">,
): Promise<ConfigReading> {
  const { value, files } = await readTogether((readFile) => {
    const warnings: ConfigProblem[] = [];
    try {
      const config = loadConfig({
        ...sources,
        readFile,
        onWarning: (warning) => void warnings.push(warning),
      });
      return { result: config, warnings, textOf: readFile };
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      return { result: error, warnings: [], textOf: readFile };
    }
  });
  return { ...value, files };
}
