import { describe, expect, test } from "vitest";
import type { RetryClass } from "../../../../src/rpc-table.ts";
import { UpstreamError } from "../../../../src/upstream/error.ts";
import type { UpstreamErrorCode } from "../../../../src/upstream/error.ts";
import type { UpstreamRequest, UpstreamResponse } from "../../../../src/upstream/layer.ts";
import { createRetry } from "../../../../src/upstream/retry/retry.ts";
import type { RetryOptions } from "../../../../src/upstream/retry/retry.ts";
import { createRetryBudget } from "../../../../src/upstream/retry/retry-budget.ts";
import { createDrivenClock } from "../../../support/driven-clock.ts";
import { openRequest, upstreamErrorOf } from "../requests.ts";

type Step = UpstreamResponse | Error;

const answered = (
  status: number,
  headers: Record<string, string> = {},
  body = "",
): UpstreamResponse => ({ status, headers, body: Buffer.from(body) });
const failed = (code: UpstreamErrorCode, sent = false): UpstreamError =>
  new UpstreamError(code, code, { sent });

/** A body that only a proxy sends. */
const page = "<html>";
const isOwnError = ({ body }: UpstreamResponse): boolean => body.toString() !== page;

/** The retry layer before a scripted upstream, which repeats its last step at the end. */
function script(steps: readonly Step[], options: Partial<RetryOptions> = {}) {
  const clock = createDrivenClock();
  const budget = options.budget ?? createRetryBudget({ clock });
  const arrivals: number[] = [];
  const requests: UpstreamRequest[] = [];
  const send = createRetry({ clock, random: () => 0.5, isOwnError, ...options, budget })((sent) => {
    requests.push(sent);
    const step = steps[Math.min(arrivals.length, steps.length - 1)];
    arrivals.push(clock.now());
    return step instanceof Error || step === undefined
      ? Promise.reject(step ?? new Error("no script"))
      : Promise.resolve(step);
  });
  return { clock, budget, arrivals, requests, send };
}

const request = (retry: RetryClass = "safe", deadline = 5_000) =>
  openRequest({
    call: {
      rpc: { method: "Any", retry, priority: "interactive", attemptTimeoutMs: 3_000 },
      deadline,
    },
  });

describe("attempts", () => {
  test("a request that is answered is sent once", async () => {
    const made = script([answered(200)]);
    expect((await made.send(request())).status).toBe(200);
    expect(made.arrivals).toHaveLength(1);
    expect(made.clock.pending).toBe(0);
  });

  test("a failed attempt is retried after a backoff", async () => {
    const made = script([answered(503), answered(200)]);
    const sent = made.send(request());
    await made.clock.advance(100);
    expect((await sent).status).toBe(200);
    expect(made.arrivals).toEqual([0, 25]);
  });

  test("a call makes three attempts at most, with growing waits between", async () => {
    const made = script([failed("UNREACHABLE")]);
    const error = upstreamErrorOf(made.send(request()));
    await made.clock.advance(5_000);
    expect((await error).code).toBe("UNREACHABLE");
    expect(made.arrivals).toEqual([0, 25, 75]);
  });

  test("the response of the last attempt is returned", async () => {
    const made = script([answered(503), answered(500), answered(502), answered(200)]);
    const sent = made.send(request());
    await made.clock.advance(5_000);
    expect((await sent).status).toBe(502);
  });

  test("a safe request is retried once, immediately, after its connection broke", async () => {
    const made = script([failed("RESET", true)]);
    const error = upstreamErrorOf(made.send(request()));
    await made.clock.advance(5_000);
    expect((await error).code).toBe("RESET");
    expect(made.arrivals).toEqual([0, 0, 50]);
  });

  test("a request that must not be executed twice is retried only if nothing was sent", async () => {
    for (const [steps, count] of [
      [[failed("UNREACHABLE", false), answered(201)], 2],
      [[failed("RESET", true), answered(201)], 1],
      [[failed("ATTEMPT_TIMEOUT", true), answered(201)], 1],
      [[answered(500), answered(201)], 1],
      [[answered(503, { "retry-after": "1" }), answered(201)], 1],
      [[answered(429), answered(201)], 2],
    ] as const) {
      const made = script(steps);
      const settled = made.send(request("unsafe")).catch(() => undefined);
      await made.clock.advance(5_000);
      await settled;
      expect(made.arrivals).toHaveLength(count);
    }
  });

  test("a defect of the gateway is not retried", async () => {
    const made = script([new Error("defect")]);
    await expect(made.send(request())).rejects.toThrow("defect");
    expect(made.arrivals).toHaveLength(1);
  });

  test("the event of each retry is emitted before it is sent", async () => {
    const retries: string[] = [];
    const made = script([failed("RESET", true), answered(500), answered(200)], {
      emit: (event) =>
        void (event.kind === "retried" && retries.push(`${event.operation} ${event.retry}`)),
    });
    const sent = made.send(request());
    await made.clock.advance(1_000);
    await sent;
    expect(retries).toEqual(["Any immediate", "Any backoff"]);
  });
});

