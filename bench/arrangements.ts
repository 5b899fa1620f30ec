/** What is compared, and how each is started. */
import { freePort } from "../test/support/free-port.ts";
import { apiKey, instanceId } from "./canned.ts";
import { startChild, type Child } from "./child.ts";
import type { Compiled } from "./compiled.ts";
import { nodeFlags } from "./node-flags.ts";

/** Names of the arrangements, in the order of the table. */
export const arrangementNames = [
  "floor",
  "gateway",
  "gateway, limiter off",
  "naive",
  "IBM SDK",
] as const;

export type ArrangementName = (typeof arrangementNames)[number];

/** An arrangement that runs. */
export interface Arrangement {
  readonly name: ArrangementName;
  /** The process whose time is measured. */
  readonly measured: Child;
  /** The process that makes the calls: for IBM's SDK, which has no server, the measured one itself. */
  readonly load: Child;
  readonly port: number;
}

export interface StartDeps {
  readonly compiled: Compiled;
  readonly upstreamUrl: string;
  /** Makes the calls of all that serve gRPC. */
  readonly load: Child;
  /** Folder for profiles of the measured processes; absent: none are made. */
  readonly profileFolder: string | undefined;
}

/** The limiter at work, with a quota that it never has to hold anybody back for. */
const limiterOn = { GATEWAY_RATE_CEILING: "100000" };
const limiterOff = { GATEWAY_RATE_MODE: "off" };

/** Starts an arrangement. Resolves when it serves. It ends with its measured process. */
export async function startArrangement(
  name: ArrangementName,
  deps: StartDeps,
): Promise<Arrangement> {
  const { compiled, upstreamUrl, load, profileFolder } = deps;
  const given = {
    name,
    folder: compiled.folder,
    probe: compiled.program("cpu-probe"),
    profileFolder,
  };
  const env = { KP_SERVICE_URL: upstreamUrl };

  const start = async (program: string): Promise<Arrangement> => {
    const child = startChild({ ...given, program: compiled.program(program), env });
    const port = await child.port;
    const makesItsOwnCalls = name === "IBM SDK";
    return {
      name,
      measured: child,
      load: makesItsOwnCalls ? child : load,
      port,
    };
  };

  const startGateway = async (settings: Readonly<Record<string, string>>): Promise<Arrangement> => {
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
    };
    const program = compiled.gateway;
    const child = startChild({ ...given, program, env: gatewayEnv, flags: nodeFlags() });
    await child.answers(`http://127.0.0.1:${adminPort}/readyz`);
    return { name, measured: child, load, port };
  };

  const starts: Readonly<Record<ArrangementName, () => Promise<Arrangement>>> = {
    floor: () => start("floor"),
    naive: () => start("naive"),
    "IBM SDK": () => start("vendor-load"),
    gateway: () => startGateway(limiterOn),
    "gateway, limiter off": () => startGateway(limiterOff),
  };
  return starts[name]();
}
