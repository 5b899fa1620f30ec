import { getEventListeners } from "node:events";
import { describe, expect, test } from "vitest";
import { UpstreamError } from "../../../../../src/upstream/error.ts";
import type { PriorityClass } from "../../../../../src/rpc-table.ts";
import { countOf, createQueue, exhaust, times, type QueuedCall } from "./driven-queue.ts";

describe("the grant of permits", () => {
  test("a call gets an available permit at once, without a promise or a timer", () => {
    const queue = createQueue(100, { burst: 2 });
    const { call, signal } = queue.arrive({ withinMs: 1_000 });
    const pending = queue.clock.pending;
    expect(queue.scheduler.acquire(call)).toBeUndefined();
    expect(queue.clock.pending).toBe(pending);
    expect(getEventListeners(signal, "abort")).toEqual([]);
    expect(queue.scheduler.queued).toBe(0);
  });

  test("a permit goes to a call of a higher class that arrived later", async () => {
    const queue = createQueue(10);
    exhaust(queue);
    const bulk = queue.arrive({ priority: "bulk" });
    const interactive = queue.arrive({ priority: "interactive" });
    await queue.clock.advance(100);
    expect([bulk.outcome, interactive.outcome]).toEqual(["waiting", "granted"]);
  });

  test("the calls of one caller get permits in order of arrival", async () => {
    const queue = createQueue(10);
    exhaust(queue);
    const calls = times(3, () => queue.arrive());
    await queue.clock.advance(350);
    expect(calls.map(({ settledAt }) => settledAt)).toEqual([100, 200, 300]);
  });

  test("the queue registers one waiter for any number of calls, and none when no call waits", async () => {
    const queue = createQueue(10);
    exhaust(queue);
    const first = queue.arrive();
    const timers = queue.clock.pending;
    const second = queue.arrive();
    // The other timer belongs to the call's own deadline.
    expect(queue.clock.pending).toBe(timers + 1);
    first.end("cancelled");
    expect(queue.permits.isAwaited).toBe(true);
    second.end("cancelled");
    expect(queue.permits.isAwaited).toBe(false);
    await queue.clock.advance(1_000);
    expect(queue.permits.spent).toBe(1);
  });
});

