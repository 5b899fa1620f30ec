import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { systemClock } from "../../../../src/platform/clock.ts";
import type { Timer } from "../../../../src/platform/clock.ts";
import type { Token, TokenSource } from "../../../../src/upstream/bearer-token.ts";
import { Secret } from "../../../../src/platform/secret.ts";
import { createBearer } from "../../../../src/upstream/bearer-token.ts";
import { UpstreamError } from "../../../../src/upstream/error.ts";
import type { UpstreamErrorCode } from "../../../../src/upstream/error.ts";
import type { Send, UpstreamCall, UpstreamRequest } from "../../../../src/upstream/layer.ts";
import { createRateLimit } from "../../../../src/upstream/rate-limit/rate-limit.ts";
import type {
  RateLimit,
  RateLimitOptions,
} from "../../../../src/upstream/rate-limit/rate-limit.ts";
import { densestSecond } from "./permits/spend-all.ts";
import { openRequest } from "../requests.ts";
import type { OpenRequest } from "../requests.ts";

/** An exchange that the test ends. */
interface Exchange {
  readonly request: UpstreamRequest;
  answer(status: number, headers?: Record<string, string>): Promise<void>;
  fail(error: Error): Promise<void>;
}

interface Sent {
  readonly request: OpenRequest;
  /** `waiting`, the status, or the code of the error. */
  outcome: number | string;
  error: unknown;
}

interface Fixture {
  readonly rateLimit: RateLimit;
  readonly exchanges: Exchange[];
  readonly send: Send;
  /** Sends a request and follows it. */
  ask(call?: Partial<UpstreamCall>): Sent;
}

/** Runs everything that is settled, without advancing the time. */
const settle = async (): Promise<void> => void (await vi.advanceTimersByTimeAsync(0));

/**
 * Creates a limit with a known quota of 100 per second (98.5 are used) and a burst of 5, without
 * random spreading.
 */
function limited(options: Partial<RateLimitOptions> = {}): Fixture {
  const rateLimit = createRateLimit({
    quota: { mode: "fixed", ceilingPerSecond: 100 },
    connections: 32,
    clock: systemClock,
    random: () => 0,
    ...options,
  });
  const exchanges: Exchange[] = [];
  const send = rateLimit.layer(
    (request) =>
      new Promise((resolve, reject) => {
        exchanges.push({
          request,
          answer(status, headers = {}) {
            resolve({ status, headers, body: Buffer.alloc(0) });
            return settle();
          },
          fail(error) {
            reject(error);
            return settle();
          },
        });
      }),
  );
  return {
    rateLimit,
    exchanges,
    send,
    ask(call) {
      const request = openRequest({ call: { ...call } });
      const sent: Sent = { request, outcome: "waiting", error: undefined };
      send(request).then(
        ({ status }) => (sent.outcome = status),
        (error: unknown) => {
          sent.error = error;
          sent.outcome = error instanceof UpstreamError ? error.code : "Error";
        },
      );
      return sent;
    },
  };
}

const newest = ({ exchanges }: Fixture): Exchange => {
  const exchange = exchanges.at(-1);
  if (exchange === undefined) throw new Error("nothing was sent");
  return exchange;
};
/** Returns a token whose text contains its generation. */
const token = (generation: number): Token => ({
  authorization: new Secret(`Bearer ${generation}`),
  generation,
});

const failure = (code: UpstreamErrorCode, sent: boolean): UpstreamError =>
  new UpstreamError(code, "as the test says", { sent });

const interactive = {
  method: "GetKey",
  retry: "safe",
  priority: "interactive",
  attemptTimeoutMs: 3_000,
} as const;

