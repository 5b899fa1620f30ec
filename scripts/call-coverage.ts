/**
 * Counts the files and functions that one successful WrapKey runs, with V8's precise coverage, and
 * prints them by room. The gateway keeps to a known quota and has served calls before, so that only
 * the work of one more call is counted: TLS, connections and the IAM token are there, and so are
 * the first 50 answers, which the rate limiter treats differently.
 *
 * Several calls are measured, one after the other, and a function counts if it ran in each of them.
 * A timer that fires during one of them, such as the sweep over the connections, does not count.
 *
 * Usage: `npm run coverage:call`. With `--functions` every function is listed.
 */
import { Session } from "node:inspector/promises";
import { relative, sep } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { repositoryRoot } from "./run.ts";

interface Ran {
  readonly file: string;
  readonly name: string;
  readonly calls: number;
}

const session = new Session();
session.connect();
await session.post("Profiler.enable");
// The profiler starts before the sources are loaded. Otherwise V8 could not count their functions.
await session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: false });

const { startEmulator } = await import("../src/emulator/emulator.ts");
const { formatListenAddress } = await import("../src/config/listen-address.ts");
const { loadConfig } = await import("../src/config/load-config.ts");
const { startGateway } = await import("../src/gateway/start-gateway.ts");
const { KeyActionsServiceClient } = await import("../src/gen/keyprotect/v1/key_actions_service.ts");
const { KeysServiceClient } = await import("../src/gen/keyprotect/v1/keys_service.ts");
const { KeyType, ReturnPreference } = await import("../src/gen/keyprotect/v1/key.ts");
const { credentials } = await import("@grpc/grpc-js");
const { unaryCall } = await import("../examples/unary-call.ts");

await using emulator = await startEmulator();
const config = loadConfig({
  env: {
    KP_SERVICE_URL: emulator.url,
    KP_INSTANCE_ID: emulator.instanceId,
    IBMCLOUD_API_KEY: emulator.apiKey,
    IAM_AUTH_URL: emulator.url,
    GATEWAY_LISTEN: "127.0.0.1:0",
    GATEWAY_ADMIN_LISTEN: "127.0.0.1:0",
    GATEWAY_RATE_CEILING: "200",
    GATEWAY_DRAIN_DELAY_MS: "0",
  },
  readFile: (path) => {
    throw new Error(`nothing is read from ${path}`);
  },
});
// The access log goes to standard output as in service, so that its code is counted as well.
await using gateway = await startGateway(config);
const [address] = gateway.addresses;
if (address === undefined) throw new Error("the gateway listens nowhere");
const target = formatListenAddress(address);
const keys = new KeysServiceClient(target, credentials.createInsecure());
const actions = new KeyActionsServiceClient(target, credentials.createInsecure());

const created = await unaryCall(keys, "createKey", {
  name: "coverage",
  type: KeyType.ROOT,
  description: "",
  tags: [],
  expireTime: undefined,
  material: undefined,
  returnPreference: ReturnPreference.UNSPECIFIED,
  requestId: "",
});
const keyId = created.response?.key?.id;
if (keyId === undefined) throw new Error("no root key could be created", { cause: created.error });
const wrap = async (): Promise<void> => {
  const { error } = await unaryCall(actions, "wrapKey", {
    keyId,
    plaintext: Buffer.from("a data key"),
    additionalAuthenticatedData: [],
  });
  if (error !== null) throw error;
};
/** The functions that ran since the coverage was read last, by place. Reading resets the counts. */
const readCoverage = async (): Promise<ReadonlyMap<string, Ran>> => {
  const { result } = await session.post("Profiler.takePreciseCoverage");
  const functionsOf = result.flatMap(({ url, functions }): [string, Ran][] => {
    if (!url.startsWith("file:")) return [];
    const file = relative(repositoryRoot, fileURLToPath(url));
    if (!/^src[\\/](?!gen[\\/]|emulator[\\/])/.test(file)) return [];
    return functions.flatMap(({ functionName: name, ranges: [range] }): [string, Ran][] => {
      const calls = range?.count ?? 0;
      // esbuild's helper that names functions is not code of this project.
      return calls > 0 && name !== "__name"
        ? [[`${file}:${name}:${range?.startOffset}`, { file, name: name || "(anonymous)", calls }]]
        : [];
    });
  });
  return new Map(functionsOf);
};

for (let call = 0; call < 60; call++) await wrap();
// Log lines and metrics of those calls are written by now.
await setTimeout(500);
const measured: ReadonlyMap<string, Ran>[] = [];
for (let call = 0; call < 15; call++) {
  // Of different lengths, so that a timer with a period does not fire during every call.
  await setTimeout(7 * call);
  await readCoverage();
  await wrap();
  await setTimeout(5);
  measured.push(await readCoverage());
}
const [first = new Map<string, Ran>(), ...others] = measured;
const ran = [...first].flatMap(([place, one]) =>
  others.every((other) => other.has(place)) ? [one] : [],
);

const roomOf = (file: string): string => file.split(sep).slice(1, -1)[0] ?? "(src)";
const filesOf = (functions: readonly Ran[]): number =>
  new Set(functions.map(({ file }) => file)).size;
const rooms = new Map<string, Ran[]>();
for (const one of ran) {
  const room = roomOf(one.file);
  rooms.set(room, [...(rooms.get(room) ?? []), one]);
}
const row = (room: string, functions: readonly Ran[]): string => {
  const calls = functions.reduce((sum, one) => sum + one.calls, 0);
  return `| ${room.padEnd(14)} | ${String(filesOf(functions)).padStart(5)} | ${String(functions.length).padStart(9)} | ${String(calls).padStart(5)} |`;
};
console.log("| room           | files | functions | calls |");
console.log("| -------------- | ----: | --------: | ----: |");
for (const [room, functions] of [...rooms].toSorted((a, b) => b[1].length - a[1].length)) {
  console.log(row(room, functions));
}
console.log(row("all", ran));
if (process.argv.includes("--functions")) {
  for (const { file, name, calls } of ran.toSorted((a, b) => a.file.localeCompare(b.file))) {
    console.log(`${file}: ${name} ${calls}`);
  }
}
await session.post("Profiler.stopPreciseCoverage");
session.disconnect();
keys.close();
actions.close();
