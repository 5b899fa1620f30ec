/** The command line of the bench. */
import { parseArgs } from "node:util";
import {
  arrangementNames,
  nodeArrangementNames,
  type ArrangementName,
  type NodeArrangementName,
} from "./arrangements.ts";
import { findEnvoy, howToGetEnvoy, type EnvoyBinary } from "./envoy/find-envoy.ts";
import { nodeBinaries, type NodeBinary } from "./node-binaries.ts";

/** The text of `--help`. */
export const usage = `usage: npm run bench -- [options]

Compares the cost of a call in the gateway with its cost in other arrangements.

  --rounds <n>       number of rounds (default 5)
  --processes <n>    how often all arrangements are started anew, with so many rounds each
                     (default 1)
  --seconds <n>      duration of each measurement (default 2)
  --warm-up <n>      calls per arrangement before the first round, for 30 s at most (default 20000)
  --in-flight <n,n>  numbers of calls in flight (default 1,64,512)
  --only <name>      measures this arrangement only; can be repeated:
                     ${arrangementNames.map((name) => `"${name}"`).join(", ")}
  --node <path>      the binary of node that runs the arrangements (default: this one); can be
                     repeated, and then each round measures all of them
  --envoy <path>     the binary of Envoy for the arrangement "envoy" (default: \`envoy\` on the PATH)
  --profile <folder> writes a CPU profile of each measured process of node; makes the figures worse
  --help             prints this text
`;

/** Options of a bench run. */
export interface BenchOptions {
  /** Number of rounds with the same processes. */
  readonly rounds: number;
  /** How often all arrangements are started. */
  readonly processes: number;
  readonly durationMs: number;
  readonly warmUpCalls: number;
  readonly inFlight: readonly number[];
  /** The arrangements that run on each of the binaries of node. */
  readonly names: readonly NodeArrangementName[];
  /** The binary for the arrangement "envoy". `undefined`: it is not measured. */
  readonly envoy: EnvoyBinary | undefined;
  /** A text about an arrangement that is left out, because its program is missing. */
  readonly leftOut: string | undefined;
  readonly binaries: readonly NodeBinary[];
  readonly profileFolder: string | undefined;
}

const isName = (value: string): value is ArrangementName =>
  arrangementNames.some((name) => name === value);

/** Reads a number above 0. Throws an error that names the option. */
export function positive(text: string, option: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new Error(`--${option} takes a number above 0`);
  return value;
}

/**
 * Reads the command line. Returns `undefined` for `--help`. Throws an error with a text for the
 * user.
 */
export function readOptions(args: readonly string[]): BenchOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: "string", default: "5" },
      processes: { type: "string", default: "1" },
      seconds: { type: "string", default: "2" },
      "warm-up": { type: "string", default: "20000" },
      "in-flight": { type: "string", default: "1,64,512" },
      only: { type: "string", multiple: true, default: [] },
      node: { type: "string", multiple: true, default: [] },
      envoy: { type: "string" },
      profile: { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return undefined;
  const unknown = values.only.find((name) => !isName(name));
  if (unknown !== undefined) throw new Error(`there is no arrangement "${unknown}"`);
  const wanted = values.only.filter(isName);
  const isWanted = (name: ArrangementName): boolean => wanted.length === 0 || wanted.includes(name);
  const envoy = isWanted("envoy") ? findEnvoy(values.envoy) : undefined;
  const isMissing = isWanted("envoy") && envoy === undefined;
  if (isMissing && (values.envoy !== undefined || wanted.length > 0)) {
    throw new Error(`"${values.envoy ?? "envoy"}" is no program of Envoy: ${howToGetEnvoy}`);
  }
  return {
    rounds: Math.ceil(positive(values.rounds, "rounds")),
    processes: Math.ceil(positive(values.processes, "processes")),
    durationMs: positive(values.seconds, "seconds") * 1_000,
    warmUpCalls: positive(values["warm-up"], "warm-up"),
    inFlight: values["in-flight"].split(",").map((text) => Math.ceil(positive(text, "in-flight"))),
    names: nodeArrangementNames.filter(isWanted),
    envoy,
    leftOut: isMissing
      ? `the arrangement "envoy", because it is missing: ${howToGetEnvoy}`
      : undefined,
    binaries: nodeBinaries(values.node),
    profileFolder: values.profile,
  };
}
