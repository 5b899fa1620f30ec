import { expect, test, vi } from "vitest";
import type { CallFailure } from "../../../src/migrate/gateway/call-failure.ts";
import { formatDuration, showProgress } from "../../../src/migrate/progress.ts";
import { createDrivenClock } from "../../support/driven-clock.ts";

const failure: CallFailure = {
  kind: "wait",
  status: "UNAVAILABLE",
  reason: "",
  message: "",
  retryAfterMs: undefined,
};

async function shown(isTTY: boolean, columns?: number): Promise<string> {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  try {
    let text = "";
    const stream = { isTTY, write: (part: string) => (text += part), ...(columns && { columns }) };
    const clock = createDrivenClock();
    const progress = showProgress({ stream, total: 10_000, doneBefore: 1_000, clock });
    await clock.advance(10_000);
    progress.update(3_500, 2);
    vi.advanceTimersByTime(10_000);
    progress.waiting("wrap", failure);
    vi.advanceTimersByTime(10_000);
    progress.update(10_000, 2);
    progress[Symbol.dispose]();
    expect(vi.getTimerCount()).toBe(0);
    return text;
  } finally {
    vi.useRealTimers();
  }
}

test("on a terminal a bar is overwritten in place, and never wider than the terminal", async () => {
  const text = await shown(true);
  expect(text).toContain(
    "\r\u001B[K[########----------------] 3500 of 10000 (35 %), 250/s, 26 s left, 2 fa",
  );
  expect(text.endsWith("10000 of 10000 (100 %), 900/s, 2 failed\n")).toBe(true);
  for (const frame of (await shown(true, 40)).split("\r\u001B[K")) {
    expect(frame.trimEnd().length).toBeLessThan(40);
  }
});

test("off a terminal there are plain lines, and one at once when calls are repeated", async () => {
  expect((await shown(false)).split("\n")).toEqual([
    "3500 of 10000 (35 %), 250/s, 26 s left, 2 failed",
    "3500 of 10000 (35 %), 250/s, 26 s left, 2 failed; repeating wrap after UNAVAILABLE",
    "3500 of 10000 (35 %), 250/s, 26 s left, 2 failed",
    "",
  ]);
});

test("durations are rounded up to seconds, minutes, or hours and minutes", () => {
  expect([0.2, 59, 61, 3_600, 3_661].map(formatDuration)).toEqual([
    "1 s",
    "59 s",
    "2 min",
    "1 h 0 min",
    "1 h 2 min",
  ]);
});
