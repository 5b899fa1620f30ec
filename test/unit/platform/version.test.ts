import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { gatewayVersion } from "../../../src/platform/version.ts";

test("gatewayVersion returns the version in package.json", () => {
  const manifest: { version: string } = JSON.parse(readFileSync("package.json", "utf8"));

  expect(gatewayVersion()).toBe(manifest.version);
});
