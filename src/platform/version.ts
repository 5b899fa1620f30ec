import { createRequire } from "node:module";

/** The gateway's own version, as its package says. */
export function gatewayVersion(): string {
  const manifest: unknown = createRequire(import.meta.url)("../../package.json");
  const version =
    typeof manifest === "object" && manifest !== null && Reflect.get(manifest, "version");
  if (typeof version !== "string") throw new Error("the package does not tell its version");
  return version;
}