describe("fairness", () => {
  test("classes are served 16 : 4 : 1 while all have waiting calls", async () => {
    const queue = createQueue(100, { bounds: { workMs: 60_000 } });
    exhaust(queue);
    const of = (priority: PriorityClass): QueuedCall[] =>
      times(120, () => queue.arrive({ priority, caller: priority, withinMs: 60_000 }));
    const classes = [of("interactive"), of("management"), of("bulk")];
    await queue.clock.advance(1_055);
    expect(classes.map((calls) => countOf(calls, "granted"))).toEqual([80, 20, 5]);
  });

  test("a class without waiting calls leaves its turns to the others", async () => {
    const queue = createQueue(100);
    exhaust(queue);
    const bulk = times(50, () => queue.arrive({ priority: "bulk" }));
    await queue.clock.advance(505);
    expect(countOf(bulk, "granted")).toBe(50);
  });

  test("an interactive call waits for two permits at most behind a flood of bulk calls", async () => {
    const queue = createQueue(100);
    exhaust(queue);
    times(100, (index) => queue.arrive({ priority: "bulk", caller: `b${index % 3}` }));
    const waits: number[] = [];
    for (let call = 0; call < 20; call++) {
      await queue.clock.advance(33);
      const startedAt = queue.clock.now();
      const interactive = queue.arrive();
      await queue.clock.advance(20);
      waits.push((interactive.settledAt ?? Number.POSITIVE_INFINITY) - startedAt);
    }
    expect(Math.max(...waits)).toBeLessThanOrEqual(20);
  });

  test("equal callers are served equally", async () => {
    const queue = createQueue(100, { bounds: { workMs: 60_000 } });
    exhaust(queue);
    const callers = times(10, (index) =>
      times(50, () => queue.arrive({ caller: `c${index}`, withinMs: 60_000 })),
    );
    await queue.clock.advance(2_555);
    const served = callers.map((calls) => countOf(calls, "granted"));
    const sum = served.reduce((a, b) => a + b);
    const jain = sum ** 2 / (served.length * served.reduce((a, b) => a + b * b, 0));
    expect(sum).toBe(255);
    expect(jain).toBeGreaterThanOrEqual(0.99);
    expect(Math.max(...served) - Math.min(...served)).toBeLessThanOrEqual(1);
  });

  test("a caller with few calls gets its share beside one with a hundred times as many", async () => {
    const queue = createQueue(100, { bounds: { workMs: 60_000 } });
    exhaust(queue);
    const greedy: QueuedCall[] = [];
    const modest: QueuedCall[] = [];
    for (let round = 0; round < 40; round++) {
      times(25, () => greedy.push(queue.arrive({ caller: "greedy" })));
      if (round % 4 === 0) modest.push(queue.arrive({ caller: "modest" }));
      await queue.clock.advance(50);
    }
    expect(countOf(modest, "granted")).toBe(10);
    const waits = modest.map(({ settledAt = 0 }, index) => settledAt - index * 200);
    expect(Math.max(...waits)).toBeLessThanOrEqual(20);
    expect(countOf(greedy, "granted")).toBeGreaterThan(180);
  });

  test("a caller that was not served recently is served before the next round of the others", async () => {
    const queue = createQueue(100);
    exhaust(queue);
    const steady = ["a", "b", "c", "d"].flatMap((caller) =>
      times(8, () => queue.arrive({ caller })),
    );
    // By then every caller has been served once.
    await queue.clock.advance(45);
    expect(countOf(steady, "granted")).toBe(4);
    const rare = queue.arrive({ caller: "rare" });
    const other = queue.arrive({ caller: "other" });
    await queue.clock.advance(10);
    expect([rare.outcome, other.outcome]).toEqual(["granted", "waiting"]);
    await queue.clock.advance(10);
    expect(other.outcome).toBe("granted");
    expect(countOf(steady, "granted")).toBe(4);
    // A caller is served once per round.
    const again = queue.arrive({ caller: "rare" });
    await queue.clock.advance(40);
    expect(again.outcome).toBe("waiting");
    expect(countOf(steady, "granted")).toBe(8);
    await queue.clock.advance(10);
    expect(again.outcome).toBe("granted");
  });

  test("the estimated wait of a caller that was not served recently is short", async () => {
    const queue = createQueue(10, { bounds: { workMs: 60_000 } });
    exhaust(queue);
    for (const caller of ["a", "b", "c"]) times(3, () => queue.arrive({ caller }));
    const hasty = queue.arrive({ caller: "rare", withinMs: 410 });
    const patient = queue.arrive({ caller: "rare", withinMs: 430 });
    await queue.clock.advance(0);
    expect([hasty.outcome, patient.outcome]).toEqual(["DEADLINE_TOO_SHORT", "waiting"]);
    queue.scheduler.close();
  });

  test("a caller that sends single calls does not overtake the turns of the others", async () => {
    const queue = createQueue(100);
    exhaust(queue);
    const steady = times(20, () => queue.arrive({ caller: "steady" }));
    let single = queue.arrive({ caller: "single" });
    let singles = 0;
    for (let turn = 0; turn < 20; turn++) {
      await queue.clock.advance(10);
      if (single.outcome !== "granted") continue;
      singles += 1;
      single = queue.arrive({ caller: "single" });
    }
    expect(singles).toBe(10);
    expect(countOf(steady, "granted")).toBe(10);
  });
});

