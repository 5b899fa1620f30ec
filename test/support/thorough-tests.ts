/** Test files of the thorough suite. All other files belong to the fast suite. */
import { browserTests } from "./chromium.ts";

/** Tests of both suites: with 300 schedules in the fast one and 10,000 in the thorough one. */
export const propertyTests = "test/property/**/*.test.ts";

/** Tests that measure shares of time, so nothing else may run beside them. */
export const loadTests: readonly string[] = [
  "test/load/**/*.test.ts",
  "test/fault/{quota,fairness,mishaps}.test.ts",
];

/**
 * Tests whose result cannot depend on the version of Node that runs the gateway, or for which other
 * tests stand that run on every version. CI runs them on one version only, the one that the image
 * ships: docs/decisions/0040 says why for each.
 */
export const oneVersionTests: readonly string[] = [
  "test/interop/**/*.test.ts",
  "test/simulation/**/*.test.ts",
  propertyTests,
  browserTests,
  "test/bench/{bench,list}.test.ts",
  "test/process/migrate-killed.test.ts",
  "test/unit/contract/{buf-breaking,gate}.test.ts",
];

/** Load tests of the same kind: rates and shares of a quota, which take minutes to measure. */
export const oneVersionLoadTests =
  "test/load/{fairness,known-quota,outage,replicas,replicas-partitions,rewrap-stream}.test.ts";

/** Tests that the fast suite leaves out. */
export const thoroughTests: readonly string[] = [
  ...loadTests,
  "test/fault/**/*.test.ts",
  "test/interop/**/*.test.ts",
  // Half a minute each and more: leases, stalls and kills last as long as they do in production.
  "test/redis/{quota-share,killed-replica,request-ids}.test.ts",
  "test/simulation/**/*.test.ts",
  // A browser takes seconds to start.
  browserTests,
  // Ten seconds and more of processor time, for facts that other tests of the fast suite are near:
  // unit/upstream/coalesce, secret-scan-contract.test.ts, serving.test.ts, connect-redis.test.ts,
  // integration/traces.test.ts, and `npm run check`.
  "test/bench/{bench,list}.test.ts",
  "test/integration/{coalesce,secret-scan,kubernetes-kms-secrets,sops-secrets}.test.ts",
  // Times that pass, and connections that fail: unit/grpc/call, unit/iam, unit/upstream/coalesce
  // and process/online-check.test.ts are near.
  "test/integration/{credential-kinds,deadlines,incomplete-requests,online-check,read-after-change}.test.ts",
  "test/process/{bundle,console,example-program,gateway-killed,kms-doctor,log-output,migrate-killed,old-generation,traces}.test.ts",
  "test/redis/acl.test.ts",
  "test/unit/contract/{buf-breaking,gate}.test.ts",
];
