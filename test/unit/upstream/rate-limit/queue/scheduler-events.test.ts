/** The scheduler's callbacks, and the effect of the time that exchanges take. */
import { describe, expect, test } from "vitest";
import { UpstreamError } from "../../../../../src/upstream/error.ts";
import { createQueue, exhaust, times } from "./driven-queue.ts";

describe("the scheduler's callbacks", () => {
  test("onGranted gets the class and the wait of each permit, 0 for no wait", async () => {
    const queue = createQueue(10);
    const first = queue.arrive({ priority: "management" });
    queue.arrive();
    queue.arrive({ priority: "bulk" });
    await queue.clock.advance(250);
    queue.comeBack(first);
    await queue.clock.advance(100);
    expect(queue.granted).toEqual([
      { priority: "management", waitMs: 0 },
      { priority: "interactive", waitMs: 100 },
      { priority: "bulk", waitMs: 200 },
      { priority: "management", waitMs: 50 },
    ]);
    expect(queue.shed).toEqual([]);
  });

  test("onShed gets the reason of each rejected call", async () => {
    const queue = createQueue(5, { bounds: { workMs: 1_000, callerPercent: 60 } });
    exhaust(queue);
    const reasons = (): string[] => queue.shed.splice(0).map(({ reason }) => reason);
    const others = times(1, () => queue.arrive({ caller: "b", withinMs: 60_000 }));
    const bulk = times(3, () => queue.arrive({ priority: "bulk", withinMs: 60_000 }));
    queue.arrive({ priority: "bulk", withinMs: 60_000 });
    expect(reasons()).toEqual(["CALLER_LIMIT"]);
    others.push(queue.arrive({ caller: "b", withinMs: 60_000 }));
    queue.arrive({ caller: "c", priority: "bulk", withinMs: 60_000 });
    expect(reasons()).toEqual(["OVERLOADED"]);
    queue.arrive({ caller: "c", withinMs: 60_000 });
    expect(reasons()).toEqual(["EVICTED"]);
    others[0]?.end("cancelled");
    others[1]?.end("deadline");
    bulk[0]?.end("shutdown");
    expect(reasons()).toEqual(["CANCELLED", "DEADLINE_IN_QUEUE", "SHUTDOWN"]);
    queue.arrive({ caller: "d", withinMs: 100 });
    expect(reasons()).toEqual(["DEADLINE_TOO_SHORT"]);
    queue.scheduler.flush(() => new UpstreamError("CIRCUIT_OPEN", "open"), ["interactive"]);
    expect(reasons()).toEqual(["FLUSHED"]);
    queue.scheduler.close();
    expect(reasons()).toEqual(["SHUTDOWN"]);
    queue.arrive();
    expect(reasons()).toEqual(["SHUTDOWN"]);
    expect(queue.granted).toEqual([]);
    await queue.clock.advance(0);
  });

  test.each([
    ["quota", "THROTTLED"],
    ["outage", "UNAVAILABLE"],
  ] as const)(
    "calls that a refusal of the upstream for %s makes late are rejected with %s",
    async (cause, code) => {
      const queue = createQueue(10, { refusalCause: () => cause, bounds: { callerPercent: 100 } });
      exhaust(queue);
      const waiting = queue.arrive({ withinMs: 1_000, priority: "management" });
      queue.permits.pauseUntil(queue.clock.now() + 2_000);
      await queue.clock.advance(0);
      const arriving = queue.arrive({ withinMs: 1_000 });
      // With less time than an exchange takes, the call's own deadline is the reason.
      const hopeless = queue.arrive({ withinMs: 10 });
      const patient = times(20, () => queue.arrive({ withinMs: 60_000 }));
      const tooMany = queue.arrive({ withinMs: 60_000 });
      await queue.clock.advance(0);
      expect([waiting.outcome, arriving.outcome]).toEqual([code, code]);
      expect(arriving.error).toMatchObject({ sent: false, retryAfterMs: 2_100 });
      expect(hopeless.outcome).toBe("DEADLINE_TOO_SHORT");
      expect(patient.every(({ outcome }) => outcome === "waiting")).toBe(true);
      expect(tooMany.outcome).toBe(code);
      expect(new Set(queue.shed.map(({ reason }) => reason))).toEqual(
        new Set([code, "DEADLINE_TOO_SHORT"]),
      );
    },
  );

  test("onShed gets DEADLINE_TOO_SHORT for the calls that a pause rejects", async () => {
    const queue = createQueue(10);
    exhaust(queue);
    queue.arrive({ withinMs: 1_000, priority: "management" });
    queue.permits.pauseUntil(queue.clock.now() + 2_000);
    await queue.clock.advance(0);
    expect(queue.shed).toEqual([{ reason: "DEADLINE_TOO_SHORT", priority: "management" }]);
  });
});

describe("the typical length of an exchange", () => {
  test("the typical length of the call's own class counts on arrival, after a 429 and in a pause", async () => {
    const queue = createQueue(10, {
      typicalServiceMs: (priority) => (priority === "bulk" ? 900 : 20),
    });
    const first = queue.arrive({ priority: "bulk", withinMs: 1_000 });
    const interactive = queue.arrive({ withinMs: 2_500 });
    const refused = queue.arrive({ priority: "bulk", withinMs: 1_000 });
    await queue.clock.advance(50);
    queue.comeBack(first);
    const patient = queue.arrive({ priority: "bulk", withinMs: 2_500 });
    await queue.clock.advance(0);
    expect([refused, first].map(({ error }) => error?.code)).toEqual([
      "DEADLINE_TOO_SHORT",
      "DEADLINE_TOO_SHORT",
    ]);
    queue.permits.pauseUntil(queue.clock.now() + 2_000);
    await queue.clock.advance(0);
    expect([patient.outcome, interactive.outcome]).toEqual(["DEADLINE_TOO_SHORT", "waiting"]);
  });
});
