import { describe, expect, test } from "vitest";
import {
  callOverheadBytes,
  createReceivingCalls,
  type ReceiveRefusal,
  type ReceivingCall,
  type ReceivingCalls,
} from "../../../../../src/grpc/server/receiving/receiving-calls.ts";
import { createDrivenClock, type DrivenClock } from "../../../../support/driven-clock.ts";
import { nextTurn } from "../../../../support/next-turn.ts";

interface Fixture {
  readonly calls: ReceivingCalls;
  readonly clock: DrivenClock;
  readonly refused: string[];
  readonly begin: (name: string, more?: Partial<Omit<ReceivingCall, "entry">>) => ReceivingCall;
}

const start = (maxBytes = 100_000): Fixture => {
  const clock = createDrivenClock();
  const refused: string[] = [];
  const calls = createReceivingCalls({ clock, maxBytes, timeoutMs: 1_000 });
  return {
    calls,
    clock,
    refused,
    begin(name, more = {}) {
      const call: ReceivingCall = {
        isReceiving: true,
        isTimed: true,
        heldBytes: 0,
        peer: "192.0.2.1:1",
        session: undefined,
        entry: undefined,
        refuse: (why: ReceiveRefusal) => void refused.push(`${name} ${why}`),
        stopReceiving: () => void refused.push(`${name} stopped`),
        ...more,
      };
      calls.began(call);
      return call;
    },
  };
};

describe("incomplete requests", () => {
  test("a call that is complete when its turn ends is never listed", async () => {
    const { calls, clock, begin } = start();
    const call = begin("a", { isReceiving: false });
    await nextTurn();
    expect(call.entry).toBeUndefined();
    expect(calls.bytes).toBe(0);
    expect(clock.pending).toBe(0);
  });

  test("a listed call counts with what it holds and its overhead, until it ends", async () => {
    const { calls, begin } = start();
    const call = begin("a", { heldBytes: 1_000 });
    await nextTurn();
    expect(calls.bytes).toBe(callOverheadBytes + 1_000);
    if (call.entry === undefined) throw new Error("not listed");
    calls.grew(call.entry, 500);
    expect(calls.bytes).toBe(callOverheadBytes + 1_500);
    calls.ended(call);
    calls.ended(call);
    expect(calls.bytes).toBe(0);
  });

  test("a request that has not arrived in time is refused, the later ones at their own time", async () => {
    const { clock, begin, refused, calls } = start();
    begin("a");
    await nextTurn();
    await clock.advance(600);
    begin("b");
    await nextTurn();
    await clock.advance(399);
    expect(refused).toEqual([]);
    await clock.advance(1);
    expect(refused).toEqual(["a time"]);
    await clock.advance(600);
    expect(refused).toEqual(["a time", "b time"]);
    expect(calls.bytes).toBe(0);
    expect(clock.pending).toBe(0);
  });

  test("an answered call is stopped a second after its answer", async () => {
    const { calls, clock, begin, refused } = start();
    const isOver = { isReceiving: false };
    const [first, second] = [begin("first", isOver), begin("second", isOver)];
    calls.answered(first);
    await clock.advance(400);
    calls.answered(second);
    await clock.advance(599);
    expect(refused).toEqual([]);
    await clock.advance(1);
    expect(refused).toEqual(["first stopped"]);
    await clock.advance(400);
    expect(refused).toContain("second stopped");
  });

  test("a stream has no time limit while no message is under way", async () => {
    const { calls, clock, begin, refused } = start();
    const stream = begin("stream", { isTimed: false });
    await nextTurn();
    await clock.advance(60_000);
    if (stream.entry === undefined) throw new Error("not listed");
    calls.grew(stream.entry, 10);
    calls.shrank(stream.entry, 10);
    await clock.advance(60_000);
    expect(refused).toEqual([]);
    calls.grew(stream.entry, 10);
    await clock.advance(1_000);
    expect(refused).toEqual(["stream time"]);
  });
});

const session = (name: string): object => ({ name });

describe("the bound of incomplete requests", () => {
  test("above the bound, the oldest call of the largest connection of the largest peer is refused", async () => {
    const { begin, refused } = start(100_000);
    const [small, large, other] = [session("small"), session("large"), session("other")];
    begin("small", { session: small, heldBytes: 10_000 });
    begin("large 1", { session: large, heldBytes: 10_000 });
    begin("large 2", { session: large, heldBytes: 10_000 });
    // The largest call and connection, but not the largest peer.
    begin("other", { session: other, heldBytes: 30_000, peer: "192.0.2.2:1" });
    await nextTurn();
    expect(refused).toEqual([]);
    begin("newest", { session: small, heldBytes: 0 });
    await nextTurn();
    expect(refused).toEqual(["large 1 bytes"]);
  });

  test("a new call of another peer is not the one that is refused", async () => {
    const { begin, refused, calls } = start(1_000_000);
    const flood = session("flood");
    for (let at = 0; at < 500; at += 1) begin("flood", { session: flood, heldBytes: 10_000 });
    const normal = begin("normal", {
      session: session("normal"),
      heldBytes: 150_000,
      peer: "192.0.2.2:1",
    });
    await nextTurn();
    expect(refused).not.toContain("normal bytes");
    expect(normal.entry).toBeDefined();
    expect(calls.bytes).toBeLessThanOrEqual(1_000_000);
  });

  test("at most 32 calls of a turn are refused with a status, the others by a reset", async () => {
    const { begin } = start(20_000);
    const explained: boolean[] = [];
    const refuse = (_why: ReceiveRefusal, isExplained: boolean): void =>
      void explained.push(isExplained);
    for (let at = 0; at < 100; at += 1) begin("a", { session: session("a"), refuse });
    await nextTurn();
    expect(explained).toHaveLength(98);
    expect(explained.filter(Boolean)).toHaveLength(32);
    begin("b", { refuse, heldBytes: 30_000 });
    await nextTurn();
    expect(explained.at(-1)).toBe(true);
  });

  test("a call that grows above the bound is refused itself if it holds the most", async () => {
    const { calls, begin, refused } = start(50_000);
    begin("a", { session: session("a") });
    const call = begin("b", { session: session("b") });
    await nextTurn();
    if (call.entry === undefined) throw new Error("not listed");
    calls.grew(call.entry, 60_000);
    expect(refused).toEqual(["b bytes"]);
    expect(calls.bytes).toBe(callOverheadBytes);
  });
});
