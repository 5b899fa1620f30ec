import { describe, expect, test } from "vitest";
import { createKeyId, wrapKeyRequest } from "../support/requests.ts";
import { startTestGateway, type TestGateway } from "../support/start-gateway.ts";

const busy = { timeout: 60_000 };

async function stateOf({ gateway }: TestGateway): Promise<{ text: string; state: unknown }> {
  const { host, port } = gateway.admin;
  const answer = await fetch(`http://${host}:${port}/state`);
  expect(answer.headers.get("cache-control")).toBe("no-store");
  const text = await answer.text();
  return { text, state: JSON.parse(text) };
}

describe("/state", () => {
  test(
    "/state shows the activity of each instance, and neither secrets nor callers",
    busy,
    async () => {
      await using gateway = await startTestGateway({ env: { GATEWAY_RATE_CEILING: "50" } });
      const keyId = await createKeyId(gateway);
      const plaintext = gateway.secrets.bytes(32);
      await gateway.call(gateway.clients.actions, "wrapKey", wrapKeyRequest(keyId, plaintext));

      const { text, state } = await stateOf(gateway);

      expect(state).toEqual({
        version: expect.stringMatching(/^\d+\.\d+\.\d+/),
        uptimeSeconds: expect.any(Number),
        isDraining: false,
        instances: {
          default: {
            rate: { perSecond: 49.25, safePerSecond: 49.25, phase: "hold" },
            permitsReady: expect.any(Number),
            connections: { inFlight: 0, open: 1, most: expect.any(Number) },
            queue: { interactive: 0, management: 0, bulk: 0, callers: 0 },
            circuits: {
              data: { state: "closed", retryInMs: 0 },
              management: { state: "closed", retryInMs: 0 },
            },
            retryBudget: 50,
            token: {
              authType: "iam",
              phase: "fresh",
              ageSeconds: expect.any(Number),
              lastExchange: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
            },
          },
        },
      });
      expect(gateway.secrets.tracesIn(text)).toEqual([]);
    },
  );

  test("/state shows that rate limiting is off, and no tokens of callers", busy, async () => {
    await using gateway = await startTestGateway({ env: { GATEWAY_RATE_MODE: "off" } });

    const { state } = await stateOf(gateway);

    expect(state).toMatchObject({ instances: { default: { rate: { phase: "unpaced" } } } });
    expect(await gateway.metrics()).toContain(
      'keyprotect_gateway_quota_phase{instance="default",phase="unpaced"} 1',
    );
  });

  test("/state shows a pause that Key Protect requested", busy, async () => {
    await using gateway = await startTestGateway({ env: { GATEWAY_RATE_CEILING: "50" } });
    const keyId = await createKeyId(gateway);
    gateway.emulator.faults.add({
      match: { service: "keyprotect" },
      times: 1,
      action: { kind: "respond", status: 429, headers: { "Retry-After": "3" } },
    });
    const wrapped = gateway.call(
      gateway.clients.actions,
      "wrapKey",
      wrapKeyRequest(keyId, gateway.secrets.bytes(32)),
      { deadline: Date.now() + 30_000 },
    );
    await expect
      .poll(async () => (await stateOf(gateway)).text, { timeout: 20_000 })
      .toContain('"pausedForMs"');

    const { state } = await stateOf(gateway);

    expect(state).toMatchObject({
      instances: {
        default: {
          rate: { phase: "blackout", pausedForMs: expect.any(Number) },
          queue: { interactive: 1, callers: 1 },
        },
      },
    });
    await wrapped;
    const metrics = await gateway.metrics();
    expect(metrics).toContain('keyprotect_gateway_upstream_throttled_total{instance="default"} 1');
    expect(metrics).toContain(
      'keyprotect_gateway_upstream_attempts_total{operation="WrapKey",outcome="429"} 1',
    );
    expect(metrics).toContain(
      'keyprotect_gateway_upstream_requests_total{operation="WrapKey",outcome="2xx"} 1',
    );
    expect(metrics).toContain(
      'keyprotect_gateway_queue_wait_seconds_count{instance="default",class="interactive"} 2',
    );
  });
});
