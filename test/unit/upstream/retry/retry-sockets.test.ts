import { expect, test } from "vitest";
import { systemClock } from "../../../../src/platform/clock.ts";
import type { RetryClass } from "../../../../src/rpc-table.ts";
import { createPool } from "../../../../src/upstream/transport/pool.ts";
import { createRetry } from "../../../../src/upstream/retry/retry.ts";
import { createRetryBudget } from "../../../../src/upstream/retry/retry-budget.ts";
import { createTransport } from "../../../../src/upstream/transport/transport.ts";
import type { Send } from "../../../../src/upstream/layer.ts";
import { startRawServer } from "../raw-server.ts";
import { openRequest, upstreamErrorOf } from "../requests.ts";

const ok = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/** Runs `work` with the retry layer before a real transport. */
async function withSend(
  origin: string,
  work: (send: Send) => Promise<void>,
  connections = 1,
): Promise<void> {
  const pool = createPool({ origin, connections, clock: systemClock });
  const retry = createRetry({
    clock: systemClock,
    random: Math.random,
    budget: createRetryBudget({ clock: systemClock }),
  });
  try {
    await work(retry(createTransport({ pool, clock: systemClock })));
  } finally {
    await pool[Symbol.asyncDispose]();
  }
}

const request = (retry: RetryClass) =>
  openRequest({
    method: "POST",
    body: Buffer.from("{}"),
    call: {
      rpc: { method: "Any", retry, priority: "interactive", attemptTimeoutMs: 3_000 },
      deadline: systemClock.now() + 10_000,
    },
  });

test("a safe call succeeds although its kept connection is reset", async () => {
  await using server = await startRawServer((socket, count) => {
    if (count === 2) socket.resetAndDestroy();
    else socket.write(ok);
  });
  await withSend(server.origin, async (send) => {
    expect((await send(request("safe"))).status).toBe(200);
    const second = request("safe");
    expect((await send(second)).status).toBe(200);
    expect(second.call.attemptLog.attempts).toBe(2);
    expect(server.requests).toHaveLength(3);
  });
});

test("the attempt after a reset uses a new connection, not another old one", async () => {
  const old = new Set<object>();
  await using server = await startRawServer((socket) => {
    if (old.has(socket)) socket.resetAndDestroy();
    else socket.write(ok);
    old.add(socket);
  });
  const immediate = 4;
  await withSend(
    server.origin,
    async (send) => {
      await Promise.all(Array.from({ length: immediate }, () => send(request("safe"))));
      expect(server.accepted).toBe(immediate);
      const later = request("safe");
      expect((await send(later)).status).toBe(200);
      expect(later.call.attemptLog.attempts).toBe(2);
      expect(server.accepted).toBe(immediate + 1);
    },
    immediate,
  );
});

test("a call that must not be executed twice ends with the reset", async () => {
  await using server = await startRawServer((socket, count) => {
    if (count === 2) socket.resetAndDestroy();
    else socket.write(ok);
  });
  await withSend(server.origin, async (send) => {
    await send(request("safe"));
    const error = await upstreamErrorOf(send(request("unsafe")));
    expect(error).toMatchObject({ code: "RESET", sent: true });
    expect(server.requests).toHaveLength(2);
  });
});

test("a refused connection is tried three times for every call, since nothing was sent", async () => {
  const server = await startRawServer(() => undefined);
  const { origin } = server;
  await server[Symbol.asyncDispose]();
  await withSend(origin, async (send) => {
    for (const repeat of ["safe", "conditional", "unsafe"] as const) {
      const asked = request(repeat);
      const error = await upstreamErrorOf(send(asked));
      expect(error).toMatchObject({ code: "UNREACHABLE", sent: false });
      expect(asked.call.attemptLog.attempts).toBe(3);
    }
  });
});
