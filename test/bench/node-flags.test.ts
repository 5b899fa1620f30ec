import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { nodeFlags } from "../../bench/node-flags.ts";

test("the image starts node without its inspector and with the flags of npm start, as the bench does", () => {
  const dockerfile = readFileSync(join(import.meta.dirname, "..", "..", "Dockerfile"), "utf8");
  // The last stage is the image of the gateway.
  const entry = [...dockerfile.matchAll(/^ENTRYPOINT (\[.*\])$/gm)].at(-1)?.[1] ?? "";
  expect(nodeFlags().length).toBeGreaterThan(0);
  const command = ["node", "--disable-sigusr1", ...nodeFlags(), "bundle/main.js"];
  expect(JSON.parse(entry)).toEqual(command);
  // Code that node compiled with other flags would be compiled again at each start.
  expect(dockerfile).toContain(` ${command.join(" ")} \\\n`);
});
