import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createSlidingWindow } from "../../../../../src/upstream/rate-limit/permits/sliding-window.ts";

describe("the sliding window", () => {
  test("the window lets the rounded quota through at once", () => {
    const window = createSlidingWindow({ quota: 2.6 });
    expect(window.limit).toBe(3);
    for (let sent = 0; sent < 3; sent++) {
      expect(window.waitMs(0)).toBe(0);
      window.take(0);
    }
    expect(window.waitMs(0)).toBe(1_012);
  });

  test("a send fits when the one a quota before it is a second and the guard old", () => {
    const window = createSlidingWindow({ quota: 2, guardMs: 15 });
    window.take(0);
    window.take(400);
    expect(window.waitMs(1_014.5)).toBe(0.5);
    expect(window.waitMs(1_015)).toBe(0);
    window.take(1_015);
    expect(window.waitMs(1_015)).toBe(400);
  });

  test("a window of any small quota lets one send through per second", () => {
    const window = createSlidingWindow({ quota: 0.2 });
    window.take(0);
    expect(window.waitMs(0)).toBe(1_012);
  });

  test("the wait for several sends covers more than one period", () => {
    const window = createSlidingWindow({ quota: 2 });
    expect(window.waitMs(0, 2)).toBe(0);
    expect(window.waitMs(0, 3)).toBe(1_012);
    window.take(100);
    expect(window.waitMs(100, 1)).toBe(0);
    expect(window.waitMs(100, 2)).toBe(1_012);
    expect(window.waitMs(100, 4)).toBe(2_024);
  });

  test("a send that did not happen frees its place", () => {
    const window = createSlidingWindow({ quota: 2 });
    window.take(0);
    window.take(10);
    window.giveBack();
    expect(window.waitMs(10)).toBe(0);
    window.take(20);
    expect(window.waitMs(20)).toBe(1_002);
  });

  test("a send that was held up counts from the later time", () => {
    const window = createSlidingWindow({ quota: 3 });
    for (const at of [0, 5, 10]) window.take(at);
    window.moveLatest(6, 90);
    expect(window.waitMs(90)).toBe(1_012 - 90);
    expect(window.waitMs(90, 2)).toBe(10 + 1_012 - 90);
    expect(window.waitMs(90, 3)).toBe(1_012);
  });

  test("past sends keep counting when the quota falls and rises again", () => {
    const window = createSlidingWindow({ quota: 4 });
    for (const at of [0, 10, 20, 30]) window.take(at);
    window.resize(2);
    expect(window.waitMs(30)).toBe(20 + 1_012 - 30);
    window.resize(4);
    expect(window.waitMs(30)).toBe(1_012 - 30);
    window.resize(6);
    expect(window.waitMs(30)).toBe(0);
    window.take(40);
    window.take(40);
    expect(window.waitMs(40)).toBe(1_012 - 40);
  });

  test("no second holds more sends than the quota, whatever is given back or resized", () => {
    const step = fc.oneof(
      { weight: 8, arbitrary: fc.record({ kind: fc.constant("send"), ms: fc.nat(120) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant("giveBack"), ms: fc.nat(40) }) },
      {
        weight: 1,
        arbitrary: fc.record({ kind: fc.constant("resize"), ms: fc.integer({ min: 1, max: 12 }) }),
      },
    );
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 12 }),
        fc.array(step, { maxLength: 120 }),
        fc.infiniteStream(fc.nat()),
        (quota, steps, picks) => {
          const window = createSlidingWindow({ quota });
          const sent: { at: number; limit: number }[] = [];
          let now = 0;
          for (const { kind, ms } of steps) {
            if (kind === "resize") {
              window.resize(ms);
              continue;
            }
            now += ms;
            if (kind === "giveBack") {
              if (sent.length === 0) continue;
              const pick = picks.next().value ?? 0;
              // Only a recent request is given back: one that is younger than a second.
              const young = sent.filter(({ at }) => now - at < 1_000);
              const gone = young[pick % Math.max(1, young.length)];
              if (gone === undefined) continue;
              sent.splice(sent.indexOf(gone), 1);
              window.giveBack();
            } else if (window.waitMs(now) === 0) {
              window.take(now);
              sent.push({ at: now, limit: window.limit });
            }
          }
          for (const { at, limit } of sent) {
            const inWindow = sent.filter((other) => other.at > at - 1_000 && other.at <= at);
            const index = inWindow.findIndex((other) => other.at === at && other.limit === limit);
            expect(index).toBeLessThan(limit);
          }
        },
      ),
      { numRuns: 1_000 },
    );
  });

  test("a send fits as soon as the bound allows it, whichever sends were held up", () => {
    const step = fc.record({
      gap: fc.nat(300),
      heldUp: fc.option(fc.nat(12)),
      part: fc.constantFrom(0, 0.25, 0.5, 1),
    });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 8 }),
        fc.array(step, { maxLength: 60 }),
        (quota, steps) => {
          const window = createSlidingWindow({ quota });
          const sent: number[] = [];
          let now = 0;
          for (const { gap, heldUp, part } of steps) {
            now += gap;
            // The moved request is one that the window still remembers. Older ones no longer
            // matter.
            const late = heldUp === null ? undefined : sent.at(-1 - (heldUp % quota));
            if (late !== undefined) {
              const from = late + (now - late) * part;
              window.moveLatest(late, from);
              sent.splice(sent.lastIndexOf(late), 1, from);
              sent.sort((a, b) => a - b);
            }
            const gate = sent.at(-quota);
            const expected = gate === undefined ? 0 : Math.max(0, gate + 1_012 - now);
            expect(window.waitMs(now)).toBe(expected);
            if (expected > 0) continue;
            window.take(now);
            sent.push(now);
          }
        },
      ),
      { numRuns: 1_000 },
    );
  });
});
