import { describe, expect, test } from "vitest";
import { CallEnded } from "../../../../src/platform/call-signal.ts";
import { StoreError } from "../../../../src/idempotency-store/store-error.ts";
import { nextTurn } from "../../../support/next-turn.ts";
import { failure } from "../fake-key-protect.ts";
import { fresh, setUp } from "./idempotent-calls.ts";

describe("when a call ends early", () => {
  test("a waiting call that ends early does not harm the leader and is told that the change may happen", async () => {
    const { ask, begun } = setUp();
    const first = ask();
    await nextTurn();
    const controller = new AbortController();
    const second = ask({ context: fresh({ signal: controller.signal }) });
    await nextTurn();
    controller.abort(new CallEnded("deadline"));
    expect(await failure(second)).toMatchObject({
      reason: "DEADLINE_UPSTREAM",
      details: { mayHaveExecuted: true },
    });
    begun[0]?.end("k");
    expect(await first).toMatchObject({ kind: "made" });
  });

  test("an exchange goes on for the grace period after its call, so that a retry finds the key", async () => {
    const { ask, begun, clock } = setUp();
    const controller = new AbortController();
    const first = ask({ context: fresh({ signal: controller.signal }) });
    await nextTurn();
    controller.abort(new CallEnded("deadline"));
    await clock.advance(4_999);
    expect(begun[0]?.context.signal.aborted).toBe(false);
    begun[0]?.end("k");
    await first;
    expect(await ask()).toMatchObject({ kind: "replay", keyId: "k" });
    expect(clock.pending).toBe(0);
  });

  test.each(["shutdown", "deadline"] as const)(
    "an exchange ends at once with a shutdown, and after the grace period with a deadline: %s",
    async (end) => {
      const { ask, begun, clock } = setUp();
      const controller = new AbortController();
      void ask({ context: fresh({ signal: controller.signal }) }).catch(() => {});
      await nextTurn();
      const signal = begun[0]?.context.signal;
      controller.abort(new CallEnded(end));
      if (end === "deadline") await clock.advance(5_000);
      expect(signal?.reason).toEqual(new CallEnded(end));
    },
  );
});

describe("with a store that other processes share", () => {
  test("a call polls the store for another process's execution, less and less often", async () => {
    const { ask, begun, clock, newProcess } = setUp();
    const first = ask();
    await nextTurn();
    const second = ask({ process: newProcess() });
    await nextTurn();
    for (let at = 0; at < 8; at += 1) await clock.advance(250);
    expect(begun).toHaveLength(1);
    begun[0]?.end("k");
    await first;
    await clock.advance(250);
    expect(await second).toEqual({ kind: "replay", keyId: "k", joined: true });
    expect(clock.pending).toBe(0);
  });

  test("nothing is sent while the store does not answer", async () => {
    const { ask, begun } = setUp({ begin: () => Promise.reject(new StoreError("AWAY", "gone")) });
    const calls = [ask(), ask()];
    for (const call of calls) {
      expect(await failure(call)).toMatchObject({
        reason: "REQUEST_ID_STORE_UNAVAILABLE",
        details: { retryDelayMs: 1_000 },
      });
    }
    expect(begun).toHaveLength(0);
  });

  test("a call that waits when the store goes away is told that the change may have happened", async () => {
    const gone = new StoreError("AWAY", "gone");
    let claims = 0;
    const { ask, clock, begun } = setUp({
      begin: () => (claims++ === 0 ? Promise.resolve({ kind: "running" }) : Promise.reject(gone)),
    });
    const calls = [ask(), ask()].map(failure);
    await nextTurn();
    await clock.advance(50);
    for (const told of await Promise.all(calls)) {
      expect(told).toMatchObject({
        reason: "REQUEST_ID_STORE_UNAVAILABLE",
        details: { retryDelayMs: 1_000, mayHaveExecuted: true },
      });
      expect(told).not.toHaveProperty("message", expect.stringContaining("nothing was sent"));
    }
    expect(begun).toHaveLength(0);
  });

  test("a change that was made is answered although its record cannot be updated", async () => {
    const { ask, begun, clock } = setUp({
      complete: () => Promise.reject(new StoreError("AWAY", "gone")),
    });
    const first = ask({ context: fresh({ deadline: 1_000 }) });
    await nextTurn();
    begun[0]?.end("k");
    expect(await first).toMatchObject({ kind: "made", made: "k" });
    await clock.advance(11_000);
    expect(await failure(ask())).toMatchObject({ reason: "OUTCOME_UNKNOWN" });
    expect(begun).toHaveLength(1);
  });
});