describe("time", () => {
  test("a retry for which too little time is left is not made", async () => {
    const made = script([answered(503)]);
    expect((await made.send(request("safe", 75))).status).toBe(503);
    expect(made.arrivals).toHaveLength(1);
    expect(made.budget.balance).toBe(50);
    const enough = script([answered(503)]);
    const sent = enough.send(request("safe", 76));
    await enough.clock.advance(76);
    await sent;
    expect(enough.arrivals).toHaveLength(2);
  });

  test("a 503 with Retry-After is retried after that time", async () => {
    const made = script([answered(503, { "retry-after": "2" }), answered(200)]);
    const sent = made.send(request());
    await made.clock.advance(1_999);
    expect(made.arrivals).toHaveLength(1);
    await made.clock.advance(1);
    expect((await sent).status).toBe(200);
  });

  test("a 503 whose Retry-After exceeds the call's time is returned at once", async () => {
    const made = script([answered(503, { "retry-after": "5" })]);
    expect((await made.send(request())).headers["retry-after"]).toBe("5");
    expect(made.arrivals).toHaveLength(1);
  });

  test.each([
    ["cancelled", "CANCELLED"],
    ["deadline", "DEADLINE"],
    ["shutdown", "SHUTDOWN"],
  ] as const)("a wait ends when the call is %s", async (end, code) => {
    const made = script([answered(503, {}, "secret")]);
    const asked = request();
    const error = upstreamErrorOf(made.send(asked));
    await made.clock.advance(10);
    asked.end(end);
    expect(await error).toMatchObject({ code, sent: true });
    expect(made.arrivals).toHaveLength(1);
    expect(made.clock.pending).toBe(0);
  });

  test("a call that ends in the wait after an unsent request ends as not sent", async () => {
    const made = script([failed("UNREACHABLE")]);
    const asked = request("unsafe");
    const error = upstreamErrorOf(made.send(asked));
    await made.clock.advance(10);
    asked.end("cancelled");
    expect(await error).toMatchObject({ code: "CANCELLED", sent: false });
  });

  test("a call that has ended is not retried", async () => {
    const made = script([failed("RESET", true)]);
    const asked = request();
    asked.end("cancelled");
    expect((await upstreamErrorOf(made.send(asked))).code).toBe("RESET");
    expect(made.arrivals).toHaveLength(1);
  });
});

describe("quota", () => {
  test("a request with 429 goes back to the queue, twice at most", async () => {
    const made = script([answered(429)], { hasQueue: true });
    expect((await made.send(request("unsafe"))).status).toBe(429);
    expect(made.requests.map(({ isRequeued }) => isRequeued)).toEqual([undefined, true, true]);
    expect(made.budget.balance).toBe(50);
  });

  test("requeues after 429 do not count as attempts", async () => {
    const steps = [429, 503, 429, 503, 200].map((status) => answered(status));
    const made = script(steps, { hasQueue: true });
    const sent = made.send(request());
    await made.clock.advance(1_000);
    expect((await sent).status).toBe(200);
    // Each 429 moves one attempt to the head of the queue, not the ones after it.
    expect(made.requests.map(({ isRequeued = false }) => isRequeued)).toEqual([
      false,
      true,
      false,
      true,
      false,
    ]);
  });

  test.each(["DEADLINE_TOO_SHORT", "THROTTLED", "UNAVAILABLE"] as const)(
    "a call that is not requeued any more, for %s, is answered with the 429",
    async (code) => {
      const limited = answered(429, { "retry-after": "30" });
      const made = script([limited, failed(code, false)], { hasQueue: true });
      expect(await made.send(request())).toBe(limited);
      expect(made.arrivals).toHaveLength(2);
    },
  );

  test("an unsafe request is not sent again after a proxy's 429", async () => {
    for (const options of [{ hasQueue: true }, { hasQueue: false }]) {
      const made = script([answered(429, {}, page), answered(200)], options);
      const sent = made.send(request("unsafe"));
      await made.clock.advance(2_000);
      expect((await sent).status).toBe(429);
      expect(made.requests).toHaveLength(1);
    }
  });

  test("without a function that tells own errors, an unsafe request is not sent again", async () => {
    const made = script([answered(429), answered(200)], { isOwnError: undefined, hasQueue: true });
    expect((await made.send(request("unsafe"))).status).toBe(429);
    expect(made.requests).toHaveLength(1);
  });

  test("a call that ends in the queue ends with its own code, and was not executed", async () => {
    const asked = request("unsafe");
    const made = script([answered(429), failed("CANCELLED", false)], {
      hasQueue: true,
      emit: () => asked.end("cancelled"),
    });
    expect(await upstreamErrorOf(made.send(asked))).toMatchObject({
      code: "CANCELLED",
      sent: false,
    });
  });

  test("without a queue the retry layer waits for Retry-After", async () => {
    const made = script([answered(429, { "retry-after": "1" }), answered(200)]);
    const sent = made.send(request());
    await made.clock.advance(1_000);
    expect((await sent).status).toBe(200);
    expect(made.arrivals).toEqual([0, 1_000]);
  });
});