describe("a call that ends while it waits", () => {
  test.each([
    ["cancelled", "CANCELLED"],
    ["deadline", "DEADLINE_IN_QUEUE"],
    ["shutdown", "SHUTDOWN"],
  ] as const)(
    "a waiting call that ends by %s is rejected as %s at once and costs no permit",
    async (how, code) => {
      const queue = createQueue(10);
      exhaust(queue);
      const calls = [queue.arrive(), queue.arrive(), queue.arrive()] as const;
      calls[1].end(how);
      await queue.clock.advance(0);
      expect(calls.map(({ outcome }) => outcome)).toEqual(["waiting", code, "waiting"]);
      expect(calls[1].error).toMatchObject({ sent: false });
      expect(queue.scheduler.queued).toBe(2);
      await queue.clock.advance(250);
      expect(countOf(calls, "granted")).toBe(2);
      expect(queue.permits.spent).toBe(3);
    },
  );

  test("a waiting call is rejected at its deadline by its own signal", async () => {
    const queue = createQueue(10, { typicalServiceMs: () => 0 });
    exhaust(queue);
    const late = queue.arrive({ withinMs: 150 });
    times(3, () => queue.arrive({ caller: "b" }));
    queue.permits.setRate(1);
    await queue.clock.advance(150);
    expect([late.outcome, late.settledAt]).toEqual(["DEADLINE_IN_QUEUE", 150]);
  });

  test("a call with less time left than an exchange takes is rejected at its turn and spends no permit", async () => {
    const queue = createQueue(10, { typicalServiceMs: () => 0, leastServiceMs: 5 });
    exhaust(queue);
    const tight = queue.arrive({ withinMs: 104 });
    const next = queue.arrive();
    await queue.clock.advance(100);
    expect([tight.outcome, next.outcome]).toEqual(["DEADLINE_IN_QUEUE", "granted"]);
    expect(queue.permits.spent).toBe(2);
  });

  test("a call that ended before it arrives is rejected without a permit", async () => {
    const queue = createQueue(10, { burst: 5 });
    const ended = queue.arrive();
    const { call } = ended;
    ended.end("cancelled");
    await expect(queue.scheduler.acquire(call)).rejects.toMatchObject({ code: "CANCELLED" });
    await expect(queue.scheduler.acquireFirst(call)).rejects.toMatchObject({ code: "CANCELLED" });
    expect(queue.permits.spent).toBe(1);
  });

  test("the queue keeps nothing of a call that ended or was granted", async () => {
    const queue = createQueue(100);
    exhaust(queue);
    const calls = times(120, (index) => queue.arrive({ caller: `c${index}`, withinMs: 60_000 }));
    for (const [index, call] of calls.entries()) if (index % 3 > 0) call.end("cancelled");
    await queue.clock.advance(2_000);
    expect([queue.scheduler.queued, queue.scheduler.callers]).toEqual([0, 0]);
    expect(queue.permits.isAwaited).toBe(false);
    expect(calls.flatMap(({ signal }) => getEventListeners(signal, "abort"))).toEqual([]);
    expect(countOf(calls, "granted")).toBe(40);
  });
});

