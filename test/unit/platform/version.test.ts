import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { gatewayVersion } from "../../../src/platform/version.ts";

test("the gateway knows the version that its package has", () => {
  const manifest: { version: string } = JSON.parse(readFileSync("package.json", "utf8"));

  expect(gatewayVersion()).toBe(manifest.version);
});
