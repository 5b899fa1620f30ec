/** The command lines of `npm run bench:list` and `npm run bench:memory`. */
import { parseArgs } from "node:util";
import { nodeBinary, type NodeBinary } from "../node-binaries.ts";
import { positive } from "../options.ts";

/** A command: its name, a sentence about it, and its options that take a number above 0. */
export interface Command<Name extends string> {
  readonly name: string;
  readonly purpose: string;
  readonly numbers: Readonly<
    Record<Name, { readonly byDefault: number; readonly meaning: string }>
  >;
}

/** The options of a run. */
export interface CommandOptions<Name extends string> {
  number(name: Name): number;
  /** The binary of node that runs the measured processes. */
  readonly node: NodeBinary;
  /** Folder for a CPU profile of each measured process. */
  readonly profileFolder: string | undefined;
}

const row = (option: string, meaning: string): string => `  ${option.padEnd(18)} ${meaning}`;

/** The text of `--help`. */
export function usageOf({ name, purpose, numbers }: Command<string>): string {
  return [
    `usage: npm run ${name} -- [options]`,
    "",
    purpose,
    "",
    ...Object.entries(numbers).map(([option, { byDefault, meaning }]) =>
      row(`--${option} <n>`, `${meaning} (default ${byDefault})`),
    ),
    row("--node <path>", "the binary of node that is measured (default: this one)"),
    row("--profile <folder>", "writes a CPU profile of each measured process"),
    row("--help", "prints this text"),
    "",
  ].join("\n");
}

/** Reads a command line; `undefined` for `--help`. Throws an error with a text for the user. */
export function readCommandLine<Name extends string>(
  args: readonly string[],
  command: Command<Name>,
): CommandOptions<Name> | undefined {
  const defaults = Object.entries<{ readonly byDefault: number }>(command.numbers);
  const { values } = parseArgs({
    args: [...args],
    options: {
      ...Object.fromEntries(defaults.map(([name]) => [name, { type: "string" as const }])),
      node: { type: "string", default: process.execPath },
      profile: { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  const given: Readonly<Record<string, string | boolean | undefined>> = values;
  if (values.help) return undefined;
  const numbers = new Map(
    defaults.map(([name, { byDefault }]) => [
      name,
      positive(String(given[name] ?? byDefault), name),
    ]),
  );
  return {
    number: (name) => numbers.get(name) ?? Number.NaN,
    node: nodeBinary(values.node),
    profileFolder: values.profile,
  };
}

/** Runs a command and sets the exit code: that of `run`, or 64 for a wrong command line. */
export async function runCommand<Name extends string>(
  command: Command<Name>,
  run: (options: CommandOptions<Name>) => Promise<number>,
): Promise<void> {
  let options: CommandOptions<Name> | undefined;
  try {
    options = readCommandLine(process.argv.slice(2), command);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    process.stderr.write(`${text}\n\n${usageOf(command)}`);
    process.exitCode = 64;
    return;
  }
  if (options === undefined) process.stdout.write(usageOf(command));
  else process.exitCode = await run(options);
}
