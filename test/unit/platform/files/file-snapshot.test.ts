import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { readTogether } from "../../../../src/platform/files/file-snapshot.ts";

const root = await mkdtemp(join(tmpdir(), "kp-snapshot-"));
afterAll(() => rm(root, { recursive: true, force: true }));
const at = (name: string): string => join(root, name);

test("files that other files name are read too, and each is listed", async () => {
  await writeFile(at("list"), `${at("a")}\n${at("b")}`);
  await writeFile(at("a"), "A");
  const { value, files } = await readTogether((readFile) =>
    readFile(at("list"))
      .split("\n")
      .map((path) => {
        try {
          return readFile(path);
        } catch (error) {
          return error instanceof Error && "code" in error ? error.code : "not read yet";
        }
      }),
  );
  expect(value).toEqual(["A", "ENOENT"]);
  expect([...files.stamps.keys()]).toEqual([at("list"), at("a"), at("b")]);
  expect(files.stamps.get(at("b"))).toBe("absent");
  expect(files.digests.get(at("b"))).toBe("");
});

test("a file that changes while others are read is read again, so that all are of one moment", async () => {
  await writeFile(at("first"), "old");
  await writeFile(at("second"), "old");
  let runs = 0;
  const { value } = await readTogether((readFile) => {
    runs += 1;
    const first = readFile(at("first"));
    // The run that has the first file and asks for the second: a writer replaces both.
    if (runs === 2) for (const name of ["first", "second"]) writeFileSync(at(name), "newer");
    return [first, readFile(at("second"))];
  });
  expect(value).toEqual(["newer", "newer"]);
});

const snapshot = async (text: string) => {
  await writeFile(at("same"), text);
  return (await readTogether((readFile) => readFile(at("same")))).files;
};

test("digests tell contents apart, and stamps also tell a rewritten file apart", async () => {
  const [one, again, other] = [await snapshot("1"), await snapshot("1"), await snapshot("2")];
  expect(again.digests).toEqual(one.digests);
  expect(again.stamps).not.toEqual(one.stamps);
  expect(other.digests).not.toEqual(one.digests);
});

test("what the reader itself throws is passed on", async () => {
  await expect(
    readTogether(() => {
      throw new Error("a defect");
    }),
  ).rejects.toThrow("a defect");
});
