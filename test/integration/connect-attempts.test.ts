import net from "node:net";
import { expect, test, vi } from "vitest";
import { startTestGateway } from "../support/start-gateway.ts";

test.each([
  ["900", 450],
  ["2400", 1_200],
])(
  "with a connect time-out of %s ms each address of Key Protect and IAM is tried for %d ms",
  async (setting, attemptMs) => {
    const connect = vi.spyOn(net, "connect");
    try {
      await using gateway = await startTestGateway({
        env: { GATEWAY_UPSTREAM_CONNECT_TIMEOUT_MS: setting },
      });
      await gateway.outcome(gateway.clients.keys, "countKeys", {});
      // undici's options have a `localAddress`, those of the gRPC client have none.
      const ofUpstream = connect.mock.calls
        .map(([options]: readonly unknown[]) => options)
        .filter((options) => typeof options === "object" && options !== null)
        .filter((options) => "localAddress" in options);
      expect(ofUpstream).toEqual([
        expect.objectContaining({ autoSelectFamilyAttemptTimeout: attemptMs }),
        expect.objectContaining({ autoSelectFamilyAttemptTimeout: attemptMs }),
      ]);
    } finally {
      connect.mockRestore();
    }
  },
);
