import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createCircuitBreaker } from "../../../../src/upstream/circuit-breaker/circuit-breaker.ts";
import { UpstreamError } from "../../../../src/upstream/error.ts";
import { systemClock } from "../../../../src/platform/clock.ts";
import { answer, fixture, pass, resultOf, settings, unreachable } from "./breaker-fixture.ts";
import { openRequest, upstreamErrorOf } from "../requests.ts";

const explode = (): never => {
  throw new Error("listener");
};

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe("a closed circuit", () => {
  test("a closed circuit returns responses and errors unchanged", async () => {
    const made = fixture();
    const ok = answer(200);
    made.upstream = () => Promise.resolve(ok);
    expect(await made.send(openRequest())).toBe(ok);
    const refused = unreachable();
    made.upstream = () => Promise.reject(refused);
    expect(await upstreamErrorOf(made.send(openRequest()))).toBe(refused);
  });

  test("a circuit opens when more than half of at least the minimum of exchanges failed", async () => {
    const made = fixture();
    for (let count = 0; count < 4; count++) await made.ask();
    made.upstream = () => Promise.reject(unreachable());
    for (let count = 0; count < 4; count++) expect(await made.ask()).toBe("UNREACHABLE");
    expect(made.breaker.state).toBe("closed");
    expect(await made.ask()).toBe("UNREACHABLE");
    expect(made.breaker.state).toBe("open");
  });

  test("a circuit stays closed below the minimum of exchanges", async () => {
    const made = fixture({ minimumExchanges: 20 });
    made.upstream = () => Promise.reject(unreachable());
    for (let count = 0; count < 19; count++) await made.ask();
    expect(made.breaker.state).toBe("closed");
    await made.ask();
    expect(made.breaker.state).toBe("open");
  });

  test("a circuit is open by the time the caller sees the failure that opened it", async () => {
    const made = fixture({ minimumExchanges: 1 });
    made.upstream = () => Promise.reject(unreachable());
    const state = made.send(openRequest()).catch(() => made.breaker.state);
    expect(await state).toBe("open");
  });

  test("a circuit forgets exchanges that are older than the window", async () => {
    const made = fixture();
    made.upstream = () => Promise.reject(unreachable());
    for (let count = 0; count < 3; count++) await made.ask();
    await pass(5_500);
    for (let count = 0; count < 3; count++) await made.ask();
    expect(made.breaker.state).toBe("closed");
    await made.ask();
    expect(made.breaker.state).toBe("open");
  });

  test("a circuit remembers exchanges that are younger than the window", async () => {
    const made = fixture();
    made.upstream = () => Promise.reject(unreachable());
    for (let count = 0; count < 3; count++) await made.ask();
    await pass(4_000);
    await made.ask();
    expect(made.breaker.state).toBe("open");
  });

  test.each([400, 401, 403, 404, 408, 409, 410, 412, 422, 429, 501])(
    "a circuit does not open for responses with status %i",
    async (status) => {
      const made = fixture();
      made.upstream = () => Promise.resolve(answer(status));
      for (let count = 0; count < 50; count++) expect(await made.ask()).toBe(status);
      expect(made.breaker.state).toBe("closed");
    },
  );

  test.each([500, 502, 503, 504, 522])(
    "a circuit opens for responses with status %i",
    async (status) => {
      const made = fixture();
      made.upstream = () => Promise.resolve(answer(status));
      for (let count = 0; count < 4; count++) expect(await made.ask()).toBe(status);
      expect(made.breaker.state).toBe("open");
    },
  );

  test("calls that their callers ended do not dilute the failure rate", async () => {
    const made = fixture();
    made.upstream = () => Promise.reject(new UpstreamError("CANCELLED", "gone", { sent: true }));
    for (let count = 0; count < 100; count++) await made.ask();
    made.upstream = () => Promise.reject(unreachable());
    for (let count = 0; count < 4; count++) await made.ask();
    expect(made.breaker.state).toBe("open");
  });

  test("a closed circuit has no timer", async () => {
    const made = fixture();
    for (let count = 0; count < 10; count++) await made.ask();
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("an open circuit", () => {
  test("an open circuit rejects at once with the time to come back, and sends nothing", async () => {
    const made = fixture();
    await made.trip();
    const before = made.arrivals;
    const rejection = await upstreamErrorOf(made.send(openRequest()));
    expect(rejection).toMatchObject({ code: "CIRCUIT_OPEN", sent: false });
    // The rest of 5 s, plus half of the jitter of up to a fifth.
    expect(rejection.retryAfterMs).toBe(5_500);
    await pass(2_000);
    expect(made.breaker.rejectionOf()?.retryAfterMs).toBe(3_500);
    expect(made.breaker.retryInMs).toBe(3_000);
    expect(made.arrivals).toBe(before);
  });

  test("the times at which rejected calls come back are spread by jitter", async () => {
    const numbers = [0.5, 0, 0.999, 0.5];
    const made = fixture({}, { random: () => numbers.shift() ?? 0.5 });
    await made.trip();
    const waits = [made.breaker.rejection().retryAfterMs, made.breaker.rejection().retryAfterMs];
    expect(waits).toEqual([5_000, 5_999]);
  });

  test("a call that has ended gets the error of its end from an open circuit", async () => {
    const made = fixture();
    await made.trip();
    const request = openRequest();
    request.end("cancelled");
    made.upstream = () => Promise.reject(new UpstreamError("CANCELLED", "gone"));
    expect(await resultOf(made.send(request))).toBe("CANCELLED");
  });

  test("the listener is called once per opening", async () => {
    const onOpen = vi.fn();
    const made = fixture({}, { onOpen });
    await made.trip();
    for (let count = 0; count < 10; count++) await made.ask();
    expect(onOpen).toHaveBeenCalledTimes(1);
    await pass(5_000);
    await made.ask();
    expect(onOpen).toHaveBeenCalledTimes(2);
  });

  test("the time to the next probe doubles up to its limit, and is the first again after closing", async () => {
    const made = fixture();
    await made.trip();
    for (const expected of [5_000, 10_000, 20_000, 40_000, 60_000, 60_000]) {
      expect(made.breaker.retryInMs).toBe(expected);
      await pass(expected - 1);
      expect(made.breaker.state).toBe("open");
      await pass(1);
      expect(made.breaker.state).toBe("halfOpen");
      expect(await made.ask()).toBe("UNREACHABLE");
    }
    await pass(60_000);
    made.upstream = () => Promise.resolve(answer(200));
    await made.ask();
    expect(made.breaker.state).toBe("closed");
    await made.trip();
    expect(made.breaker.retryInMs).toBe(5_000);
  });

  test.each([
    [0, 4_000],
    [0.999_999, 6_000],
  ])("the reset varies by a fifth: at random number %d it is %i ms", async (number, expected) => {
    const made = fixture({}, { random: () => number });
    await made.trip();
    expect(made.breaker.retryInMs).toBe(expected);
  });
});

test("a disposed breaker sends every request and leaves no timer", async () => {
  const made = fixture();
  await made.trip();
  made.breaker[Symbol.dispose]();
  expect(made.breaker.state).toBe("closed");
  expect(made.breaker.rejectionOf()).toBeUndefined();
  for (let count = 0; count < 10; count++) expect(await made.ask()).toBe("UNREACHABLE");
  expect(made.breaker.state).toBe("closed");
  expect(vi.getTimerCount()).toBe(0);
});

test("listeners that throw change nothing, and their exceptions are reported", async () => {
  const faults: unknown[] = [];
  const made = fixture(
    {},
    { onOpen: explode, onClose: explode, onFault: (error) => faults.push(error) },
  );
  await made.trip();
  expect(made.breaker.state).toBe("open");
  await pass(5_000);
  made.upstream = () => Promise.resolve(answer(200));
  expect(await made.ask()).toBe(200);
  expect(made.breaker.state).toBe("closed");
  expect(faults).toHaveLength(2);
});

test("a window that is longer than the reset is rejected", () => {
  expect(() =>
    createCircuitBreaker({
      name: "x",
      settings: { ...settings, windowMs: 5_001 },
      clock: systemClock,
      random: () => 0.5,
    }),
  ).toThrow(RangeError);
});
