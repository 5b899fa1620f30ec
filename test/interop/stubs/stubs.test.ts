/** Stubs for other languages are generated from the whole contract, and they compile. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readContract } from "../../../scripts/contract/contract.ts";
import { repositoryRoot } from "../../../scripts/run.ts";
import { descriptorSet } from "../../../src/gen/descriptor-set.ts";
import { isInstalled } from "../toolchains.ts";
import { stubLanguages } from "./languages.ts";

const { services } = readContract(Buffer.from(descriptorSet, "base64"));
/** Tools are downloaded and compiled. */
const timeout = 600_000;

let root = "";
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "keyprotect-stubs-"));
  for (const folder of ["proto", "third_party"]) {
    await cp(join(repositoryRoot, folder), join(root, folder), { recursive: true });
  }
  await cp(join(repositoryRoot, "buf.yaml"), join(root, "buf.yaml"));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const protoFiles = (): string[] =>
  readdirSync(join(root, "proto"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".proto"))
    .map((file) => join(root, "proto", file));

describe.each(stubLanguages.filter(isInstalled))("stubs for $name", (language) => {
  const build = async (): Promise<string[]> => {
    const stubs = await mkdtemp(join(root, "stubs-"));
    await language.build(join(root, "proto"), stubs);
    return services
      .map(({ name, file }) => language.clientFile(name, file))
      .filter((path) => !existsSync(join(stubs, path)));
  };

  test(
    `the whole contract gives stubs for ${language.name} that compile, with a client of each service`,
    async () => {
      expect(await build()).toEqual([]);
    },
    timeout,
  );

  test(
    `one proto file that is wrong for ${language.name} is noticed`,
    async () => {
      const file = protoFiles().find((each) => each.endsWith("keys_service.proto"));
      if (file === undefined) throw new Error("the contract has no keys_service.proto");
      const before = readFileSync(file, "utf8");
      const after = before.replace(...language.planted);
      expect(after).not.toBe(before);
      writeFileSync(file, after);
      await expect(build()).rejects.toThrow("Command failed");
    },
    timeout,
  );
});