describe("the rate limit", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test.each<[UpstreamErrorCode, boolean]>([
    ["CIRCUIT_OPEN", false],
    ["UNREACHABLE", false],
    ["ATTEMPT_TIMEOUT", false],
    ["CANCELLED", false],
  ])(
    "an attempt that failed with %s before it was sent costs neither permit nor place",
    async (code, sent) => {
      const fixture = limited({ connections: 1 });
      for (let asked = 0; asked < 40; asked++) {
        const one = fixture.ask();
        await settle();
        expect(fixture.exchanges).toHaveLength(asked + 1);
        await newest(fixture).fail(failure(code, sent));
        expect(one.outcome).toBe(code);
      }
      fixture.rateLimit.close();
    },
  );

  test.each<[string, (exchange: Exchange) => Promise<void>]>([
    ["an answer", (exchange) => exchange.answer(200)],
    ["a refusal for want of quota", (exchange) => exchange.answer(429)],
    ["a reset", (exchange) => exchange.fail(failure("RESET", true))],
    ["a time-out", (exchange) => exchange.fail(failure("ATTEMPT_TIMEOUT", true))],
    ["a defect", (exchange) => exchange.fail(new Error("of the gateway"))],
  ])("an attempt that ends with %s costs a permit and gives the place back", async (_, end) => {
    const fixture = limited({ connections: 1 });
    for (let asked = 0; asked < 5; asked++) {
      fixture.ask();
      await settle();
      expect(fixture.exchanges).toHaveLength(asked + 1);
      await end(newest(fixture));
    }
    fixture.ask();
    await settle();
    expect(fixture.exchanges).toHaveLength(5);
    await vi.advanceTimersByTimeAsync(500);
    expect(fixture.exchanges).toHaveLength(6);
    fixture.rateLimit.close();
  });

  test("no more requests are in flight than there are connections", async () => {
    const fixture = limited({ connections: 2 });
    const all = [fixture.ask(), fixture.ask(), fixture.ask()];
    await vi.advanceTimersByTimeAsync(2_000);
    expect(fixture.exchanges).toHaveLength(2);
    expect(fixture.rateLimit.scheduler.queued).toBe(1);
    await fixture.exchanges[0]?.answer(200);
    await vi.advanceTimersByTimeAsync(1);
    expect(fixture.exchanges).toHaveLength(3);
    expect(all.map(({ outcome }) => outcome)).toEqual([200, "waiting", "waiting"]);
    fixture.rateLimit.close();
  });

  test("a call that ends between the grant and the send gives back permit and place", async () => {
    // All but the first wait for the limiter's timer, which grants the permit. The call ends in the
    // same turn, before the layer continues after its `await`.
    let onTimer: (() => void) | undefined;
    const after = (ms: number, callback: () => void): Timer =>
      systemClock.after(ms, () => {
        callback();
        onTimer?.();
      });
    const quota = { mode: "fixed", ceilingPerSecond: 20 } as const;
    const fixture = limited({ quota, clock: { ...systemClock, after } });
    fixture.ask();
    const waiting = fixture.ask();
    const following = fixture.ask();
    await settle();
    onTimer = () => {
      if (fixture.rateLimit.scheduler.queued === 1) waiting.request.end("cancelled");
    };
    await newest(fixture).answer(200);
    await vi.advanceTimersByTimeAsync(60);
    expect(waiting).toMatchObject({ outcome: "CANCELLED", error: { sent: false } });
    // The error does not come from the queue, because the call had its permit.
    expect(waiting.error).toMatchObject({ message: "the call ended before the answer came" });
    expect(fixture.exchanges).toHaveLength(2);
    expect(newest(fixture).request).toBe(following.request);
    await newest(fixture).answer(200);
    expect(following.outcome).toBe(200);
    fixture.rateLimit.close();
  });

  test("requests that are held up never make more than the quota arrive in a second", async () => {
    const rateLimit = createRateLimit({
      quota: { mode: "fixed", ceilingPerSecond: 100 },
      connections: 64,
      clock: systemClock,
      random: () => 0,
    });
    const arrivals: number[] = [];
    let asked = 0;
    const send = rateLimit.layer(async () => {
      asked += 1;
      // The first requests wait for compilation; those after the two hundredth wait for a
      // connection.
      const waits = asked > 200 && asked <= 210 ? 60 : 0;
      await new Promise((resolve) => setTimeout(resolve, waits));
      const sentAt = systemClock.now();
      await new Promise((resolve) => setTimeout(resolve, asked <= 10 ? 60 : 10));
      arrivals.push(systemClock.now());
      await new Promise((resolve) => setTimeout(resolve, 10));
      return { status: 200, headers: {}, body: Buffer.alloc(0), sentAt };
    });
    const endsAt = systemClock.now() + 6_000;
    const callers = Array.from({ length: 40 }, async () => {
      while (systemClock.now() < endsAt) await send(openRequest());
    });
    await vi.advanceTimersByTimeAsync(7_000);
    await Promise.all(callers);
    rateLimit.close();
    expect(arrivals.length).toBeGreaterThan(590);
    expect(densestSecond(arrivals.toSorted((a, b) => a - b))).toBeLessThanOrEqual(100);
  });

  test("a call that ends in the queue is not sent", async () => {
    const fixture = limited({ connections: 1 });
    fixture.ask();
    const waiting = fixture.ask();
    await settle();
    waiting.request.end("cancelled");
    await settle();
    expect(waiting).toMatchObject({ outcome: "CANCELLED", error: { sent: false } });
    await newest(fixture).answer(200);
    await vi.advanceTimersByTimeAsync(100);
    expect(fixture.exchanges).toHaveLength(1);
    fixture.rateLimit.close();
  });

  test("nothing is sent for the Retry-After of a 429, and the throttled call goes first then", async () => {
    const fixture = limited();
    const refused = fixture.ask({ caller: "a" });
    await settle();
    const { call } = newest(fixture).request;
    await newest(fixture).answer(429, { "retry-after": "2" });
    expect(refused.outcome).toBe(429);
    const other = fixture.ask({ caller: "a" });
    const again = fixture.send({ ...openRequest(), call, isRequeued: true });
    await vi.advanceTimersByTimeAsync(1_999);
    expect(fixture.exchanges).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(500);
    expect(fixture.exchanges).toHaveLength(3);
    expect(fixture.exchanges[1]?.request.call).toBe(call);
    expect(fixture.exchanges[2]?.request).toBe(other.request);
    await fixture.exchanges[1]?.answer(200);
    expect((await again).status).toBe(200);
    fixture.rateLimit.close();
  });

  test("a pause rejects the calls that cannot outlast it at once, also while all connections are busy", async () => {
    const fixture = limited({ connections: 2 });
    const now = systemClock.now();
    fixture.ask();
    fixture.ask();
    const hasty = fixture.ask({ deadline: now + 1_000 });
    const patient = fixture.ask({ deadline: now + 60_000 });
    await settle();
    const third = fixture.ask({ deadline: now + 60_000 });
    await fixture.exchanges[0]?.answer(503, { "retry-after": "2" });
    expect(hasty).toMatchObject({ outcome: "UNAVAILABLE", error: { sent: false } });
    expect([patient.outcome, third.outcome]).toEqual(["waiting", "waiting"]);
    await vi.advanceTimersByTimeAsync(1_990);
    expect(fixture.exchanges).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(600);
    // One connection is free and one still busy.
    expect(newest(fixture).request).toBe(patient.request);
    expect(fixture.exchanges).toHaveLength(3);
    fixture.rateLimit.close();
  });

  test("the pause after a 503 with Retry-After is spread", async () => {
    const fixture = limited({ random: () => 0.999 });
    fixture.ask();
    await settle();
    await newest(fixture).answer(503, { "retry-after": "2" });
    fixture.ask();
    await vi.advanceTimersByTimeAsync(2_180);
    expect(fixture.exchanges).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(500);
    expect(fixture.exchanges).toHaveLength(2);
    fixture.rateLimit.close();
  });

  test.each([
    [429, "86400", "THROTTLED"],
    [429, "1000000000", "THROTTLED"],
    [429, "Fri, 31 Dec 9999 23:59:59 GMT", "THROTTLED"],
    [503, "86400", "UNAVAILABLE"],
    [503, "Fri, 31 Dec 9999 23:59:59 GMT", "UNAVAILABLE"],
  ] as const)(
    "a single %d with Retry-After %s is probed once after five seconds, and callers learn why",
    async (status, retryAfter, code) => {
      const fixture = limited({ random: () => 0.999 });
      fixture.ask();
      await settle();
      await newest(fixture).answer(status, { "retry-after": retryAfter });
      const now = systemClock.now();
      const hasty = fixture.ask({ deadline: now + 4_000 });
      const patient = [1, 2].map(() => fixture.ask({ deadline: now + 30_000 }));
      await settle();
      expect(hasty).toMatchObject({ outcome: code, error: { sent: false } });
      expect(hasty.error).toMatchObject({ retryAfterMs: 5_500 });

      await vi.advanceTimersByTimeAsync(5_000);
      expect(fixture.exchanges).toHaveLength(1);
      await vi.advanceTimersByTimeAsync(700);
      expect(fixture.exchanges).toHaveLength(2);
      await newest(fixture).answer(200);
      await vi.advanceTimersByTimeAsync(20);
      await newest(fixture).answer(200);
      expect(patient.map(({ outcome }) => outcome)).toEqual([200, 200]);
      expect(fixture.rateLimit.rate).toBe(98.5);
      fixture.rateLimit.close();
    },
  );

  test("a 503 with a Retry-After of 0 pauses nothing", async () => {
    const fixture = limited();
    fixture.ask();
    await settle();
    await newest(fixture).answer(503, { "retry-after": "0" });
    fixture.ask();
    await settle();
    expect(fixture.exchanges).toHaveLength(2);
    fixture.rateLimit.close();
  });

  test("a 503 without Retry-After pauses nothing", async () => {
    const fixture = limited();
    fixture.ask();
    await settle();
    await newest(fixture).answer(503);
    fixture.ask();
    await settle();
    expect(fixture.exchanges).toHaveLength(2);
    fixture.rateLimit.close();
  });

  test("both requests of a call whose token is renewed cost a permit, and both places are given back", async () => {
    const fixture = limited({ connections: 1 });
    const tokens: TokenSource = {
      get: () => token(1),
      renew: () => Promise.resolve(token(2)),
    };
    const bearer = createBearer({ kind: "gateway", tokens });
    const answer = bearer(fixture.send)(openRequest());
    await settle();
    await fixture.exchanges[0]?.answer(401);
    expect(fixture.exchanges.map(({ request }) => request.headers["authorization"])).toEqual([
      "Bearer 1",
      "Bearer 2",
    ]);
    await fixture.exchanges[1]?.answer(200);
    expect((await answer).status).toBe(200);
    // Two of the five permits are spent.
    for (let asked = 0; asked < 4; asked++) {
      fixture.ask();
      await settle();
      if (asked < 3) await newest(fixture).answer(200);
    }
    expect(fixture.exchanges).toHaveLength(5);
    fixture.rateLimit.close();
  });

  test("a flush of a class rejects its waiting calls, and their permits go to others", async () => {
    const fixture = limited({ connections: 1 });
    fixture.ask();
    const data = fixture.ask();
    const bulk = fixture.ask({ rpc: { ...interactive, priority: "bulk" } });
    await settle();
    fixture.rateLimit.scheduler.flush(() => failure("CIRCUIT_OPEN", false), ["interactive"]);
    await settle();
    expect([data.outcome, bulk.outcome]).toEqual(["CIRCUIT_OPEN", "waiting"]);
    await newest(fixture).answer(200);
    await vi.advanceTimersByTimeAsync(1);
    expect(newest(fixture).request).toBe(bulk.request);
    fixture.rateLimit.close();
  });

  test("a slow restart begins low and reaches the full rate some seconds later", async () => {
    const fixture = limited();
    expect(fixture.rateLimit.rate).toBeCloseTo(98.5);
    fixture.rateLimit.slowRestart();
    expect(fixture.rateLimit.rate).toBeCloseTo(98.5 / 4);
    for (let second = 0; second < 10; second++) {
      await vi.advanceTimersByTimeAsync(1_000);
      fixture.ask();
      await settle();
      await newest(fixture).answer(200);
    }
    expect(fixture.rateLimit.rate).toBeCloseTo(98.5);
    fixture.rateLimit.close();
  });

  test("the rate goes down after a 429 in the mode down-only", async () => {
    const fixture = limited({ quota: { mode: "down-only", ceilingPerSecond: 100 } });
    fixture.ask();
    await settle();
    await newest(fixture).answer(429);
    expect(fixture.rateLimit.rate).toBeLessThan(98.5);
    expect(fixture.rateLimit.rate).toBeGreaterThanOrEqual(0.5);
    fixture.rateLimit.close();
  });

  test("a closed rate limit rejects all calls, lets requests in flight end, and leaves no timer", async () => {
    const fixture = limited({ connections: 1 });
    const underWay = fixture.ask();
    const waiting = fixture.ask();
    await settle();
    fixture.rateLimit.close();
    const late = fixture.ask();
    await settle();
    expect([waiting.outcome, late.outcome]).toEqual(["SHUTDOWN", "SHUTDOWN"]);
    await newest(fixture).answer(429, { "retry-after": "1" });
    fixture.rateLimit.slowRestart();
    expect(underWay.outcome).toBe(429);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(vi.getTimerCount()).toBe(0);
    expect(fixture.exchanges).toHaveLength(1);
  });

  const scripted = fc.record({
    afterMs: fc.nat(60),
    tookMs: fc.nat(120),
    priority: fc.constantFrom("interactive", "management", "bulk"),
    caller: fc.constantFrom("a", "b"),
    endsAfterMs: fc.option(fc.nat(200), { nil: undefined }),
    isRequeued: fc.boolean(),
    ending: fc.oneof(
      { weight: 6, arbitrary: fc.record({ status: fc.constantFrom(200, 404, 500) }) },
      {
        weight: 1,
        arbitrary: fc.record({
          status: fc.constantFrom(429, 503),
          retryAfter: fc.constantFrom(undefined, "0", "1"),
        }),
      },
      {
        weight: 3,
        arbitrary: fc.record({
          code: fc.constantFrom("UNREACHABLE", "RESET", "CIRCUIT_OPEN", "BAD_RESPONSE"),
          sent: fc.boolean(),
        }),
      },
    ),
  });

  test("no schedule loses or adds a place, and every waiting call is sent or rejected", async () => {
    let bounded = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 3 }),
        fc.array(scripted, { minLength: 5, maxLength: 40 }),
        async (connections, script) => {
          const fixture = limited({ connections });
          let underWay = 0;
          let most = 0;
          const endings = new Map<UpstreamCall, (typeof script)[number]>();
          const send = fixture.rateLimit.layer(async ({ call }) => {
            underWay += 1;
            most = Math.max(most, underWay);
            const plan = endings.get(call);
            await new Promise((resolve) => setTimeout(resolve, plan?.tookMs ?? 0));
            underWay -= 1;
            if (plan === undefined) throw new Error("not in the script");
            const { ending } = plan;
            if ("code" in ending) throw failure(ending.code, ending.sent);
            const headers: Record<string, string> = {};
            if ("retryAfter" in ending && ending.retryAfter !== undefined) {
              headers["retry-after"] = ending.retryAfter;
            }
            return { status: ending.status, headers, body: Buffer.alloc(0) };
          });
          let settled = 0;
          for (const plan of script) {
            await vi.advanceTimersByTimeAsync(plan.afterMs);
            const request = openRequest({
              isRequeued: plan.isRequeued,
              call: { caller: plan.caller, rpc: { ...interactive, priority: plan.priority } },
            });
            endings.set(request.call, plan);
            void Promise.allSettled([send(request)]).then(() => (settled += 1));
            if (plan.endsAfterMs !== undefined) {
              setTimeout(() => request.end("cancelled"), plan.endsAfterMs);
            }
          }
          await vi.advanceTimersByTimeAsync(60_000);
          expect(settled).toBe(script.length);
          expect(underWay).toBe(0);
          expect(most).toBeLessThanOrEqual(connections);
          expect(fixture.rateLimit.scheduler.queued).toBe(0);
          if (most === connections) bounded += 1;

          // A leaked place would be missing here, and an invented one would give one exchange too
          // many.
          for (let asked = 0; asked <= connections; asked++) fixture.ask();
          await vi.advanceTimersByTimeAsync(5_000);
          expect(fixture.exchanges).toHaveLength(connections);
          fixture.rateLimit.close();
        },
      ),
      { numRuns: 60 },
    );
    expect(bounded).toBeGreaterThan(10);
  }, 60_000);
});
