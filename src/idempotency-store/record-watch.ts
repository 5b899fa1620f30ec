/**
 * Watches the store in Redis: whether it has lost its memory, and whether it may. A lost record is
 * a change that can be made twice, so neither may go unnoticed.
 */
import { randomUUID } from "node:crypto";
import type { Logger } from "pino";
import type { Clock, Timer } from "../platform/clock.ts";
import type { RedisCommands } from "../redis/redis-commands.ts";
import { markScript } from "./redis-scripts.ts";

/** How Redis may lose records; a field is `undefined` if Redis does not tell. */
export interface RecordRisks {
  /** Whether a restart of Redis loses records: it has no append-only file. */
  readonly unpersisted: boolean | undefined;
  /** Whether Redis evicts records when its memory is full. */
  readonly evicted: boolean | undefined;
}

/** The parts of the records that were found lost. */
export const recordLosses = ["all", "latest", "one"] as const;
/** One of `recordLosses`. */
export type RecordLoss = (typeof recordLosses)[number];

/** Options of the watch. */
export interface RecordWatchOptions {
  readonly redis: Pick<RedisCommands, "eval" | "info" | "isReady">;
  readonly clock: Clock;
  readonly logger: Pick<Logger, "info" | "warn" | "error">;
  /** Called for each loss. */
  readonly onLoss: (loss: RecordLoss) => void;
}

/** A running watch. */
export interface RecordWatch {
  /** `undefined` as long as Redis was not asked. */
  readonly risks: RecordRisks | undefined;
  /** Notes that records were written, so that the marker has to change. */
  written(): void;
  /** Reports that the record of a request in execution is gone. */
  lostOne(): void;
  close(): void;
}

/** The marker is read this often, in milliseconds; the second value is for Redis' return. */
const markerMs = 1_000;
const awaitingMs = 250;
/** `INFO` is asked this often, in milliseconds, and after each return of Redis. */
const infoMs = 60_000;

/** Lines of the log. */
const lines = {
  isNew:
    "Redis has no marker of request IDs: they are stored there for the first time, or all records are lost",
  lostAll:
    "Redis has lost the records of request IDs: a change is made twice if it is repeated with an ID from before",
  lostLatest:
    "Redis has lost its latest records of request IDs: a change is made twice if it is repeated with an ID of theirs",
  lostOne: "Redis has lost the record of a request ID whose change was being made",
  unpersisted: "Redis has no append-only file: a restart loses records of request IDs",
  evicted: "Redis evicts keys when its memory is full, also records of request IDs",
  untold:
    "Redis does not tell whether it persists and whether it evicts the records of request IDs",
} as const;

/** The connection has logged why Redis gave no answer. */
const unanswered = (): undefined => undefined;

/** Reads the answer of `INFO`. */
export function risksOf(info: string): RecordRisks {
  const fields = new Map(
    info.split(/\r?\n/).map((line): [string, string] => {
      const [name = "", value = ""] = line.split(":", 2);
      return [name, value];
    }),
  );
  const [aof, memory, policy] = ["aof_enabled", "maxmemory", "maxmemory_policy"].map((name) =>
    fields.get(name),
  );
  return {
    unpersisted: aof === undefined ? undefined : aof !== "1",
    evicted: policy === undefined ? undefined : policy !== "noeviction" && memory !== "0",
  };
}

const isUnknown = ({ unpersisted, evicted }: RecordRisks): boolean =>
  unpersisted === undefined || evicted === undefined;

/** Starts to watch. Does not wait. */
export function watchRecords({ redis, clock, logger, onLoss }: RecordWatchOptions): RecordWatch {
  let risks: RecordRisks | undefined;
  let timer: Timer | undefined;
  let isClosed = false;
  /** The marker as this process left it last. */
  let marker: { readonly id: string; readonly count: number } | undefined;
  let hasWritten = false;
  let askAt = Number.NEGATIVE_INFINITY;

  /** Reads the marker, and writes one if there is none. */
  async function readMarker(): Promise<void> {
    const args = [randomUUID(), hasWritten ? 1 : 0];
    hasWritten = false;
    const reply = await redis.eval(markScript, ["requests"], args).catch(unanswered);
    const [id, isNew, found, left]: readonly unknown[] = Array.isArray(reply) ? reply : [];
    if (typeof id !== "string" || typeof found !== "number" || typeof left !== "number") {
      // The next marker has to change for the records of this one too.
      hasWritten ||= args[1] === 1;
      return;
    }
    if (marker === undefined && isNew === 1) logger.warn(lines.isNew);
    if (marker !== undefined && (marker.id !== id || found < marker.count)) {
      const loss = marker.id === id ? "latest" : "all";
      onLoss(loss);
      logger.error(loss === "all" ? lines.lostAll : lines.lostLatest);
    }
    marker = { id, count: left };
  }

  async function askRisks(): Promise<void> {
    const before = risks;
    risks = risksOf((await redis.info().catch(unanswered)) ?? "");
    if (risks.unpersisted === true && before?.unpersisted !== true) logger.error(lines.unpersisted);
    if (risks.evicted === true && before?.evicted !== true) logger.error(lines.evicted);
    if (isUnknown(risks) && (before === undefined || !isUnknown(before))) logger.warn(lines.untold);
  }

  async function look(): Promise<void> {
    if (!redis.isReady) {
      askAt = Number.NEGATIVE_INFINITY;
      return;
    }
    await readMarker();
    if (clock.now() < askAt) return;
    askAt = clock.now() + infoMs;
    await askRisks();
  }

  const report = (error: unknown): void =>
    logger.error({ err: error }, "the records of request IDs could not be watched");

  async function tick(): Promise<void> {
    await look().catch(report);
    if (isClosed) return;
    timer = clock.after(redis.isReady ? markerMs : awaitingMs, () => void tick());
  }
  void tick();

  return {
    get risks() {
      return risks;
    },
    written() {
      hasWritten = true;
    },
    lostOne() {
      onLoss("one");
      logger.error(lines.lostOne);
    },
    close() {
      isClosed = true;
      timer?.cancel();
    },
  };
}
