import { expect, test } from "vitest";
import { risksOf, watchRecords } from "../../../src/idempotency-store/record-watch.ts";
import { createDrivenClock } from "../../support/driven-clock.ts";

const durable =
  "# Persistence\r\naof_enabled:1\r\n# Memory\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction\r\n";

/** A Redis that keeps a marker, and lines of the log. */
function setUp(info: () => Promise<string> = () => Promise.resolve(durable)) {
  const clock = createDrivenClock();
  const losses: string[] = [];
  const lines: string[] = [];
  const server = { isReady: true, isAway: false, id: "", count: 0, info };
  const redis = {
    get isReady() {
      return server.isReady;
    },
    eval: (_script: unknown, _keys: unknown, [id = "", hasWritten]: readonly unknown[]) => {
      if (server.isAway) return Promise.reject(new Error("away"));
      const isNew = server.id === "";
      const found = server.count;
      if (isNew) server.id = String(id);
      if (isNew || hasWritten === 1) server.count += 1;
      return Promise.resolve([server.id, isNew ? 1 : 0, found, server.count]);
    },
    info: () => server.info(),
  };
  const log = (level: string) => (line: unknown) => void lines.push(`${level}: ${String(line)}`);
  const logger = { info: log("info"), warn: log("warn"), error: log("error") };
  const watch = watchRecords({ redis, clock, logger, onLoss: (loss) => void losses.push(loss) });
  return { clock, losses, lines, server, watch };
}

test("the watch writes a marker where there is none, and says so", async () => {
  const { clock, losses, lines, server } = setUp();
  await clock.advance(0);
  expect(server.id).not.toBe("");
  expect(lines).toEqual([expect.stringMatching(/^warn: Redis has no marker/)]);
  await clock.advance(10_000);
  expect(lines).toHaveLength(1);
  expect(server.count).toBe(1);
  expect(losses).toEqual([]);
});

test("a marker that is gone, or that another gateway wrote anew, is a loss of all records", async () => {
  const { clock, losses, lines, server } = setUp();
  await clock.advance(0);
  Object.assign(server, { id: "", count: 0 });
  await clock.advance(1_000);
  Object.assign(server, { id: "of another gateway", count: 1 });
  await clock.advance(1_000);
  expect(losses).toEqual(["all", "all"]);
  expect(lines.slice(1)).toEqual([
    expect.stringMatching(/^error: Redis has lost the records of request IDs/),
    expect.stringMatching(/^error: Redis has lost the records of request IDs/),
  ]);
});

test("a marker that went back is a loss of the latest records, and one that went on is none", async () => {
  const { clock, losses, server, watch } = setUp();
  await clock.advance(0);
  watch.written();
  await clock.advance(1_000);
  expect(server.count).toBe(2);
  server.count = 50;
  watch.written();
  await clock.advance(1_000);
  expect([server.count, losses]).toEqual([51, []]);
  server.count = 49;
  await clock.advance(1_000);
  expect(losses).toEqual(["latest"]);
  await clock.advance(5_000);
  expect(losses).toEqual(["latest"]);
});

test("a marker that could not be written is written when Redis answers again", async () => {
  const { clock, losses, server, watch } = setUp();
  await clock.advance(0);
  server.isAway = true;
  watch.written();
  await clock.advance(3_000);
  server.isAway = false;
  await clock.advance(1_000);
  expect([server.count, losses]).toEqual([2, []]);
});

test("the watch looks at Redis as soon as it is ready again", async () => {
  const { clock, losses, server } = setUp();
  await clock.advance(0);
  server.isReady = false;
  await clock.advance(60_000);
  Object.assign(server, { isReady: true, id: "" });
  await clock.advance(250);
  expect(losses).toEqual(["all"]);
});

test("a record that is gone while its change is made is a loss", () => {
  const { losses, lines, watch } = setUp();
  watch.lostOne();
  expect(losses).toEqual(["one"]);
  expect(lines).toEqual([expect.stringMatching(/^error: Redis has lost the record of a request/)]);
});

test.each([
  [durable, false, false],
  ["aof_enabled:0\r\nmaxmemory:0\r\nmaxmemory_policy:allkeys-lru", true, false],
  ["aof_enabled:1\nmaxmemory:100\nmaxmemory_policy:volatile-ttl", false, true],
  ["aof_enabled:1\nmaxmemory:100\nmaxmemory_policy:noeviction", false, false],
  ["aof_enabled:1\nmaxmemory_policy:allkeys-lru", false, true],
  ["# Server", undefined, undefined],
])("the risks of %j are read", (info, unpersisted, evicted) => {
  expect(risksOf(info)).toEqual({ unpersisted, evicted });
});

test("a risk is logged once until it ends, and INFO is asked each minute", async () => {
  let answer = "aof_enabled:0\nmaxmemory:0\nmaxmemory_policy:noeviction";
  const { clock, lines, watch } = setUp(() => Promise.resolve(answer));
  const logged = (): number => lines.filter((line) => line.includes("append-only")).length;
  await clock.advance(0);
  expect(watch.risks).toEqual({ unpersisted: true, evicted: false });
  await clock.advance(120_000);
  expect(logged()).toBe(1);
  answer = durable;
  await clock.advance(60_000);
  expect(watch.risks).toEqual({ unpersisted: false, evicted: false });
  answer = "aof_enabled:0";
  await clock.advance(60_000);
  expect(logged()).toBe(2);
});

test("a Redis that does not answer INFO is no risk that is known, and the log says so once", async () => {
  const { clock, lines, watch } = setUp(() => Promise.reject(new Error("NOPERM")));
  await clock.advance(200_000);
  expect(watch.risks).toEqual({ unpersisted: undefined, evicted: undefined });
  expect(lines.filter((line) => line.includes("does not tell"))).toHaveLength(1);
  watch.close();
  await clock.advance(10_000);
  expect(clock.pending).toBe(0);
});