describe("the bounds of the queue", () => {
  test("a call above two seconds of work is rejected with the time after which there is room", async () => {
    const queue = createQueue(20);
    exhaust(queue);
    times(40, (index) => queue.arrive({ caller: `c${index}` }));
    const refused = queue.arrive({ caller: "late" });
    await queue.clock.advance(0);
    expect(refused.error).toMatchObject({ code: "OVERLOADED", retryAfterMs: 2_050, sent: false });
    expect(queue.scheduler.queued).toBe(40);
  });

  test("the queue is sized by the rate that is due where the present rate is low", async () => {
    const queue = createQueue(2, { duePerSecond: () => 50 });
    exhaust(queue);
    const calls = times(101, (index) => queue.arrive({ caller: `c${index}`, withinMs: 4_000 }));
    await queue.clock.advance(0);
    expect(countOf(calls, "waiting")).toBe(100);
    expect(calls[100]?.outcome).toBe("OVERLOADED");
    // The wait consists of one second until the rate is reached, two for a hundred calls, and the
    // exchange.
    expect(calls[100]?.error?.retryAfterMs).toBeGreaterThan(2_000);
    queue.scheduler.close();
  });

  test("the estimated wait includes a pause also where a higher rate is due", async () => {
    const queue = createQueue(2, { duePerSecond: () => 50 });
    exhaust(queue);
    queue.permits.pauseUntil(queue.clock.now() + 5_000);
    const hasty = queue.arrive({ withinMs: 5_400 });
    const patient = queue.arrive({ withinMs: 5_600 });
    await queue.clock.advance(0);
    expect([hasty.outcome, patient.outcome]).toEqual(["DEADLINE_TOO_SHORT", "waiting"]);
    queue.scheduler.close();
  });

  test("the 2,049th call is rejected however high the rate", async () => {
    const queue = createQueue(10_000);
    exhaust(queue);
    const calls = times(2_049, (index) => queue.arrive({ caller: `c${index % 5}` }));
    await queue.clock.advance(0);
    expect(countOf(calls, "OVERLOADED")).toBe(1);
    expect(calls.at(-1)?.outcome).toBe("OVERLOADED");
  });

  test("a caller's call beyond its part is rejected over all classes, and other callers' calls are not", async () => {
    const queue = createQueue(1_000, { bounds: { calls: 256, callerPercent: 50 } });
    exhaust(queue);
    const classes = ["interactive", "management", "bulk"] as const;
    const other = queue.arrive({ caller: "modest" });
    const calls = times(129, (index) =>
      queue.arrive({ caller: "greedy", priority: classes[index % 3] ?? "bulk" }),
    );
    await queue.clock.advance(0);
    expect(calls.at(-1)?.error).toMatchObject({ code: "CALLER_LIMIT" });
    expect(calls.at(-1)?.error?.retryAfterMs).toBeGreaterThan(0);
    expect([countOf(calls, "waiting"), other.outcome]).toEqual([128, "waiting"]);
    expect([queue.scheduler.queued, queue.scheduler.callers]).toEqual([129, 2]);
    expect(classes.map((priority) => queue.scheduler.queuedBy(priority))).toEqual([44, 43, 42]);
  });

  test("a caller that is alone is never told that it exceeds its part, and leaves room for others", async () => {
    const queue = createQueue(1_000, { bounds: { calls: 256, callerPercent: 50 } });
    exhaust(queue);
    const calls = times(200, () => queue.arrive({ caller: "only" }));
    const other = queue.arrive({ caller: "later" });
    await queue.clock.advance(0);
    expect([countOf(calls, "waiting"), countOf(calls, "OVERLOADED")]).toEqual([128, 72]);
    expect(other.outcome).toBe("waiting");
  });

  test("a caller learns that it exceeds its part within a second after others waited", async () => {
    const queue = createQueue(10, { bounds: { calls: 256, workMs: 2_000, callerPercent: 50 } });
    exhaust(queue);
    const fill = () => queue.arrive({ caller: "greedy", withinMs: 60_000 });
    times(10, fill);
    const other = queue.arrive({ caller: "modest" });
    await queue.clock.advance(150);
    times(10, fill);
    const soon = fill();
    await queue.clock.advance(1_050);
    times(20, fill);
    const late = fill();
    await queue.clock.advance(0);
    expect(other.outcome).toBe("granted");
    expect([soon.outcome, late.outcome]).toEqual(["CALLER_LIMIT", "OVERLOADED"]);
  });

  test.each(["interactive", "management"] as const)(
    "a call of class %s takes the place of the newest bulk call of the caller with the most",
    async (priority) => {
      const queue = createQueue(5, { bounds: { workMs: 2_000 } });
      exhaust(queue);
      const greedy = times(5, () =>
        queue.arrive({ caller: "greedy", priority: "bulk", withinMs: 60_000 }),
      );
      const modest = times(4, () =>
        queue.arrive({ caller: "modest", priority: "bulk", withinMs: 60_000 }),
      );
      times(1, () => queue.arrive({ caller: "x" }));
      const urgent = queue.arrive({ caller: "urgent", priority, withinMs: 60_000 });
      await queue.clock.advance(0);
      expect(greedy.map(({ outcome }) => outcome)).toEqual([
        ...times(4, () => "waiting"),
        "OVERLOADED",
      ]);
      expect(greedy.at(-1)?.error?.retryAfterMs).toBeGreaterThan(0);
      expect([countOf(modest, "waiting"), urgent.outcome]).toEqual([4, "waiting"]);
      expect(queue.scheduler.queued).toBe(10);
    },
  );

  test.each(["interactive", "management"] as const)(
    "a call of class %s takes the place of a bulk call of its caller, where that is at its limit",
    async (priority) => {
      const queue = createQueue(5, { bounds: { callerPercent: 60 } });
      exhaust(queue);
      const other = queue.arrive({ caller: "b", priority: "bulk", withinMs: 60_000 });
      const bulk = times(7, () => queue.arrive({ priority: "bulk", withinMs: 60_000 }));
      const urgent = times(6, () => queue.arrive({ priority, withinMs: 60_000 }));
      const tooMany = queue.arrive({ priority, withinMs: 60_000 });
      await queue.clock.advance(0);
      expect([countOf(bulk, "CALLER_LIMIT"), other.outcome]).toEqual([7, "waiting"]);
      expect([countOf(urgent, "waiting"), tooMany.outcome]).toEqual([6, "CALLER_LIMIT"]);
      expect(queue.shed.map(({ reason }) => reason)).toEqual([
        "CALLER_LIMIT",
        ...times(6, () => "EVICTED"),
        "CALLER_LIMIT",
      ]);
    },
  );

  test("only the bound of all calls holds where one caller may use the whole queue", async () => {
    const queue = createQueue(5, { bounds: { callerPercent: 100 } });
    exhaust(queue);
    const calls = times(11, () => queue.arrive({ withinMs: 60_000 }));
    await queue.clock.advance(0);
    expect(calls.at(-1)?.outcome).toBe("OVERLOADED");
    expect(countOf(calls, "waiting")).toBe(10);
  });

  test("a bulk call evicts no call, and only bulk calls are evicted", async () => {
    const queue = createQueue(5);
    exhaust(queue);
    times(5, (index) => queue.arrive({ caller: `c${index}`, priority: "management" }));
    const bulk = times(5, () => queue.arrive({ priority: "bulk", withinMs: 60_000 }));
    const another = queue.arrive({ caller: "b", priority: "bulk", withinMs: 60_000 });
    await queue.clock.advance(0);
    expect([another.outcome, countOf(bulk, "waiting")]).toEqual(["OVERLOADED", 5]);
    times(5, (index) => queue.arrive({ caller: `d${index}` }));
    const tooMany = queue.arrive({ caller: "e" });
    await queue.clock.advance(0);
    expect([tooMany.outcome, countOf(bulk, "OVERLOADED")]).toEqual(["OVERLOADED", 5]);
    expect(queue.scheduler.queuedBy("management")).toBe(5);
  });

  test.each(["interactive", "management"] as const)(
    "a call of class %s is rejected at once where only interactive calls wait, and those stay",
    async (priority) => {
      const queue = createQueue(5);
      exhaust(queue);
      const waiting = times(10, (index) => queue.arrive({ caller: `c${index}`, withinMs: 60_000 }));
      const refused = queue.arrive({ caller: "late", priority, withinMs: 60_000 });
      await queue.clock.advance(0);
      expect(refused.error).toMatchObject({ code: "OVERLOADED", sent: false });
      expect(refused.error?.retryAfterMs).toBeGreaterThan(0);
      expect([countOf(waiting, "waiting"), queue.scheduler.queued]).toEqual([10, 10]);
      expect(queue.shed).toEqual([{ reason: "OVERLOADED", priority }]);
    },
  );

  test("a call that would miss its deadline evicts no call", async () => {
    const queue = createQueue(5);
    exhaust(queue);
    const bulk = times(10, (index) =>
      queue.arrive({ caller: `c${index % 2}`, priority: "bulk", withinMs: 60_000 }),
    );
    const hopeless = queue.arrive({ withinMs: 100 });
    await queue.clock.advance(0);
    expect([hopeless.outcome, countOf(bulk, "waiting")]).toEqual(["DEADLINE_TOO_SHORT", 10]);
  });
});

