import { createRequire } from "node:module";

/** Before this release one request with a compressed frame that is not valid gzip ends the process. */
const oldest = [1, 14, 4] as const;

/** The version of `@grpc/grpc-js` that is installed. */
export function installedGrpcVersion(): string {
  const manifest: unknown = createRequire(import.meta.url)("@grpc/grpc-js/package.json");
  const version =
    typeof manifest === "object" && manifest !== null && Reflect.get(manifest, "version");
  if (typeof version !== "string") throw new Error("@grpc/grpc-js does not tell its version");
  return version;
}

/** Throws if a version of `@grpc/grpc-js` is too old to serve with. */
export function assertGrpcVersion(version: string): void {
  const parts = /^(\d+)\.(\d+)\.(\d+)/.exec(version)?.slice(1).map(Number) ?? [];
  for (const [index, least] of oldest.entries()) {
    const part = parts[index] ?? -1;
    if (part > least) return;
    if (part < least) {
      throw new Error(
        `@grpc/grpc-js ${version} is too old: at least ${oldest.join(".")} is needed`,
      );
    }
  }
}
