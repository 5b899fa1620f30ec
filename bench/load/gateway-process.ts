/** The gateway as users run it, in a process of its own. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { request } from "undici";
import { nodeFlags } from "../node-flags.ts";
import { gatewayEnv } from "../../test/process/gateway-env.ts";
import type { UpstreamPlace } from "./quota-upstream-worker.ts";

/** A gateway that is ready. Disposing of it kills it. */
export interface GatewayProcess extends AsyncDisposable {
  readonly address: string;
  /** Processor time so far, in microseconds, the system's share included. */
  cpu(): Promise<number>;
}

/** Starts a gateway in front of an upstream, with further settings. */
export type StartGateway<G extends GatewayProcess = GatewayProcess> = (
  upstream: UpstreamPlace,
  changes: Readonly<Record<string, string>>,
) => Promise<G>;

/** Value of a metric without labels in the text of `/metrics`. Throws if it is not there. */
function metricIn(metrics: string, name: string): number {
  const line = metrics.split("\n").find((text) => text.startsWith(`${name} `));
  if (line === undefined) throw new Error(`there is no metric ${name}`);
  return Number(line.slice(name.length + 1));
}

/** Starts `main` with plain node, its log thrown away but written. Resolves when it is ready. */
export const startCompiled =
  (main: string): StartGateway =>
  async (upstream, changes) => {
    const { env, address, adminUrl } = await gatewayEnv(upstream, changes);
    const child = spawn(process.execPath, [...nodeFlags(), main], {
      env: { PATH: process.env["PATH"] ?? "", ...env },
      stdio: ["ignore", "ignore", "inherit"],
    });
    const exit = once(child, "exit");
    const dispose = async (): Promise<void> => {
      child.kill("SIGKILL");
      await exit;
    };
    // A connection for each: the gateway closes idle ones.
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
    return {
      address,
      async cpu() {
        const { text } = await get("/metrics");
        return metricIn(text, "process_cpu_seconds_total") * 1e6;
      },
      [Symbol.asyncDispose]: dispose,
    };
  };