describe("budget", () => {
  test("without a budget nothing is retried", async () => {
    const clock = createDrivenClock();
    const budget = createRetryBudget({ clock, capacity: 1 });
    const made = script([answered(503)], { budget });
    const sent = made.send(request());
    await made.clock.advance(1_000);
    await sent;
    expect(made.arrivals).toHaveLength(2);
  });

  test("a successful response deposits into the budget, and a failure does not", async () => {
    const clock = createDrivenClock();
    const budget = createRetryBudget({ clock });
    budget.withdraw();
    await script([answered(404)], { budget }).send(request());
    expect(budget.balance).toBeCloseTo(49.1);
    await script([answered(503)], { budget }).send(request("unsafe"));
    expect(budget.balance).toBeCloseTo(49.1);
  });
});

describe("results", () => {
  test("a retry that the gateway rejects leaves the response before it standing", async () => {
    const first = answered(503, {}, "why");
    const made = script([first, failed("CIRCUIT_OPEN")]);
    const sent = made.send(request());
    await made.clock.advance(1_000);
    expect(await sent).toBe(first);
    expect(first.body.toString()).toBe("why");
  });

  test("an error says that an earlier attempt may have been executed", async () => {
    const made = script([failed("RESET", true), failed("UNREACHABLE", false)]);
    const error = upstreamErrorOf(made.send(request("conditional")));
    await made.clock.advance(1_000);
    expect(await error).toMatchObject({ code: "UNREACHABLE", sent: true });
  });

  test("the attempt log says that a retried deletion may have been executed", async () => {
    for (const [first, expected] of [
      [failed("RESET", true), true],
      [answered(504), true],
      [failed("UNREACHABLE", false), undefined],
      [answered(503, { "retry-after": "0" }), true],
      [answered(429), undefined],
      [answered(429, {}, page), true],
    ] as const) {
      const made = script([first, answered(404)]);
      const asked = request("conditional");
      const sent = made.send(asked);
      await made.clock.advance(1_000);
      expect((await sent).status).toBe(404);
      expect(asked.call.attemptLog).toEqual({
        attempts: 0,
        httpStatus: undefined,
        ...(expected === undefined ? {} : { mayHaveBeenExecuted: expected }),
      });
    }
  });

  test("responses that are not returned are zeroed", async () => {
    const dropped = answered(500, {}, "key material");
    const handedOn = answered(200, {}, "key material");
    const made = script([dropped, handedOn]);
    const sent = made.send(request());
    await made.clock.advance(1_000);
    expect(await sent).toBe(handedOn);
    expect(dropped.body.every((byte) => byte === 0)).toBe(true);
    expect(handedOn.body.toString()).toBe("key material");
  });

  test("a response is zeroed when the call ends in the wait after it", async () => {
    const dropped = answered(500, {}, "key material");
    const made = script([dropped]);
    const asked = request();
    const error = upstreamErrorOf(made.send(asked));
    await made.clock.advance(1);
    asked.end("cancelled");
    await error;
    expect(dropped.body.every((byte) => byte === 0)).toBe(true);
  });
});
