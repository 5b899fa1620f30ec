/** Memory of a call that was removed is freed by minor garbage collections. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { createActiveCalls, type ActiveCall } from "../../../../src/grpc/call/active-calls.ts";

setFlagsFromString("--expose-gc");
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- added by --expose-gc
const collect = runInNewContext("gc") as (options?: { readonly type: "minor" }) => void;

/** Number of 8-byte words that each call holds. */
const payloadWords = 512;
const calls = 10_000;

/** Bytes per call that minor collections leave after many calls were added and removed in turn. */
function keptBytes(come: (payload: readonly number[]) => void): number {
  const comeAll = (count: number): void => {
    for (let each = 1; each <= count; each++) {
      come(Array.from<number>({ length: payloadWords }).fill(0));
      if (each % 250 === 0) collect({ type: "minor" });
    }
  };
  comeAll(calls);
  collect();
  const before = process.memoryUsage().heapUsed;
  comeAll(calls);
  return (process.memoryUsage().heapUsed - before) / calls;
}

test("a call that was removed from the active calls is not kept in memory by them", () => {
  const activeCalls = createActiveCalls();
  const inFlight: ActiveCall[] = [];
  const kept = keptBytes((payload) => {
    const call = { index: undefined, end: () => {}, payload };
    activeCalls.add(call);
    inFlight.push(call);
    const oldest = inFlight.length > 64 ? inFlight.shift() : undefined;
    if (oldest !== undefined) activeCalls.remove(oldest);
  });
  expect(kept).toBeLessThan(0.25 * 8 * payloadWords);
});
