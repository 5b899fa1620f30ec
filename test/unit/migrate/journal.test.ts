import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  firstCheckpoint,
  openJournal,
  parseJournal,
  readJournal,
  type Checkpoint,
  type JournalHeader,
} from "../../../src/migrate/files/journal.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "journal-"));
});
afterAll(() => rm(folder, { recursive: true }));

const header: JournalHeader = {
  format: "keyprotect-gateway-migration/1",
  input: { lines: 9, sha256: "a".repeat(64) },
  options: { "source-key": "one", "no-verify": false, "key-ring": null },
};
const at = (done: number): Checkpoint => ({ ...firstCheckpoint, done });

async function written(name: string): Promise<{ path: string; text: string }> {
  const path = join(folder, name);
  await using journal = await openJournal(path, header, undefined);
  for (const done of [2, 5, 7]) await journal.record(at(done));
  return { path, text: await readFile(path, "utf8") };
}

test("a journal that is torn at any byte gives the last record that is complete", async () => {
  const { path, text } = await written("torn");
  const ends = text.split("\n").reduce<number[]>((all, line) => {
    return [...all, (all.at(-1) ?? 0) + line.length + 1];
  }, []);
  const [headerEnd = 0, ...recordEnds] = ends.slice(0, -1);
  for (let length = headerEnd; length <= text.length; length += 1) {
    const whole = recordEnds.filter((end) => end <= length).length;
    const { last, bytes } = parseJournal(path, text.slice(0, length));
    expect(last.done).toBe([0, 2, 5, 7][whole]);
    expect(bytes).toBe([headerEnd, ...recordEnds][whole]);
  }
});

test("a last record of zeros, as a crash of the machine can leave, is ignored", async () => {
  const { path, text } = await written("zeros");
  const { last } = parseJournal(path, `${text}${"\0".repeat(300)}\n`);
  expect(last.done).toBe(7);
});

test("a journal that is damaged before its last record is refused", async () => {
  const { path, text } = await written("damaged");
  const damaged = text.replace('"done":2', '"done":3');
  expect(() => parseJournal(path, damaged)).toThrow("is damaged");
  expect(() => parseJournal(path, text.replace('"one"', '"two"'))).toThrow("is no journal");
  expect(() => parseJournal(path, "")).toThrow("is no journal");
});

test("a journal goes on behind its last complete record", async () => {
  const { path, text } = await written("resumed");
  await writeFile(path, `${text}0123456789abcdef {"done":8`);
  const found = await readJournal(path, header);
  {
    await using journal = await openJournal(path, header, found);
    expect(journal.last.done).toBe(7);
    await journal.record(at(9));
  }
  expect((await readJournal(path, header))?.last.done).toBe(9);
});

test("a journal that something else has written to is not written to any more", async () => {
  const path = join(folder, "shared");
  await using journal = await openJournal(path, header, undefined);
  await journal.record(at(1));
  await writeFile(path, "a line of another process\n", { flag: "a" });
  await expect(journal.record(at(2))).rejects.toThrow("was changed by something else");
});
