/** The times of connections as settings, with real clients. */
import { Client, credentials } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { goldenRequests as golden, wireClient } from "../support/golden-requests.ts";
import { connectFrames, frameTypes } from "../support/http2-frames.ts";
import { startTestGateway } from "../support/start-gateway.ts";

test("a client whose connections reach their age again and again loses no call", async () => {
  await using gateway = await startTestGateway({
    env: {
      GATEWAY_CONNECTION_AGE_MS: "1000",
      GATEWAY_CONNECTION_AGE_JITTER_PERCENT: "50",
      GATEWAY_LOG_LEVEL: "info",
    },
  });
  const { path, message } = golden.CountKeys();
  const client = new Client(gateway.address, credentials.createInsecure(), {
    "grpc.use_local_subchannel_pool": 1,
  });
  const wire = wireClient(client, path);
  const peers = (): Set<unknown> =>
    new Set(
      gateway
        .log()
        .filter(({ msg }) => msg === "call")
        .map(({ peer }) => peer),
    );
  const failures: unknown[] = [];
  await eventually(async () => {
    const outcomes = await Promise.all(
      Array.from({ length: 5 }, () => gateway.outcome(wire, "send", message)),
    );
    failures.push(...outcomes.map(({ error }) => error).filter((error) => error !== null));
    return peers().size >= 3;
  });
  expect(failures).toEqual([]);
  client.close();
});

test("the settings of keepalive apply to connections", async () => {
  await using gateway = await startTestGateway({
    env: { GATEWAY_KEEPALIVE_MS: "1000", GATEWAY_KEEPALIVE_TIMEOUT_MS: "100" },
  });
  using client = await connectFrames(Number(gateway.address.split(":").at(-1)));
  await eventually(() => client.isClosed);
  expect(client.received.map(({ type }) => type)).toContain(frameTypes.ping);
});
