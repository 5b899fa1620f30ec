/**
 * The long searches, `npm run test:thorough`: schedules, simulations, faults and load. Two of its
 * projects depend on the version of Node, `npm run test:runtime`.
 */
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
import {
  loadTests,
  oneVersionLoadTests,
  oneVersionTests,
  thoroughTests,
} from "./test/support/thorough-tests.ts";

/** Files of no project: those of vitest's default, and those for which a program is missing. */
const leftOut = [
  ...configDefaults.exclude,
  ...(hasRedisServer() ? [] : [redisFaultTests, redisLoadTests, redisTests]),
  ...(hasKubectl() ? [] : kubectlTests),
  ...(chromiumPath() === undefined ? [browserTests] : []),
];

const searches = {
  maxWorkers: 2,
  provide: { schedules: 10_000 },
  sequence: { groupOrder: 0 },
};

/**
 * These tests measure shares of time. They run one after the other, with the machine to themselves.
 */
const load = { maxWorkers: 1, sequence: { groupOrder: 1 } };

export default defineConfig({
  test: {
    ...sharedTestOptions,
    // The last ones report loudly which tests are left out.
    globalSetup: [...globalSetups, "test/support/chromium.ts", "test/interop/left-out.ts"],
    projects: [
      {
        extends: true,
        test: {
          ...searches,
          name: "searches",
          include: [...thoroughTests],
          exclude: [...leftOut, ...loadTests, ...oneVersionTests],
        },
      },
      {
        extends: true,
        test: {
          ...searches,
          name: "searches-one-version",
          include: [...oneVersionTests],
          exclude: leftOut,
        },
      },
      {
        extends: true,
        test: {
          ...load,
          name: "load",
          include: [...loadTests],
          exclude: [...leftOut, oneVersionLoadTests],
        },
      },
      {
        extends: true,
        test: {
          ...load,
          name: "load-one-version",
          include: [oneVersionLoadTests],
          exclude: leftOut,
        },
      },
    ],
  },
});
