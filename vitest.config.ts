import { configDefaults, defineConfig } from "vitest/config";
import { hasRedisServer, redisLoadTests, redisTests } from "./test/support/redis-tests.ts";

const loadTests = ["test/load/**/*.test.ts", "test/fault/{quota,fairness,mishaps}.test.ts"];

export default defineConfig({
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: "facts",
          include: ["test/**/*.test.ts"],
          // The set-up says loudly that those of Redis are left out.
          exclude: [
            ...configDefaults.exclude,
            ...loadTests,
            ...(hasRedisServer() ? [] : [redisTests]),
          ],
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        // They say something about shares of time, so they have the machine to themselves, one after the other.
        extends: true,
        test: {
          name: "load",
          include: loadTests,
          exclude: [...configDefaults.exclude, ...(hasRedisServer() ? [] : [redisLoadTests])],
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
    ],
    globalSetup: ["test/support/transport-keys.ts", "test/support/redis-tests.ts"],
    testTimeout: 20_000,
    hookTimeout: 30_000,
    // A rejection nobody handles is a defect of the gateway, never noise.
    dangerouslyIgnoreUnhandledErrors: false,
    coverage: { provider: "v8", include: ["src/**"], exclude: ["src/gen/**", "src/main.ts"] },
  },
});
