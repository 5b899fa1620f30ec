import type { GatewayProcess, StartGateway } from "../../bench/load/gateway-process.ts";
import { nodeFlags } from "../../bench/node-flags.ts";
import { startWorker } from "../../bench/load/worker.ts";
import type { GatewayQuestions, Holdings } from "./gateway-worker.ts";

/** A gateway that runs from the sources in its own process. */
export interface SourceGateway extends GatewayProcess {
  /** Collects garbage and reports the remaining memory and timers. */
  holdings(): Promise<Holdings>;
  /** Greatest delay of a timer in the process since the last question, in milliseconds. */
  lateMs(): Promise<number>;
}

/**
 * Starts a gateway in front of an upstream, with additional arguments of node. Resolves when it
 * serves.
 */
export async function startSourceGateway(
  upstream: Parameters<StartGateway>[0],
  changes: Parameters<StartGateway>[1],
  nodeArguments: readonly string[] = [],
): Promise<SourceGateway> {
  const worker = startWorker<GatewayQuestions>(new URL("gateway-worker.ts", import.meta.url), {
    nodeArguments: [...nodeFlags(), ...nodeArguments, "--expose-gc"],
  });
  try {
    const address = await worker.ask("start", {
      KP_SERVICE_URL: upstream.url,
      IAM_AUTH_URL: upstream.url,
      KP_INSTANCE_ID: upstream.instanceId,
      IBMCLOUD_API_KEY: upstream.apiKey,
      GATEWAY_LISTEN: "127.0.0.1:0",
      GATEWAY_ADMIN_LISTEN: "127.0.0.1:0",
      ...changes,
    });
    return {
      address,
      cpu: () => worker.ask("cpu", null),
      holdings: () => worker.ask("holdings", null),
      lateMs: () => worker.ask("lateMs", null),
      [Symbol.asyncDispose]: () => worker[Symbol.asyncDispose](),
    };
  } catch (error) {
    await worker[Symbol.asyncDispose]();
    throw error;
  }
}
