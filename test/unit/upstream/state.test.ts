import { pino } from "pino";
import { describe, expect, test } from "vitest";
import { systemClock } from "../../../src/platform/clock.ts";
import { createUpstreamHosts, type UpstreamHostsOptions } from "../../../src/upstream/host.ts";
import { createUpstream, type UpstreamOptions } from "../../../src/upstream/pipeline.ts";
import { httpAnswer, startRawServer } from "./raw-server.ts";
import { openRequest, until } from "./requests.ts";

const random = (): number => 0;
const logger = pino({ level: "silent" });

const upstreamTo = (
  url: string,
  options: Partial<UpstreamOptions> = {},
  circuits?: UpstreamHostsOptions["circuits"],
) =>
  createUpstream({
    pool: { origin: url, connections: 2 },
    host: createUpstreamHosts({ clock: systemClock, random, logger, circuits }).of(url),
    bearer: (next) => next,
    logger,
    clock: systemClock,
    random,
    ...options,
  });

describe("the state of the way to an instance", () => {
  test("the state is empty before the first request", async () => {
    await using server = await startRawServer((socket) => socket.write(httpAnswer("")));
    await using upstream = upstreamTo(server.origin);

    expect(upstream.state()).toEqual({
      rate: {
        perSecond: undefined,
        safePerSecond: undefined,
        phase: "unpaced",
        pausedForMs: undefined,
      },
      permitsReady: 2,
      connections: { inFlight: 0, open: 0, most: 2 },
      queue: { interactive: 0, management: 0, bulk: 0, callers: 0 },
      circuits: {
        data: { state: "closed", retryInMs: 0 },
        management: { state: "closed", retryInMs: 0 },
      },
      retryBudget: 50,
    });
  });

  test("the state shows requests in progress and those that wait for a connection", async () => {
    const answers: (() => void)[] = [];
    await using server = await startRawServer((socket) => {
      answers.push(() => socket.write(httpAnswer("")));
    });
    await using upstream = upstreamTo(server.origin);
    const deadline = systemClock.now() + 60_000;
    const sending = ["a", "b", "c", "c"].map((caller) =>
      upstream.send(openRequest({ call: { caller, deadline } })),
    );
    await until(() => answers.length === 2);

    expect(upstream.state()).toMatchObject({
      connections: { inFlight: 2, open: 2, most: 2 },
      queue: { interactive: 2, management: 0, bulk: 0, callers: 1 },
    });

    for (let answered = 0; answered < sending.length; answered++) {
      await until(() => answers.length > 0);
      answers.shift()?.();
    }
    await Promise.all(sending);
    expect(upstream.state()).toMatchObject({ connections: { inFlight: 0 }, queue: { callers: 0 } });
  });

  test("the state shows the rate and the pause that Key Protect asked for", async () => {
    await using server = await startRawServer((socket) =>
      socket.write("HTTP/1.1 429 Busy\r\nRetry-After: 30\r\nContent-Length: 0\r\n\r\n"),
    );
    await using upstream = upstreamTo(server.origin, {
      quota: { mode: "down-only", ceilingPerSecond: 100 },
    });
    expect(upstream.state().rate).toEqual({
      perSecond: 98.5,
      safePerSecond: 98.5,
      phase: "hold",
      pausedForMs: undefined,
    });

    await upstream.send(openRequest({ call: { deadline: systemClock.now() + 5_000 } }));

    const { phase, pausedForMs } = upstream.state().rate;
    expect(phase).toBe("blackout");
    // A single Retry-After is believed for five seconds.
    expect(pausedForMs).toBeGreaterThan(3_000);
    expect(pausedForMs).toBeLessThanOrEqual(5_500);
  });

  test("the state has no circuits if circuit breakers are off", async () => {
    await using server = await startRawServer((socket) => socket.write(httpAnswer("")));
    await using upstream = upstreamTo(server.origin, {}, "off");

    expect(upstream.state().circuits).toBeUndefined();
  });
});
