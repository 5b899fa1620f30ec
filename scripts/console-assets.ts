/** Where the files of the console's page have to be for the compiled and the bundled gateway. */
import { copyFileSync, mkdirSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { assetsFolder, uplotFiles } from "../src/console/assets.ts";

/** Copies the files of the page, uPlot's among them, into a folder. */
export function copyConsoleAssets(target: string): void {
  mkdirSync(target, { recursive: true });
  for (const name of readdirSync(assetsFolder())) {
    copyFileSync(join(assetsFolder(), name), join(target, name));
  }
  for (const [name, file] of Object.entries(uplotFiles)) {
    copyFileSync(createRequire(import.meta.url).resolve(file), join(target, name));
  }
}
