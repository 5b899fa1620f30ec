/**
 * What goes wrong when opossum is used as its readme suggests, around the request and with the options at hand, and that it
 * does not go wrong here. Each pair is the same story told twice.
 */
import { EventEmitter } from "node:events";
import CircuitBreaker from "opossum";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { UpstreamError } from "../../../../src/upstream/error.ts";
import type { UpstreamRequest } from "../../../../src/upstream/layer.ts";
import { answer, fixture, pass, resultOf, settings, unreachable } from "./breaker-fixture.ts";
import { openRequest } from "../requests.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
const naiveOnes: Naive[] = [];
afterEach(() => {
  for (const breaker of naiveOnes.splice(0)) breaker.shutdown();
  vi.useRealTimers();
});

type Work = () => Promise<unknown>;
type Naive = CircuitBreaker<[Work]>;

/** opossum around the work, with the same numbers as `settings` unless told otherwise. */
function naive(options: CircuitBreaker.Options = {}): Naive {
  const breaker: Naive = new CircuitBreaker((work: Work) => work(), {
    timeout: false,
    errorThresholdPercentage: settings.failurePercent,
    volumeThreshold: settings.minimumExchanges,
    rollingCountTimeout: settings.windowMs,
    resetTimeout: settings.resetMs,
    ...options,
  });
  naiveOnes.push(breaker);
  return breaker;
}

const fails = (): Promise<never> => Promise.reject(unreachable());
const works = (): Promise<string> => Promise.resolve("ok");
const never = (): Promise<never> => new Promise(() => {});
const later = (ms: number, isFailure: boolean): Work => {
  return () =>
    new Promise((resolve, reject) => {
      setTimeout(() => (isFailure ? reject(unreachable()) : resolve("ok")), ms);
    });
};

const codeOf = (error: unknown): unknown =>
  error instanceof Error && "code" in error ? error.code : error;
const outcome = (fired: Promise<unknown>): Promise<unknown> => fired.catch(codeOf);

const isCancelled = (error: unknown): boolean => codeOf(error) === "CANCELLED";

async function trip(breaker: Naive): Promise<void> {
  for (let count = 0; count < 100 && !breaker.opened; count++) await outcome(breaker.fire(fails));
}

describe("a capacity counts its own refusals as failures", () => {
  test("naive: twenty calls at once to a healthy upstream open the circuit", async () => {
    const breaker = naive({ capacity: 2 });
    const all = Array.from({ length: 20 }, () => outcome(breaker.fire(later(10, false))));
    await pass(10);
    await Promise.all(all);
    expect(breaker.opened).toBe(true);
  });

  test("here: they are all answered and the circuit stays closed", async () => {
    const made = fixture();
    const pending = made.hold();
    const all = Promise.all(Array.from({ length: 20 }, () => made.ask()));
    await pass(10);
    for (const exchange of pending) exchange.resolve(answer(200));
    expect(new Set(await all)).toEqual(new Set([200]));
    expect(made.breaker.state).toBe("closed");
  });
});

describe("opossum#388: a filtered error is a success, to a half-open circuit too", () => {
  test("naive: a caller that cancels closes the circuit of a dead upstream", async () => {
    const breaker = naive({ errorFilter: isCancelled });
    await trip(breaker);
    await pass(5_000);
    await outcome(breaker.fire(() => Promise.reject(new UpstreamError("CANCELLED", "gone"))));
    expect(breaker.closed).toBe(true);
  });

  test("here: the circuit waits for what the upstream says", async () => {
    const made = fixture();
    await made.trip();
    await pass(5_000);
    const pending = made.hold();
    const request = openRequest();
    const result = resultOf(made.send(request));
    request.end("cancelled");
    expect(await result).toBe("CANCELLED");
    expect(made.breaker.state).toBe("halfOpen");
    pending[0]?.reject(unreachable());
    await pass(1);
    expect(made.breaker.state).toBe("open");
  });
});

describe("a call begun before the circuit opened decides what becomes of it half-open", () => {
  test("naive: an old success closes it", async () => {
    const breaker = naive();
    const old = breaker.fire(later(6_000, false));
    await trip(breaker);
    await pass(5_500);
    expect(breaker.halfOpen).toBe(true);
    await pass(500);
    await old;
    expect(breaker.closed).toBe(true);
  });

  test("here: it does not", async () => {
    const made = fixture();
    const pending = made.hold();
    const old = made.ask();
    await made.trip();
    await pass(5_500);
    pending[0]?.resolve(answer(200));
    expect(await old).toBe(200);
    expect(made.breaker.state).toBe("halfOpen");
  });
});

