/** A path that leads nowhere for a moment, because its symbolic link has just been changed. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { createCrTokenFile } from "../../../../src/iam/credentials/secret-file.ts";

const lookUps = vi.hoisted(() => ({ failuresLeft: 0 }));
vi.mock(import("../../../../src/platform/files/small-file.ts"), async (importOriginal) => {
  const original = await importOriginal();
  return {
    ...original,
    openSmallFile: (path, limit) => {
      if (lookUps.failuresLeft === 0) return original.openSmallFile(path, limit);
      lookUps.failuresLeft -= 1;
      return Promise.reject(Object.assign(new Error("no such file"), { code: "ENOENT" }));
    },
  };
});

test("a token whose path leads nowhere at two look-ups is found at the third", async () => {
  const folder = await mkdtemp(join(tmpdir(), "resolved-path-"));
  const path = join(folder, "sa-token");
  await writeFile(path, "token");
  const file = createCrTokenFile([path]);
  lookUps.failuresLeft = 2;
  expect((await file.read()).reveal()).toBe("token");
  lookUps.failuresLeft = 3;
  await expect(file.read()).rejects.toMatchObject({ code: "CR_TOKEN_UNREADABLE" });
  await rm(folder, { recursive: true });
});
