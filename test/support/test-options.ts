/** Options that the fast and the thorough suite share. */
import type { ViteUserConfig } from "vitest/config";

declare module "vitest" {
  interface ProvidedContext {
    /** Number of schedules that a property test tries. */
    schedules: number;
  }
}

type TestOptions = NonNullable<ViteUserConfig["test"]>;

/** If `TEST_REPORT` names a file, the run writes a JSON report to it. `.ci/run` reads it. */
const reportFile = process.env["TEST_REPORT"];
const jsonReport: NonNullable<TestOptions["reporters"]> =
  reportFile === undefined ? [] : [["json", { outputFile: reportFile }]];

/** Programs that run before the first test of either suite. */
export const globalSetups: readonly string[] = [
  "test/support/transport-keys.ts",
  "test/support/redis-tests.ts",
  "test/support/deployment-tools.ts",
];

export const sharedTestOptions: TestOptions = {
  globalSetup: [...globalSetups],
  testTimeout: 20_000,
  hookTimeout: 30_000,
  // An unhandled rejection is a defect of the gateway.
  dangerouslyIgnoreUnhandledErrors: false,
  reporters: ["default", "./test/support/retry-reporter.ts", ...jsonReport],
};
