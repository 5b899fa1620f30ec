/** The flags of node for the gateway, taken from `npm start`. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

const manifest = z.object({ scripts: z.object({ start: z.string() }) });

/**
 * Returns the flags in the start script of `package.json`. Throws if the script has another form.
 */
export function nodeFlags(): readonly string[] {
  const text = readFileSync(join(import.meta.dirname, "..", "package.json"), "utf8");
  const [node, ...flags] = manifest.parse(JSON.parse(text)).scripts.start.split(" ");
  const program = flags.pop();
  if (node !== "node" || program !== "dist/main.js")
    throw new Error("npm start does not run `node … dist/main.js`");
  return flags;
}
