import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { InputLine } from "../../../src/migrate/lines/input.ts";
import type { MigrationItem } from "../../../src/migrate/lines/item.ts";
import { migrateItems } from "../../../src/migrate/migrate-items.ts";
import type { MigrationOutcome } from "../../../src/migrate/rewrap-item.ts";

const place = { instance: "a", key: "b" };
const toItem = ({ number }: InputLine): MigrationItem => ({
  line: number,
  members: [],
  ciphertext: Buffer.alloc(1),
  additionalData: [],
  source: place,
  target: place,
});
async function* linesTo(count: number, onRead: () => void): AsyncGenerator<InputLine, void> {
  for (let number = 1; number <= count; number += 1) {
    onRead();
    yield await Promise.resolve({ number, text: "" });
  }
}
const migrated: MigrationOutcome = {
  kind: "migrated",
  ciphertext: Buffer.alloc(1),
  keyVersion: "",
};

test("outcomes come in order and once, whatever the order in which the items end", async () => {
  const plan = fc.record({
    turns: fc.array(fc.nat(12), { maxLength: 120 }),
    concurrency: fc.integer({ min: 1, max: 8 }),
    skip: fc.nat(20),
    endAt: fc.option(fc.nat(120), { nil: undefined }),
  });
  await fc.assert(
    fc.asyncProperty(plan, async ({ turns, concurrency, skip, endAt }) => {
      const seen: number[] = [];
      let active = 0;
      let most = 0;
      let read = 0;
      let isAbandoned = false;
      await migrateItems({
        lines: linesTo(turns.length, () => (read += 1)),
        skip,
        toItem,
        concurrency,
        rewrap: async ({ line }) => {
          active += 1;
          most = Math.max(most, active);
          for (let left = turns[line - 1] ?? 0; left > 0; left -= 1) await Promise.resolve();
          active -= 1;
          return migrated;
        },
        onResult: ({ item }) => {
          if (item.line === endAt) return Promise.resolve(false);
          seen.push(item.line);
          // The window bounds how far reading is ahead.
          expect(read - item.line).toBeLessThanOrEqual(concurrency * 8 + 1);
          return Promise.resolve(true);
        },
        abandon: () => (isAbandoned = true),
      });
      const isEnded = endAt !== undefined && endAt > skip && endAt <= turns.length;
      const last = isEnded ? endAt - 1 : turns.length;
      expect(seen).toEqual(
        Array.from({ length: Math.max(0, last - skip) }, (_, at) => skip + at + 1),
      );
      expect(most).toBeLessThanOrEqual(concurrency);
      expect([active, isAbandoned]).toEqual([0, true]);
    }),
  );
});

test("no item is started after one that ends the migration", async () => {
  let started = 0;
  await migrateItems({
    lines: linesTo(1_000, () => {}),
    skip: 0,
    toItem,
    concurrency: 4,
    rewrap: ({ line }) => {
      started += 1;
      return Promise.resolve(line === 10 ? { kind: "interrupted" } : migrated);
    },
    onResult: ({ outcome }) => Promise.resolve(outcome.kind !== "interrupted"),
    abandon: () => {},
  });
  expect(started).toBeLessThanOrEqual(14);
});

test("a defect in one item is passed on after the others have ended", async () => {
  let ended = 0;
  const run = migrateItems({
    lines: linesTo(8, () => {}),
    skip: 0,
    toItem,
    concurrency: 8,
    rewrap: async ({ line }) => {
      await Promise.resolve();
      if (line === 1) throw new Error("a defect");
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
      ended += 1;
      return migrated;
    },
    onResult: () => Promise.resolve(true),
    abandon: () => {},
  });
  await expect(run).rejects.toThrow("a defect");
  expect(ended).toBe(7);
});
