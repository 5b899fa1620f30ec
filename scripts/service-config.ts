/**
 * The service configuration of gRPC clients (`proto/keyprotect/v1/service_config.json`): the RPCs
 * that a client library may repeat by itself. It follows from the retry classes of `rpc-table.ts`.
 */
import { rpcTable } from "../src/rpc-table.ts";

/** The file of the configuration. It stands beside the contract, for clients to copy both. */
export const serviceConfigFile = "proto/keyprotect/v1/service_config.json";

/**
 * Three attempts of the client, each with up to three of the gateway. Only UNAVAILABLE is repeated:
 * every other status is a verdict, or a deadline that is over for the repetition too.
 */
const retryPolicy = {
  maxAttempts: 3,
  initialBackoff: "0.1s",
  maxBackoff: "2s",
  backoffMultiplier: 2,
  retryableStatusCodes: ["UNAVAILABLE"],
};

/** Stops all retries of a client after five failures, until every tenth call succeeds. */
const retryThrottling = { maxTokens: 10, tokenRatio: 0.1 };

/** RPCs without a method configuration are never repeated by a client library. */
const repeatable = rpcTable.filter(({ retry }) => retry !== "unsafe");

/** The configuration as JSON, in the format of oxfmt. */
export function serviceConfig(): string {
  const config = {
    // A repeat goes to another replica, if the client knows several.
    loadBalancingConfig: [{ round_robin: {} }],
    retryThrottling,
    methodConfig: [
      { name: repeatable.map(({ service, method }) => ({ service, method })), retryPolicy },
    ],
  };
  return `${JSON.stringify(config, undefined, 2).replace(/\[\s+("[A-Z]+")\s+\]/, "[$1]")}\n`;
}
