/** The sub-command `kms doctor`. */
import { parseArgs } from "node:util";
import { configExitCode } from "../../../config/config-error.ts";
import type { Config } from "../../../config/config.ts";
import { readSmallFileSync } from "../../../platform/files/small-file.ts";
import { runDoctor } from "./doctor.ts";

const usage = `usage: keyprotect-gateway kms doctor --encryption-config FILE

Compares the configuration of the gateway, and the gateway that runs on this machine, with the
EncryptionConfiguration of an API server. It changes nothing. It ends with 0, with 1 if there is a
problem, and with 78 if the configuration of the gateway cannot be used.

  --encryption-config FILE  the API server's --encryption-provider-config
  --help                    print this text and exit
`;

/** The outputs of the command, and its configuration. */
export interface KmsIo {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
  /** The configuration; `undefined` if it cannot be used, which was said. */
  readonly readConfig: () => Promise<Config | undefined>;
}

/** Reads the arguments: the file, or `help`; `undefined` if they are invalid. */
function readArguments(args: readonly string[]): { file: string } | "help" | undefined {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        "encryption-config": { type: "string" },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    if (values.help) return "help";
    const file = values["encryption-config"];
    return positionals.join(" ") === "doctor" && file !== undefined ? { file } : undefined;
  } catch {
    return undefined;
  }
}

/** Runs the command and returns its exit code; 64 (`EX_USAGE`) for an invalid command line. */
export async function runKms(args: readonly string[], io: KmsIo): Promise<number> {
  const parsed = readArguments(args);
  if (parsed === undefined) {
    io.stderr.write(usage);
    return 64;
  }
  if (parsed === "help") {
    io.stdout.write(usage);
    return 0;
  }
  const config = await io.readConfig();
  if (config === undefined) return configExitCode;
  const { text, exitCode } = await runDoctor({
    config,
    file: parsed.file,
    readFile: (path) => readSmallFileSync(path).toString(),
  });
  io.stdout.write(text);
  return exitCode;
}
