import { createRequire } from "node:module";

/** Returns the gateway's version from its package.json. Throws if there is none. */
export function gatewayVersion(): string {
  const manifest: unknown = createRequire(import.meta.url)("#package.json");
  const version =
    typeof manifest === "object" && manifest !== null && Reflect.get(manifest, "version");
  if (typeof version !== "string") throw new Error("package.json has no version");
  return version;
}
