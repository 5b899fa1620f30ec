/** The arrangements that the bench compares, and how each is started. */
import { freePort } from "../test/support/free-port.ts";
import { apiKey, instanceId } from "./canned.ts";
import { startChild, type Child } from "./child.ts";
import type { Compiled } from "./compiled.ts";
import type { EnvoyBinary } from "./envoy/find-envoy.ts";
import { startEnvoy } from "./envoy/start-envoy.ts";
import type { WrapServer } from "./messages.ts";
import type { NodeBinary } from "./node-binaries.ts";
import { nodeFlags } from "./node-flags.ts";

/** Names of the arrangements that run on node, in the order of the report. */
export const nodeArrangementNames = [
  "floor",
  "gateway",
  "gateway, limiter off",
  "traced",
  "traced, every call",
  "naive",
  "IBM SDK",
] as const;

/** Names of all arrangements, in the order of the report. */
export const arrangementNames = [...nodeArrangementNames, "envoy"] as const;

/** Name of an arrangement that runs on node. */
export type NodeArrangementName = (typeof nodeArrangementNames)[number];

/** Name of an arrangement. */
export type ArrangementName = (typeof arrangementNames)[number];

/** A process whose processor time is measured. Disposal ends it. */
export type Measured = Pick<Child, "cpuMicros" | typeof Symbol.asyncDispose>;

/** A running arrangement. */
export interface Arrangement extends WrapServer {
  readonly name: ArrangementName;
  /** The label of the binary of node that runs it. `undefined`: it does not run on node. */
  readonly node: string | undefined;
  /** The process whose processor time is measured. */
  readonly measured: Measured;
  /** The process that makes the calls. IBM's SDK has no server, so it is the measured process. */
  readonly load: Child;
}

/** A running arrangement on node. */
export interface NodeArrangement extends Arrangement {
  readonly measured: Child;
}

/** The parts of a bench run that all arrangements share. */
export interface SharedDeps {
  readonly compiled: Compiled;
  readonly upstreamUrl: string;
  /** The process that calls every arrangement that serves gRPC. */
  readonly load: Child;
}

/** The parts of a bench run that the arrangements on node need. */
export interface NodeDeps extends SharedDeps {
  /** Runs the arrangement. */
  readonly node: NodeBinary;
  /** Where the arrangements with traces send their spans. */
  readonly collectorUrl: string;
  /** The program loaded into the measured process before its own. Default: `cpu-probe`. */
  readonly probe?: string;
  /** Further settings of the gateway. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Folder for CPU profiles of the measured processes. `undefined`: no profiles. */
  readonly profileFolder: string | undefined;
}

/** The limiter works, with a quota that is never reached. */
const limiterOn = { GATEWAY_RATE_CEILING: "100000" };
const limiterOff = { GATEWAY_RATE_MODE: "off" };

/** Starts Envoy and resolves when it serves. It ends when `measured` is disposed of. */
export async function startTranscoder(
  { path }: EnvoyBinary,
  { compiled, upstreamUrl, load }: SharedDeps,
): Promise<Arrangement> {
  const upstreamPort = Number(new URL(upstreamUrl).port);
  const measured = await startEnvoy(path, { upstreamPort, folder: compiled.folder });
  const { port } = measured;
  return { name: "envoy", node: undefined, measured, load, port, contract: "transcoded" };
}

/** Starts an arrangement and resolves when it serves. It ends when `measured` is disposed of. */
export async function startArrangement(
  name: NodeArrangementName,
  deps: NodeDeps,
): Promise<NodeArrangement> {
  const { compiled, node, upstreamUrl, collectorUrl, load, profileFolder } = deps;
  const given = {
    name: `${name} on Node ${node.label}`,
    node: node.path,
    folder: compiled.folder,
    probe: compiled.program(deps.probe ?? "cpu-probe"),
    profileFolder,
  };
  const env = { KP_SERVICE_URL: upstreamUrl };
  const arrangement = { name, node: node.label, contract: "keyprotect.v1" } as const;

  const start = async (program: string): Promise<NodeArrangement> => {
    const child = startChild({ ...given, program: compiled.program(program), env });
    const port = await child.port;
    const makesItsOwnCalls = name === "IBM SDK";
    return { ...arrangement, measured: child, load: makesItsOwnCalls ? child : load, port };
  };

  const startGateway = async (
    settings: Readonly<Record<string, string>>,
  ): Promise<NodeArrangement> => {
    const port = await freePort();
    const adminPort = await freePort();
    const gatewayEnv = {
      ...env,
      KP_INSTANCE_ID: instanceId,
      IBMCLOUD_API_KEY: apiKey,
      IAM_AUTH_URL: upstreamUrl,
      GATEWAY_LISTEN: `127.0.0.1:${port}`,
      GATEWAY_ADMIN_LISTEN: `127.0.0.1:${adminPort}`,
      ...settings,
      ...deps.settings,
    };
    const program = compiled.gateway;
    const child = startChild({ ...given, program, env: gatewayEnv, flags: nodeFlags() });
    await child.answers(`http://127.0.0.1:${adminPort}/readyz`);
    return { ...arrangement, measured: child, load, port };
  };

  /** `share` of the calls is recorded. */
  const traces = (share: number) => ({
    ...limiterOn,
    OTEL_EXPORTER_OTLP_ENDPOINT: collectorUrl,
    OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
    OTEL_TRACES_SAMPLER_ARG: String(share),
    // Otherwise most spans of every call would be dropped, which costs less than sending them.
    OTEL_BSP_MAX_QUEUE_SIZE: "100000",
    OTEL_BSP_SCHEDULE_DELAY: "200",
  });

  const starts: Readonly<Record<NodeArrangementName, () => Promise<NodeArrangement>>> = {
    floor: () => start("floor"),
    naive: () => start("naive"),
    "IBM SDK": () => start("vendor-load"),
    gateway: () => startGateway(limiterOn),
    "gateway, limiter off": () => startGateway(limiterOff),
    traced: () => startGateway(traces(0.01)),
    "traced, every call": () => startGateway(traces(1)),
  };
  return starts[name]();
}
