import { createHash } from "node:crypto";
import type { LuaScript } from "./redis-commands.ts";

/** Gives the names under which Redis knows scripts; each is worked out once. */
export function createScriptDigests(): (script: LuaScript) => string {
  const known = new WeakMap<LuaScript, string>();
  return (script) => {
    // Redis names scripts by SHA-1; nothing is protected by it.
    const sha =
      script.sha ?? known.get(script) ?? createHash("sha1").update(script.source).digest("hex");
    known.set(script, sha);
    return sha;
  };
}