describe("a deadline that cannot be met", () => {
  test("a call that would miss its deadline is rejected on arrival with the time that would be enough", async () => {
    const queue = createQueue(10);
    exhaust(queue);
    times(5, () => queue.arrive());
    const refused = queue.arrive({ withinMs: 610 });
    const accepted = queue.arrive({ withinMs: 620 });
    await queue.clock.advance(0);
    expect(refused.error).toMatchObject({
      code: "DEADLINE_TOO_SHORT",
      minimumMs: 620,
      retryAfterMs: 600,
      sent: false,
    });
    expect(accepted.outcome).toBe("waiting");
    await queue.clock.advance(600);
    expect(accepted.outcome).toBe("granted");
  });

  test("a call with less time than an exchange takes is rejected though permits are available", async () => {
    const queue = createQueue(10, { typicalServiceMs: () => 40 });
    const refused = queue.arrive({ withinMs: 39 });
    await queue.clock.advance(0);
    expect(refused.error).toMatchObject({ code: "DEADLINE_TOO_SHORT", minimumMs: 40 });
    expect(refused.error?.retryAfterMs).toBeUndefined();
    expect(queue.permits.spent).toBe(0);
  });

  test("the estimated wait counts the caller's own turns and those of higher classes, not the whole queue", async () => {
    const queue = createQueue(10, { bounds: { workMs: 60_000 }, typicalServiceMs: () => 0 });
    exhaust(queue);
    times(100, () => queue.arrive({ caller: "greedy", withinMs: 60_000 }));
    const modest = queue.arrive({ caller: "modest", withinMs: 250 });
    await queue.clock.advance(200);
    expect(modest.outcome).toBe("granted");
    const bulk = queue.arrive({ caller: "modest", priority: "bulk", withinMs: 1_000 });
    await queue.clock.advance(0);
    expect(bulk.error).toMatchObject({ code: "DEADLINE_TOO_SHORT", minimumMs: 1_700 });
  });
});

