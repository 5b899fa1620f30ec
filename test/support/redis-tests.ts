/** Tests that need a Redis server run where there is one; where there is none, the run says what it left out. */
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";

/** Where they are. */
export const redisTests = "test/redis/**";
/** Those under load. */
export const redisLoadTests = "test/load/replicas*.test.ts";

/** Whether there is a redis-server, with its redis-cli, on the PATH. */
export const hasRedisServer = (): boolean =>
  ["redis-server", "redis-cli"].every(
    (program) => spawnSync(program, ["--version"], { stdio: "ignore" }).status === 0,
  );

/** Says so before the first test. */
export default function setup(): void {
  if (hasRedisServer()) return;
  const files = readdirSync(join(import.meta.dirname, "..", "redis")).filter((name) =>
    name.endsWith(".test.ts"),
  );
  process.stderr.write(
    `\nLEFT OUT: no redis-server on the PATH: ${redisTests} (${files.length} files), ${redisLoadTests}\n\n`,
  );
}
