/** The long searches, `npm run test:thorough`: schedules, simulations, faults and load. */
import { configDefaults, defineConfig } from "vitest/config";
import { browserTests, chromiumPath } from "./test/support/chromium.ts";
import { hasKubectl, kubectlTests } from "./test/support/deployment-tools.ts";
import {
  hasRedisServer,
  redisFaultTests,
  redisLoadTests,
  redisTests,
} from "./test/support/redis-tests.ts";
import { globalSetups, sharedTestOptions } from "./test/support/test-options.ts";
import { loadTests, propertyTests, thoroughTests } from "./test/support/thorough-tests.ts";

export default defineConfig({
  test: {
    ...sharedTestOptions,
    // The last ones report loudly which tests are left out.
    globalSetup: [...globalSetups, "test/support/chromium.ts", "test/interop/left-out.ts"],
    projects: [
      {
        extends: true,
        test: {
          name: "searches",
          include: [propertyTests, ...thoroughTests],
          exclude: [
            ...configDefaults.exclude,
            ...loadTests,
            ...(hasRedisServer() ? [] : [redisFaultTests, redisTests]),
            ...(hasKubectl() ? [] : kubectlTests),
            ...(chromiumPath() === undefined ? [browserTests] : []),
          ],
          maxWorkers: 2,
          provide: { schedules: 10_000 },
          sequence: { groupOrder: 0 },
        },
      },
      {
        // These tests measure shares of time. They run one after the other, with the machine to themselves.
        extends: true,
        test: {
          name: "load",
          include: [...loadTests],
          exclude: [...configDefaults.exclude, ...(hasRedisServer() ? [] : [redisLoadTests])],
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