describe("opossum#385: failures that come late keep a circuit from coming back", () => {
  test("naive: calls begun together and failing apart open it again and again", async () => {
    const breaker = naive();
    const slow = [5_100, 10_200].map((ms) => outcome(breaker.fire(later(ms, true))));
    await trip(breaker);
    await pass(5_000);
    expect(breaker.halfOpen).toBe(true);
    await pass(100);
    expect(breaker.opened).toBe(true);
    await pass(5_000);
    expect(breaker.halfOpen).toBe(true);
    await pass(100);
    expect(breaker.opened).toBe(true);
    await Promise.all(slow);
  });

  test("here: they change nothing, and the probe closes the circuit", async () => {
    const made = fixture();
    const pending = made.hold();
    const slow = Promise.all([made.ask(), made.ask()]);
    await made.trip();
    await pass(5_000);
    for (const exchange of pending) exchange.reject(unreachable());
    await slow;
    expect(made.breaker.state).toBe("halfOpen");
    made.upstream = () => Promise.resolve(answer(200));
    expect(await made.ask()).toBe(200);
    expect(made.breaker.state).toBe("closed");
  });

  test("here: six failures in one moment are one opening, followed by half-open", async () => {
    const onOpen = vi.fn();
    const made = fixture({}, { onOpen });
    const pending = made.hold();
    const all = Promise.all(Array.from({ length: 6 }, () => made.ask()));
    await pass(1);
    for (const exchange of pending) exchange.reject(unreachable());
    await all;
    expect(onOpen).toHaveBeenCalledTimes(1);
    await pass(5_000);
    expect(made.breaker.state).toBe("halfOpen");
  });
});

describe("a filter that throws", () => {
  test("naive: the call never settles and a rejection goes unhandled", async () => {
    const unhandled: unknown[] = [];
    const others = process.listeners("unhandledRejection");
    process.removeAllListeners("unhandledRejection");
    const note = (reason: unknown): void => void unhandled.push(reason);
    process.on("unhandledRejection", note);
    try {
      const breaker = naive({
        errorFilter: () => {
          throw new Error("filter");
        },
      });
      const settled = vi.fn();
      void breaker.fire(fails).then(settled, settled);
      await pass(60_000);
      vi.useRealTimers();
      await new Promise((resolve) => setTimeout(resolve, 5));
      expect(settled).not.toHaveBeenCalled();
      expect(unhandled).toHaveLength(1);
    } finally {
      process.off("unhandledRejection", note);
      for (const other of others) process.on("unhandledRejection", other);
    }
  });

  test("here: an error that cannot even be looked at reaches its caller", async () => {
    const made = fixture();
    const hostile = new Proxy(new Error("hostile"), {
      get: () => {
        throw new Error("do not look");
      },
      getPrototypeOf: () => {
        throw new Error("do not look");
      },
    });
    made.upstream = () => Promise.reject(hostile);
    const caught = await made.send(openRequest()).catch((error: unknown) => [error]);
    expect(Array.isArray(caught) && caught[0] === hostile).toBe(true);
    expect(made.breaker.state).toBe("closed");
  });
});

describe("a listener that throws", () => {
  test("naive: a healthy call is rejected and counted as failed", async () => {
    const breaker = naive({ volumeThreshold: 1, errorThresholdPercentage: 0 });
    breaker.on("success", () => {
      throw new Error("listener");
    });
    await expect(breaker.fire(works)).rejects.toThrow("listener");
    expect(breaker.stats.failures).toBe(1);
  });

  test("here: the call that closes the circuit is answered", async () => {
    const made = fixture(
      {},
      {
        onClose: () => {
          throw new Error("listener");
        },
      },
    );
    await made.trip();
    await pass(5_000);
    made.upstream = () => Promise.resolve(answer(200));
    expect(await made.ask()).toBe(200);
    expect(made.breaker.state).toBe("closed");
  });
});

describe("opossum#276: a probe that fails to fail", () => {
  test("naive: without a time-out the circuit stays half-open for ever", async () => {
    const breaker = naive();
    await trip(breaker);
    await pass(5_000);
    void breaker.fire(never);
    await pass(3_600_000);
    expect(breaker.halfOpen).toBe(true);
    expect(await outcome(breaker.fire(works))).toBe("EOPENBREAKER");
  });

  test("here: the circuit opens again and another probe is sent", async () => {
    const made = fixture();
    await made.trip();
    await pass(5_000);
    made.hold();
    void made.ask();
    await pass(2_000);
    expect(made.breaker.state).toBe("open");
    await pass(10_000);
    made.upstream = () => Promise.resolve(answer(200));
    expect(await made.ask()).toBe(200);
    expect(made.breaker.state).toBe("closed");
  });

  test("here: a probe that fails opens it, though fewer exchanges are counted than the minimum", async () => {
    const made = fixture({ minimumExchanges: 20 });
    await made.trip();
    await pass(5_500);
    expect(await made.ask()).toBe("UNREACHABLE");
    expect(made.breaker.state).toBe("open");
  });
});

