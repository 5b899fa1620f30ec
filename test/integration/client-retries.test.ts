/**
 * Ordinary clients that retry automatically, with a policy over every status. Whatever the gateway
 * answers, a change that may have been made is not requested again.
 */
import { Client, credentials } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import type { FaultAction } from "../../src/emulator/control/faults.ts";
import { goldenRequests, wireClient, type RpcName } from "../support/golden-requests.ts";
import { createKeyId } from "../support/requests.ts";
import { startTestGateway, type TestGateway } from "../support/start-gateway.ts";

/** The policy of a caller that does not know which RPCs may be repeated. */
const repeatEverything = {
  loadBalancingConfig: [{ round_robin: {} }],
  methodConfig: [
    {
      name: [{}],
      retryPolicy: {
        maxAttempts: 5,
        initialBackoff: "0.01s",
        maxBackoff: "0.02s",
        backoffMultiplier: 1,
        retryableStatusCodes: ["DEADLINE_EXCEEDED", "INTERNAL", "UNAVAILABLE", "UNKNOWN"],
      },
    },
  ],
};

/** Makes one call with that policy, and returns its failure. */
async function failureOf(gateway: TestGateway, rpc: RpcName, keyId?: string) {
  const { path, message } = goldenRequests[rpc](keyId === undefined ? {} : { keyId });
  const client = new Client(gateway.address, credentials.createInsecure(), {
    "grpc.service_config": JSON.stringify(repeatEverything),
  });
  try {
    return await gateway.failure(wireClient(client, path), "send", message);
  } finally {
    client.close();
  }
}

const unreadable: FaultAction = { kind: "rewrite", status: 303 };
const slow: FaultAction = { kind: "drip-head", intervalMs: 1_000 };
const lost: FaultAction = { kind: "reset", when: "after-processing" };

const cases = [
  ["UPSTREAM_BAD_RESPONSE", unreadable, {}],
  ["DEADLINE_UPSTREAM", slow, { GATEWAY_MAX_DEADLINE_MS: "1000" }],
  ["OUTCOME_UNKNOWN", lost, {}],
] as const;

test.each(cases)(
  "a client that retries everything makes one key, one rotation and one locker after %s",
  async (reason, action, env) => {
    await using gateway = await startTestGateway({ env });
    const keyId = await createKeyId(gateway);
    gateway.emulator.requests.clear();
    gateway.emulator.faults.add({ match: { service: "keyprotect", method: "POST" }, action });
    const failures = [
      await failureOf(gateway, "CreateKey"),
      await failureOf(gateway, "RotateKey", keyId),
      await failureOf(gateway, "CreateLocker"),
    ];
    expect(gateway.upstreamRequests()).toEqual([
      "POST /api/v2/keys",
      `POST /api/v2/keys/${keyId}/actions/rotate`,
      "POST /api/v2/import_token",
    ]);
    for (const failure of failures) {
      expect(failure.reason).toBe(reason);
      expect(failure.errorInfo?.metadata["mayHaveExecuted"]).toBe("true");
      expect(failure.error.metadata.get("grpc-retry-pushback-ms")).toEqual(["-1"]);
      expect(failure.retryInfo).toBeUndefined();
    }
    expect(await gateway.call(gateway.clients.keys, "countKeys", {})).toEqual({ totalSize: 2 });
  },
  30_000,
);
