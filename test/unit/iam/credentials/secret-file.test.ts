import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  createApiKeyFile,
  createClientSecretFile,
  createCrTokenFile,
} from "../../../../src/iam/credentials/secret-file.ts";

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "api-key-"));
  path = join(folder, "key");
});
afterEach(() => rm(folder, { recursive: true }));

test.each([
  ["alone", "abc-DEF_123"],
  ["with a newline", "abc-DEF_123\n"],
  ["with a Windows newline", "abc-DEF_123\r\n"],
  ["with blank lines around it", "\n\n abc-DEF_123 \t\n\n"],
  ["with a byte order mark", "\uFEFFabc-DEF_123\r\n"],
  ["in JSON with a byte order mark", `\uFEFF${JSON.stringify({ apikey: " abc-DEF_123\n" })}`],
  ["in the JSON of the command line tool", JSON.stringify({ name: "x", apikey: "abc-DEF_123" })],
])("an API key file may contain the key %s", async (_, text) => {
  await writeFile(path, text);
  expect((await createApiKeyFile(path).read()).reveal()).toBe("abc-DEF_123");
});

test.each([
  ["nothing", ""],
  ["a newline", "\n"],
  ["two newlines", "\n\n"],
  ["a byte order mark", "\uFEFF\n"],
  ["JSON with an empty key", '{"apikey":" "}'],
  ["two lines", "canary\ncanary\n"],
  ["JSON without a key", '{"canary":1}'],
  ["JSON that ends early", '{"apikey":"canary"'],
  ["far too much", "canary".repeat(20_000)],
])("an API key file that contains %s is rejected without quoting it", async (_, text) => {
  await writeFile(path, text);
  const error: unknown = await createApiKeyFile(path)
    .read()
    .catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: "API_KEY_UNREADABLE" });
  expect(error instanceof Error ? `${error.stack} ${String(error.cause)}` : "canary").not.toContain(
    "canary",
  );
});

test("an API key file that does not exist is rejected", async () => {
  await expect(createApiKeyFile(path).read()).rejects.toMatchObject({ code: "API_KEY_UNREADABLE" });
});

test("hasChanged notices a rewritten file, and read returns the new key", async () => {
  const file = createApiKeyFile(path);
  await writeFile(path, "first");
  await file.read();
  expect(await file.hasChanged()).toBe(false);
  await writeFile(path, "second-key");
  expect(await file.hasChanged()).toBe(true);
  expect((await file.read()).reveal()).toBe("second-key");
  expect(await file.hasChanged()).toBe(false);
});

test("hasChanged notices a mounted secret that was replaced through its symbolic link", async () => {
  for (const name of ["one", "two"]) {
    await mkdir(join(folder, name));
    await writeFile(join(folder, name, "key"), name);
  }
  await symlink("one", join(folder, "..data"));
  await symlink(join("..data", "key"), path);
  const file = createApiKeyFile(path);
  await file.read();
  await symlink("two", join(folder, "..new"));
  await rename(join(folder, "..new"), join(folder, "..data"));
  expect(await file.hasChanged()).toBe(true);
  expect((await file.read()).reveal()).toBe("two");
});

test("hasChanged is false for a file that was removed", async () => {
  const file = createApiKeyFile(path);
  await writeFile(path, "key");
  await file.read();
  await rm(path);
  expect(await file.hasChanged()).toBe(false);
});

test("of several token files the first that can be read counts", async () => {
  const [first = "", second = ""] = ["first", "second"].map((name) => join(folder, name));
  const file = createCrTokenFile([first, second]);
  await expect(file.read()).rejects.toMatchObject({ code: "CR_TOKEN_UNREADABLE" });
  await writeFile(second, "of-the-second");
  expect(await file.hasChanged()).toBe(true);
  expect((await file.read()).reveal()).toBe("of-the-second");
  expect(await file.hasChanged()).toBe(false);
  await writeFile(first, "of-the-first\n");
  expect(await file.hasChanged()).toBe(true);
  expect((await file.read()).reveal()).toBe("of-the-first");
});

test.each([
  [createCrTokenFile, "CR_TOKEN_UNREADABLE"],
  [
    (paths: readonly string[]) => createClientSecretFile(paths[0] ?? ""),
    "CLIENT_SECRET_UNREADABLE",
  ],
] as const)("a file with two words is no secret of %o and is not quoted", async (create, code) => {
  await writeFile(path, "canary canary");
  const error: unknown = await create([path])
    .read()
    .catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code });
  expect(String(error)).not.toContain("canary");
});

test("every read of a token finds one while the kubelet replaces it without a break", async () => {
  const writer = join(import.meta.dirname, "../../../support/projected-volume-writer.ts");
  const kubelet = spawn(process.execPath, ["--import", "tsx", writer, folder]);
  const ended = once(kubelet, "exit");
  const found = new Set<string>();
  try {
    const [volumePath] = await once(kubelet.stdout, "data");
    const file = createCrTokenFile([String(volumePath)]);
    while (found.size < 1_000) found.add((await file.read()).reveal());
  } finally {
    kubelet.kill();
    await ended;
  }
  expect([...found].every((token) => /^token-\d+$/.test(token))).toBe(true);
}, 60_000);
