/** The command line of `keyprotect-gateway migrate`. */
import { parseArgs } from "node:util";
import {
  formatListenAddress,
  isLocalAddress,
  parseListenAddress,
} from "../config/listen-address.ts";
import { isKeyRingId } from "../access/key-ring-id.ts";
import type { DefaultPlaces } from "./lines/item.ts";

/** The text of `--help`. */
export const migrateUsage = `usage: keyprotect-gateway migrate --input FILE --output FILE [options]

Rewraps the data keys in a file of JSON lines from one instance's root key to another's, through a
running gateway. docs/migrate.md describes the files. A run that stopped goes on with the same
command.

files
  --input FILE             one JSON object per line; has to be a regular file
  --output FILE            the same lines with the new ciphertexts; must not exist
  --failures FILE          lines that failed; default: the output's name and .failures
  --journal FILE           how far it is; default: the output's name and .journal

keys (for lines that name none themselves)
  --source-instance ALIAS  --source-key KEY    what wrapped the ciphertexts
  --target-instance ALIAS  --target-key KEY    what is to wrap them

gateway
  --gateway ADDRESS        host:port or unix:/path; default: 127.0.0.1:50051
  --tls                    TLS with the authorities that Node trusts
  --ca-file FILE           TLS with these authorities
  --client-cert-file FILE  --client-key-file FILE    own certificate, for mutual TLS
  --server-name NAME       name in the server's certificate; default: the host of the address
  --plaintext              no TLS to another host than this one
  --key-ring ID            limits all calls to one key ring
  --deadline-ms N          deadline of each call; default: 30000

work
  --dry-run                unwrap everything, wrap one random key per target, write nothing
  --no-verify              do not unwrap the new ciphertexts
  --on-failure stop|continue    at the first item that fails; default: stop
  --concurrency N          items in progress, 1 to 256; default: 16
  --give-up-ms N           end if a call keeps failing for so long; default: 600000

  --json                   print the report as one JSON object
  --quiet                  show no progress
  --help                   print this text and exit
`;

const text = { type: "string" } as const;
const flag = { type: "boolean", default: false } as const;

const options = {
  input: text,
  output: text,
  failures: text,
  journal: text,
  "source-instance": text,
  "source-key": text,
  "target-instance": text,
  "target-key": text,
  gateway: { type: "string", default: "127.0.0.1:50051" },
  tls: flag,
  "ca-file": text,
  "client-cert-file": text,
  "client-key-file": text,
  "server-name": text,
  plaintext: flag,
  "key-ring": text,
  "deadline-ms": { type: "string", default: "30000" },
  "dry-run": flag,
  "no-verify": flag,
  "on-failure": { type: "string", default: "stop" },
  concurrency: { type: "string", default: "16" },
  "give-up-ms": { type: "string", default: "600000" },
  json: flag,
  quiet: flag,
  help: { type: "boolean", short: "h", default: false },
} as const;

/** A checked command line. */
export interface MigrateArguments {
  readonly files: Readonly<Record<"input" | "output" | "failures" | "journal", string>>;
  readonly places: DefaultPlaces;
  /** Form of grpc-js. */
  readonly address: string;
  readonly tls: TlsArguments | undefined;
  readonly keyRing: string | undefined;
  readonly deadlineMs: number;
  readonly isDryRun: boolean;
  readonly isVerified: boolean;
  readonly stopsAtFailure: boolean;
  readonly concurrency: number;
  readonly giveUpMs: number;
  readonly isJson: boolean;
  readonly isQuiet: boolean;
}

/** Paths of PEM files, and the expected name. */
export interface TlsArguments {
  readonly caFile: string | undefined;
  readonly clientFiles: { readonly cert: string; readonly key: string } | undefined;
  readonly serverName: string | undefined;
}

/** The result of reading a command line. */
export type ParsedArguments =
  | { readonly kind: "help" }
  | { readonly kind: "wrong"; readonly problems: readonly string[] }
  | { readonly kind: "run"; readonly arguments: MigrateArguments };

