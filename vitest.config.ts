import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/support/transport-keys.ts"],
    testTimeout: 20_000,
    hookTimeout: 30_000,
    // A rejection nobody handles is a defect of the gateway, never noise.
    dangerouslyIgnoreUnhandledErrors: false,
    coverage: { provider: "v8", include: ["src/**"], exclude: ["src/gen/**", "src/main.ts"] },
  },
});
