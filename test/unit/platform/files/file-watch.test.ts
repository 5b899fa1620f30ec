import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, expect, test } from "vitest";
import { readTogether } from "../../../../src/platform/files/file-snapshot.ts";
import { watchFiles } from "../../../../src/platform/files/file-watch.ts";
import { createDrivenClock, type DrivenClock } from "../../../support/driven-clock.ts";

const root = await mkdtemp(join(tmpdir(), "kp-watch-"));
afterAll(() => rm(root, { recursive: true, force: true }));

let path: string;
let fileCount = 0;
beforeEach(async () => {
  path = join(root, `file-${(fileCount += 1)}`);
  await writeFile(path, "one");
});

const read = async () => {
  const { value, files } = await readTogether((readFile) => {
    try {
      return readFile(path);
    } catch {
      return undefined;
    }
  });
  return { value, stamps: files.stamps };
};

/** A watch on one file, and the texts that it used: `undefined` for none. */
async function watch(isRetryDue = (): boolean => false) {
  const clock = createDrivenClock();
  const used: (string | undefined)[] = [];
  let { stamps } = await read();
  const watching = watchFiles({
    present: () => stamps,
    isRetryDue,
    async onChange() {
      const next = await read();
      ({ stamps } = next);
      used.push(next.value);
    },
    clock,
  });
  return { clock, used, [Symbol.dispose]: () => watching[Symbol.dispose]() };
}

/** Advances the clock to the next look, and waits until it has ended. */
async function look(clock: DrivenClock, ms = 10_000): Promise<void> {
  await clock.advance(ms);
  await expect.poll(() => clock.pending, { interval: 1 }).toBe(1);
}

test("a file that does not change is never used again", async () => {
  using watched = await watch();
  for (let looks = 0; looks < 3; looks += 1) await look(watched.clock);
  expect(watched.used).toEqual([]);
});

test("a changed file is used when it has been the same for a second", async () => {
  using watched = await watch();
  await writeFile(path, "two");
  await look(watched.clock);
  expect(watched.used).toEqual([]);
  await look(watched.clock, 1_000);
  expect(watched.used).toEqual(["two"]);
  await look(watched.clock);
  expect(watched.used).toEqual(["two"]);
});

test("a file that is still being written is not used half written", async () => {
  using watched = await watch();
  await writeFile(path, "tw");
  await look(watched.clock);
  await writeFile(path, "two, whole");
  await look(watched.clock, 1_000);
  expect(watched.used).toEqual([]);
  await look(watched.clock, 1_000);
  expect(watched.used).toEqual(["two, whole"]);
});

test("a file that changes all the time is used nevertheless", async () => {
  using watched = await watch();
  await writeFile(path, "0");
  await look(watched.clock);
  for (let second = 1; second <= 5; second += 1) {
    await writeFile(path, "x".repeat(second));
    await look(watched.clock, 1_000);
  }
  expect(watched.used).toEqual(["xxxxx"]);
});

test("a deleted file is noticed, and so is its return", async () => {
  using watched = await watch();
  await rm(path);
  await look(watched.clock);
  await look(watched.clock, 1_000);
  expect(watched.used).toEqual([undefined]);
  await writeFile(`${path}.new`, "back");
  await rename(`${path}.new`, path);
  await look(watched.clock);
  await look(watched.clock, 1_000);
  expect(watched.used).toEqual([undefined, "back"]);
});

test("after a failure an unchanged file is used again at each look", async () => {
  let isRetryDue = true;
  using watched = await watch(() => isRetryDue);
  await look(watched.clock);
  await look(watched.clock);
  expect(watched.used).toEqual(["one", "one"]);
  isRetryDue = false;
  await look(watched.clock);
  expect(watched.used).toHaveLength(2);
});

test("a watch that is disposed of looks no more", async () => {
  const watched = await watch();
  watched[Symbol.dispose]();
  expect(watched.clock.pending).toBe(0);
});
