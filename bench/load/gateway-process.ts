/** Starts the compiled gateway in its own process. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { request } from "undici";
import { nodeFlags } from "../node-flags.ts";
import { gatewayEnv } from "../../test/process/gateway-env.ts";
import type { UpstreamPlace } from "./quota-upstream-worker.ts";

/** A ready gateway. Disposal kills its process. */
export interface GatewayProcess extends AsyncDisposable {
  readonly address: string;
  /** Processor time used so far, in µs, user and system. */
  cpu(): Promise<number>;
}

/** A gateway that runs as `npm start` runs it. */
export interface CompiledGateway extends GatewayProcess {
  /** Memory that the process occupies, in bytes. */
  residentBytes(): Promise<number>;
}

/** Starts a gateway for an upstream, with additional settings. */
export type StartGateway<G extends GatewayProcess = GatewayProcess> = (
  upstream: UpstreamPlace,
  changes: Readonly<Record<string, string>>,
) => Promise<G>;

/** Returns the value of a metric without labels. Throws if `/metrics` does not contain it. */
function metricIn(metrics: string, name: string): number {
  const line = metrics.split("\n").find((text) => text.startsWith(`${name} `));
  if (line === undefined) throw new Error(`there is no metric ${name}`);
  return Number(line.slice(name.length + 1));
}

/**
 * Creates a function that runs `main` with plain node. The gateway writes its log to the open file
 * `log`. Default: the log is discarded.
 */
export const startCompiled =
  (main: string, log: number | "ignore" = "ignore"): StartGateway<CompiledGateway> =>
  async (upstream, changes) => {
    const { env, address, adminUrl } = await gatewayEnv(upstream, changes);
    const child = spawn(process.execPath, [...nodeFlags(), main], {
      env: { PATH: process.env["PATH"] ?? "", ...env },
      stdio: ["ignore", log, "inherit"],
    });
    const exit = once(child, "exit");
    const dispose = async (): Promise<void> => {
      child.kill("SIGKILL");
      await exit;
    };
    // A new connection per request, because the gateway closes idle connections.
    const get = async (
      path: string,
    ): Promise<{ readonly isOk: boolean; readonly text: string }> => {
      const { statusCode, body } = await request(`${adminUrl}${path}`, { reset: true });
      return { isOk: statusCode === 200, text: await body.text() };
    };
    const isReady = (): Promise<boolean> =>
      get("/readyz").then(
        ({ isOk }) => isOk,
        () => false,
      );
    while (!(await isReady())) {
      if (child.exitCode !== null) throw new Error("the gateway ended at once");
      await pause(50);
    }
    const metric = async (name: string): Promise<number> =>
      metricIn((await get("/metrics")).text, name);
    return {
      address,
      cpu: async () => (await metric("process_cpu_seconds_total")) * 1e6,
      residentBytes: () => metric("process_resident_memory_bytes"),
      [Symbol.asyncDispose]: dispose,
    };
  };
