import { parseArgs } from "node:util";
import { arrangementNames, type ArrangementName } from "./arrangements.ts";

export const usage = `usage: npm run bench -- [options]

Compares what a call costs in the gateway with what it costs elsewhere.

  --rounds <n>       how often everything is measured (default 5)
  --seconds <n>      how long each measurement takes (default 2)
  --warm-up <n>      calls of each before the first round, for 30 s at most (default 20000)
  --in-flight <n,n>  calls under way at a time (default 1,64,512)
  --only <name>      measures this one alone; may be given more than once:
                     ${arrangementNames.map((name) => `"${name}"`).join(", ")}
  --profile <folder> writes a CPU profile of each measured process there; the figures suffer
  --help             prints this text
`;

export interface BenchOptions {
  readonly rounds: number;
  readonly durationMs: number;
  readonly warmUpCalls: number;
  readonly inFlight: readonly number[];
  readonly names: readonly ArrangementName[];
  readonly profileFolder: string | undefined;
}

const isName = (value: string): value is ArrangementName =>
  arrangementNames.some((name) => name === value);

function positive(text: string, option: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new Error(`--${option} takes a number above 0`);
  return value;
}

/** Reads the command line; `undefined` if only help is wanted. Throws with a text for the user if it makes no sense. */
export function readOptions(args: readonly string[]): BenchOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: "string", default: "5" },
      seconds: { type: "string", default: "2" },
      "warm-up": { type: "string", default: "20000" },
      "in-flight": { type: "string", default: "1,64,512" },
      only: { type: "string", multiple: true, default: [] },
      profile: { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return undefined;
  const unknown = values.only.find((name) => !isName(name));
  if (unknown !== undefined) throw new Error(`there is no arrangement "${unknown}"`);
  const wanted = values.only.filter(isName);
  return {
    rounds: Math.ceil(positive(values.rounds, "rounds")),
    durationMs: positive(values.seconds, "seconds") * 1_000,
    warmUpCalls: positive(values["warm-up"], "warm-up"),
    inFlight: values["in-flight"].split(",").map((text) => Math.ceil(positive(text, "in-flight"))),
    names: arrangementNames.filter((name) => wanted.length === 0 || wanted.includes(name)),
    profileFolder: values.profile,
  };
}
