/** The browser that the tests of the console use. */
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

/** Tests that need a browser. */
export const browserTests = "test/console/**/*.test.ts";

const names = ["chromium", "chromium-browser", "google-chrome", "chrome"];

/** Path of a Chromium on the PATH; `undefined` if there is none. */
export function chromiumPath(): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find(existsSync);
}

/** Global setup of vitest: reports the tests that are left out, before the first test. */
export default function setup(): void {
  if (chromiumPath() !== undefined) return;
  process.stderr.write(`\nLEFT OUT: no chromium on the PATH: ${browserTests}\n\n`);
}