describe("a pause", () => {
  test("a pause rejects the calls that cannot outlast it at once, and keeps the others", async () => {
    const queue = createQueue(10);
    exhaust(queue);
    const short = queue.arrive({ withinMs: 1_000 });
    const long = queue.arrive({ withinMs: 10_000 });
    queue.permits.pauseUntil(queue.clock.now() + 2_000);
    await queue.clock.advance(0);
    expect(short.error).toMatchObject({
      code: "DEADLINE_TOO_SHORT",
      retryAfterMs: 2_000,
      minimumMs: 2_020,
    });
    expect(long.outcome).toBe("waiting");
    const arriving = queue.arrive({ withinMs: 1_500 });
    await queue.clock.advance(0);
    expect(arriving.outcome).toBe("DEADLINE_TOO_SHORT");
    await queue.clock.advance(2_099);
    expect(long.outcome).toBe("waiting");
    await queue.clock.advance(1);
    expect(long.outcome).toBe("granted");
  });
});

describe("a call after a 429", () => {
  test("a call after a 429 is served before the others of its caller and spends another permit", async () => {
    const queue = createQueue(10);
    const first = queue.arrive();
    const waiting = times(3, () => queue.arrive());
    queue.comeBack(first);
    await queue.clock.advance(100);
    expect([first.outcome, countOf(waiting, "granted")]).toEqual(["granted", 0]);
    expect(queue.permits.spent).toBe(2);
  });

  test("a call after a 429 does not overtake the turns of other callers", async () => {
    const queue = createQueue(10);
    const first = queue.arrive({ caller: "a" });
    const other = queue.arrive({ caller: "b" });
    queue.comeBack(first);
    await queue.clock.advance(100);
    expect([first.outcome, other.outcome]).toEqual(["waiting", "granted"]);
  });

  test("a call after a 429 is queued though the queue is full", async () => {
    const queue = createQueue(5);
    const first = queue.arrive({ withinMs: 60_000 });
    times(10, (index) => queue.arrive({ caller: `b${index}`, withinMs: 60_000 }));
    queue.comeBack(first);
    expect(queue.scheduler.queued).toBe(11);
  });

  test("a call after a 429 is rejected when a pause outlasts its deadline", async () => {
    const queue = createQueue(10);
    const first = queue.arrive({ withinMs: 1_000 });
    queue.permits.pauseUntil(30_000);
    queue.comeBack(first);
    await queue.clock.advance(0);
    expect(first.error).toMatchObject({ code: "DEADLINE_TOO_SHORT", retryAfterMs: 30_100 });
  });
});

describe("flush and close", () => {
  test("a flush rejects all waiting calls with the given error and spends no permit", async () => {
    const queue = createQueue(10);
    exhaust(queue);
    const calls = times(15, (index) => queue.arrive({ caller: `c${index}` }));
    queue.scheduler.flush(() => new UpstreamError("CIRCUIT_OPEN", "open", { retryAfterMs: 7 }));
    expect([queue.scheduler.queued, queue.permits.isAwaited]).toEqual([0, false]);
    await queue.clock.advance(0);
    expect(countOf(calls, "CIRCUIT_OPEN")).toBe(15);
    expect(new Set(calls.map(({ error }) => error)).size).toBe(15);
    const next = queue.arrive();
    await queue.clock.advance(100);
    expect([next.outcome, queue.permits.spent]).toEqual(["granted", 2]);
  });

  test("a flush of some classes keeps the calls of the others", async () => {
    const queue = createQueue(10);
    exhaust(queue);
    const [interactive, bulk] = [queue.arrive(), queue.arrive({ priority: "bulk" })];
    queue.scheduler.flush(() => new UpstreamError("CIRCUIT_OPEN", "open"), ["management", "bulk"]);
    await queue.clock.advance(0);
    expect([interactive.outcome, bulk.outcome]).toEqual(["waiting", "CIRCUIT_OPEN"]);
  });

  test("a closed queue rejects every call", async () => {
    const queue = createQueue(10, { burst: 5 });
    exhaust(queue);
    const waiting = queue.arrive();
    queue.scheduler.close();
    await queue.clock.advance(1_000);
    const late = queue.arrive();
    await queue.clock.advance(0);
    expect([waiting.outcome, late.outcome]).toEqual(["SHUTDOWN", "SHUTDOWN"]);
    expect(queue.permits.isAwaited).toBe(false);
  });
});
