/** How node is started for the gateway: as `npm start` does it. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

const manifest = z.object({ scripts: z.object({ start: z.string() }) });

/** The flags of node in the start script of `package.json`. */
export function nodeFlags(): readonly string[] {
  const text = readFileSync(join(import.meta.dirname, "..", "package.json"), "utf8");
  const [node, ...flags] = manifest.parse(JSON.parse(text)).scripts.start.split(" ");
  const program = flags.pop();
  if (node !== "node" || program !== "dist/main.js") throw new Error("npm start is another one");
  return flags;
}
