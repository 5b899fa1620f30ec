import { configDefaults, defineConfig } from "vitest/config";
import { hasRedisServer, redisTests } from "./test/support/redis-tests.ts";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // The set-up says loudly that they are left out.
    exclude: [...configDefaults.exclude, ...(hasRedisServer() ? [] : [redisTests])],
    globalSetup: ["test/support/transport-keys.ts", "test/support/redis-tests.ts"],
    testTimeout: 20_000,
    hookTimeout: 30_000,
    // A rejection nobody handles is a defect of the gateway, never noise.
    dangerouslyIgnoreUnhandledErrors: false,
    coverage: { provider: "v8", include: ["src/**"], exclude: ["src/gen/**", "src/main.ts"] },
  },
});
