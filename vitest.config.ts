/** The fast suite, `npm test`: everything but the long searches. */
import { configDefaults, defineConfig } from "vitest/config";
import { hasKubectl, kubectlTests } from "./test/support/deployment-tools.ts";
import { hasRedisServer, redisTests } from "./test/support/redis-tests.ts";
import { sharedTestOptions } from "./test/support/test-options.ts";
import { thoroughTests } from "./test/support/thorough-tests.ts";

export default defineConfig({
  test: {
    ...sharedTestOptions,
    include: ["test/**/*.test.ts"],
    // The global setup reports loudly that tests are left out.
    exclude: [
      ...configDefaults.exclude,
      ...thoroughTests,
      ...(hasRedisServer() ? [] : [redisTests]),
      ...(hasKubectl() ? [] : kubectlTests),
    ],
    maxWorkers: 2,
    provide: { schedules: 300 },
    coverage: { provider: "v8", include: ["src/**"], exclude: ["src/gen/**", "src/main.ts"] },
  },
});