type Values = ReturnType<typeof parseArgs<{ options: typeof options }>>["values"];

function integer(problems: string[], values: Values, name: keyof Values, max: number): number {
  const given = String(values[name]);
  const value = /^\d{1,9}$/.test(given) ? Number(given) : NaN;
  if (value >= 1 && value <= max) return value;
  problems.push(`--${name}: an integer from 1 to ${max}`);
  return 1;
}

function readTls(problems: string[], values: Values): TlsArguments | undefined {
  const cert = values["client-cert-file"];
  const key = values["client-key-file"];
  const caFile = values["ca-file"];
  const serverName = values["server-name"];
  if ((cert === undefined) !== (key === undefined)) {
    problems.push("--client-cert-file and --client-key-file: both or neither");
  }
  const isTls = values.tls || caFile !== undefined;
  if (!isTls && (cert ?? key ?? serverName) !== undefined) {
    problems.push("a client certificate and --server-name need --tls or --ca-file");
  }
  if (isTls && values.plaintext) problems.push("--plaintext contradicts --tls and --ca-file");
  const clientFiles = cert === undefined || key === undefined ? undefined : { cert, key };
  return isTls ? { caFile, clientFiles, serverName } : undefined;
}

function readAddress(problems: string[], values: Values, isTls: boolean): string {
  const address = parseListenAddress(values.gateway);
  if (address === undefined || (address.kind === "tcp" && address.port === 0)) {
    problems.push("--gateway: host:port, [v6]:port or unix:/path");
    return "";
  }
  // The data keys cross this connection in the clear.
  if (!isTls && !values.plaintext && !isLocalAddress(address)) {
    const host = formatListenAddress(address);
    problems.push(`--gateway ${host} is another host: give --tls, --ca-file or --plaintext`);
  }
  return formatListenAddress(address);
}

/** Checks the values that `parseArgs` accepts. Everything that is wrong is named at once. */
function checkValues(values: Values): ParsedArguments {
  const problems: string[] = [];
  const { input = "", output = "" } = values;
  if (input === "") problems.push("--input: needed");
  if (output === "" && !values["dry-run"]) problems.push("--output: needed");
  const tls = readTls(problems, values);
  const address = readAddress(problems, values, tls !== undefined);
  const keyRing = values["key-ring"];
  if (keyRing !== undefined && !isKeyRingId(keyRing)) problems.push("--key-ring: no valid ID");
  const onFailure = values["on-failure"];
  if (onFailure !== "stop" && onFailure !== "continue") {
    problems.push("--on-failure: stop or continue");
  }
  const { failures = `${output}.failures`, journal = `${output}.journal` } = values;
  const isNamed = input !== "" && output !== "";
  if (isNamed && new Set([input, output, failures, journal]).size < 4) {
    problems.push("--input, --output, --failures and --journal: four different files");
  }
  const result: MigrateArguments = {
    files: { input, output, failures, journal },
    places: {
      source: { instance: values["source-instance"], key: values["source-key"] },
      target: { instance: values["target-instance"], key: values["target-key"] },
    },
    address,
    tls,
    keyRing,
    deadlineMs: integer(problems, values, "deadline-ms", 600_000),
    isDryRun: values["dry-run"],
    isVerified: !values["no-verify"],
    stopsAtFailure: onFailure === "stop",
    concurrency: integer(problems, values, "concurrency", 256),
    giveUpMs: integer(problems, values, "give-up-ms", 86_400_000),
    isJson: values.json,
    isQuiet: values.quiet,
  };
  return problems.length > 0 ? { kind: "wrong", problems } : { kind: "run", arguments: result };
}

/** Reads the command line behind the word `migrate`. */
export function parseMigrateArguments(args: readonly string[]): ParsedArguments {
  try {
    const { values } = parseArgs({ args: [...args], options });
    return values.help ? { kind: "help" } : checkValues(values);
  } catch (error) {
    // The texts of `parseArgs` name the option at fault.
    return { kind: "wrong", problems: [error instanceof Error ? error.message : "unreadable"] };
  }
}
