/**
 * Tests that need a Redis server are skipped on a machine without one, and the run then says so.
 */
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";

/** Pattern of the test files that need Redis. */
export const redisTests = "test/redis/**";
/** Pattern of the load tests that need Redis. */
export const redisLoadTests = "test/load/replicas*.test.ts";

/** Pattern of the fault tests that need Redis. */
export const redisFaultTests = "test/fault/redis-*.test.ts";

/** Whether redis-server and redis-cli are on the PATH. */
export const hasRedisServer = (): boolean =>
  ["redis-server", "redis-cli"].every(
    (program) => spawnSync(program, ["--version"], { stdio: "ignore" }).status === 0,
  );

/** Reports skipped tests before the first test. */
export default function setup(): void {
  if (hasRedisServer()) return;
  const files = readdirSync(join(import.meta.dirname, "..", "redis")).filter((name) =>
    name.endsWith(".test.ts"),
  );
  process.stderr.write(
    `\nLEFT OUT: no redis-server on the PATH: ${redisTests} (${files.length} files), ${redisFaultTests}, ${redisLoadTests}\n\n`,
  );
}
