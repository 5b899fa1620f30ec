import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { nodeFlags } from "../../bench/node-flags.ts";

test("the image starts node with the flags of npm start, and the bench measures with the same flags", () => {
  const dockerfile = readFileSync(join(import.meta.dirname, "..", "..", "Dockerfile"), "utf8");
  const entry = /^ENTRYPOINT (\[.*\])$/m.exec(dockerfile)?.[1] ?? "";
  expect(nodeFlags().length).toBeGreaterThan(0);
  expect(JSON.parse(entry)).toEqual(["node", ...nodeFlags(), "dist/main.js"]);
});