describe("one abort controller for all calls", () => {
  test("naive: a call that is too slow aborts another, and whatever comes after", async () => {
    const abortController = new AbortController();
    const breaker = naive({ timeout: 100, abortController });
    const slow = outcome(breaker.fire(never));
    await pass(90);
    const innocent = outcome(breaker.fire(later(50, false)));
    await pass(10);
    await slow;
    expect(abortController.signal.aborted).toBe(true);
    await pass(40);
    await innocent;
    expect(abortController.signal.aborted).toBe(true);
  });

  test("here: every call has its own signal, the probe included", async () => {
    const made = fixture();
    const seen: UpstreamRequest[] = [];
    const pending = made.hold();
    const held = made.upstream;
    made.upstream = (request) => {
      seen.push(request);
      return held(request);
    };
    const slow = openRequest();
    const innocent = openRequest();
    const all = Promise.all([made.send(slow), made.send(innocent)]);
    slow.end("deadline");
    expect(seen.map(({ call }) => call.signal.aborted)).toEqual([true, false]);
    for (const exchange of pending) exchange.resolve(answer(200));
    await all;
  });
});

describe("opossum#484: the counts of an outage outlive it", () => {
  test("naive: after recovery one failure opens the circuit", async () => {
    const breaker = naive({ rollingCountTimeout: 20_000 });
    await trip(breaker);
    await pass(5_000);
    await breaker.fire(works);
    expect(breaker.closed).toBe(true);
    await outcome(breaker.fire(fails));
    expect(breaker.opened).toBe(true);
  });

  test("here: it takes as many as ever", async () => {
    const made = fixture();
    await made.trip();
    await pass(5_000);
    made.upstream = () => Promise.resolve(answer(200));
    await made.ask();
    expect(made.breaker.state).toBe("closed");
    made.upstream = () => Promise.reject(unreachable());
    for (let count = 0; count < 3; count++) await made.ask();
    expect(made.breaker.state).toBe("closed");
    await made.ask();
    expect(made.breaker.state).toBe("open");
  });

  test("here: not even a reset shorter than the window by its jitter brings the counts back", async () => {
    const made = fixture({}, { random: () => 0 });
    await made.trip();
    await pass(4_000);
    made.upstream = () => Promise.resolve(answer(200));
    await made.ask();
    made.upstream = () => Promise.reject(unreachable());
    await made.ask();
    expect(made.breaker.state).toBe("closed");
  });

  test("naive: a failure left over from the outage undoes the closing", async () => {
    const breaker = naive({ rollingCountTimeout: 20_000 });
    const old = outcome(breaker.fire(later(5_100, true)));
    await trip(breaker);
    await pass(5_000);
    await breaker.fire(works);
    expect(breaker.closed).toBe(true);
    await pass(100);
    await old;
    expect(breaker.opened).toBe(true);
  });

  test("here: it does not", async () => {
    const made = fixture({ minimumExchanges: 1 });
    const pending = made.hold();
    const old = made.ask();
    await made.trip();
    await pass(5_000);
    made.upstream = () => Promise.resolve(answer(200));
    await made.ask();
    pending[0]?.reject(unreachable());
    await old;
    expect(made.breaker.state).toBe("closed");
  });
});

describe("calls fired at an open circuit dilute the rate", () => {
  test("naive: after an outage with traffic, hundreds of failures are needed to open again", async () => {
    const breaker = naive({ rollingCountTimeout: 20_000 });
    await trip(breaker);
    for (let count = 0; count < 500; count++) await outcome(breaker.fire(fails));
    await pass(5_000);
    await breaker.fire(works);
    let failures = 0;
    while (!breaker.opened && failures < 1_000) {
      await outcome(breaker.fire(fails));
      failures += 1;
    }
    expect(failures).toBeGreaterThan(400);
  });

  test("here: as many as without the traffic", async () => {
    const made = fixture();
    await made.trip();
    for (let count = 0; count < 500; count++) expect(await made.ask()).toBe("CIRCUIT_OPEN");
    await pass(5_000);
    made.upstream = () => Promise.resolve(answer(200));
    await made.ask();
    made.upstream = () => Promise.reject(unreachable());
    let failures = 0;
    while (made.breaker.state === "closed") {
      await made.ask();
      failures += 1;
    }
    expect(failures).toBe(settings.minimumExchanges);
  });
});

describe("the listeners of many breakers", () => {
  test("naive: eleven breakers that share the turning of their buckets look like a leak", () => {
    const warn = vi.spyOn(process, "emitWarning").mockReturnValue();
    const shared = new EventEmitter();
    for (let count = 0; count < 11; count++) naive({ rotateBucketController: shared });
    expect(warn).toHaveBeenCalledTimes(1);
    warn.mockRestore();
  });

  test("here: they share nothing", () => {
    const warn = vi.spyOn(process, "emitWarning").mockReturnValue();
    for (let count = 0; count < 50; count++) fixture();
    expect(warn).not.toHaveBeenCalled();
    warn.mockRestore();
  });
});

describe("timers", () => {
  test("naive: every breaker has two that never stop", () => {
    naive();
    expect(vi.getTimerCount()).toBe(2);
  });

  test("here: a breaker has one while it is open, and none otherwise", async () => {
    const made = fixture();
    await made.ask();
    expect(vi.getTimerCount()).toBe(0);
    await made.trip();
    expect(vi.getTimerCount()).toBe(1);
    await pass(5_000);
    expect(vi.getTimerCount()).toBe(0);
  });
});
