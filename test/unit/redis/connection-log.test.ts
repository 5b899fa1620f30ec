import { expect, test } from "vitest";
import { createLogger } from "../../../src/observability/logging/logger.ts";
import { createConnectionLog } from "../../../src/redis/connection-log.ts";
import { RedisError } from "../../../src/redis/error.ts";
import { createDrivenClock } from "../../support/driven-clock.ts";

function start() {
  const lines: string[] = [];
  const faults: RedisError[] = [];
  const clock = createDrivenClock();
  const log = createConnectionLog({
    logger: createLogger({
      level: "info",
      destination: { write: (line) => void lines.push(line) },
    }),
    clock,
    onFault: (error) => void faults.push(error),
  });
  return { log, lines, faults, clock };
}

const away = new RedisError("UNREACHABLE", true, "ECONNREFUSED");

test("the connection log logs each error code once a minute and passes every failure to onFault", async () => {
  const { log, lines, faults, clock } = start();
  for (let count = 0; count < 50; count += 1) log.failed(away);
  log.failed(new RedisError("REFUSED", false, "WRONGPASS"));
  expect(lines).toHaveLength(2);
  expect(faults).toHaveLength(51);
  await clock.advance(60_000);
  log.failed(away);
  expect(lines).toHaveLength(3);
  expect(lines[2]).toContain("ECONNREFUSED");
});

test("the connection log logs each reason of a refusal by itself, and each note once a minute", async () => {
  const { log, lines, faults, clock } = start();
  for (const reason of ["WRONGPASS", "NOPERM", "NOPERM"]) {
    log.failed(new RedisError("REFUSED", true, reason));
  }
  for (const word of ["ANY", "WORD"]) log.failed(new RedisError("FAILED", true, word));
  expect(lines.map((line) => /\((\w+)\)/.exec(line)?.[1])).toEqual(["WRONGPASS", "NOPERM", "ANY"]);
  expect(faults).toHaveLength(5);
  for (let count = 0; count < 3; count += 1) log.noted("a note");
  expect(lines).toHaveLength(4);
  await clock.advance(60_000);
  log.noted("a note");
  expect(lines).toHaveLength(5);
});

test("a command that fails without a connection is not logged", () => {
  const { log, lines, faults } = start();
  log.failed(new RedisError("UNREACHABLE", false));
  expect(lines).toEqual([]);
  expect(faults).toHaveLength(1);
});

test("a new connection is logged once after each logged failure", () => {
  const { log, lines } = start();
  log.connected();
  log.connected();
  expect(lines).toHaveLength(1);
  log.failed(away);
  log.connected();
  log.failed(away);
  log.connected();
  expect(lines).toHaveLength(3);
});
