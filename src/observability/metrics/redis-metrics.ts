/** Metrics of Redis, and of what is shared or kept there. */
import {
  type RecordLoss,
  type RecordRisks,
  recordLosses,
} from "../../idempotency-store/record-watch.ts";
import type { ShareKind } from "../../quota-share/fallback-share.ts";
import type { QuotaShareState } from "../../quota-share/quota-share.ts";
import { type RedisErrorCode, redisErrorCodes } from "../../redis/error.ts";
import { metricDefinitions as definitions } from "./definitions.ts";
import { createCellFamily } from "./families.ts";
import type { CellFamily, Exposition, MetricDefinition } from "./families.ts";

/** The exposed part of a share's state. */
export type SharePart = Pick<QuotaShareState, "kind" | "unheard" | "isDisputed">;

/** Counts and reads what concerns Redis. Its functions need no `this`. */
export interface RedisMetrics {
  /** Sets how it is read whether Redis works. Until then Redis counts as not used. */
  readonly watchRedis: (isUp: () => boolean) => void;
  /** Counts a failed command or connection. */
  readonly redisFailed: (code: RedisErrorCode) => void;
  /** Adds an instance by its alias; `undefined` if its quota is not shared in Redis. */
  readonly watchShare: (instance: string, read: () => SharePart | undefined) => void;
  /** Counts lost records of request IDs. */
  readonly requestIdsLost: (loss: RecordLoss) => void;
  /** Sets how it is read whether records of request IDs can be lost. */
  readonly watchRequestIdRisks: (read: () => RecordRisks | undefined) => void;
}

/** Has every kind. */
const isShareKind: Readonly<Record<ShareKind, true>> = {
  lease: true,
  kept: true,
  slice: true,
  static: true,
};

/** Creates a gauge that is filled at each scrape. */
const createFilledGauge = (
  definition: MetricDefinition,
  fill: (gauge: CellFamily) => void,
): Exposition => ({
  text() {
    const gauge = createCellFamily(definition);
    fill(gauge);
    return gauge.text();
  },
});

/** Creates the metrics of a gateway that does not use Redis yet. */
export function createRedisMetrics(): RedisMetrics & { readonly families: readonly Exposition[] } {
  const failures = createCellFamily(definitions.redisFailures);
  const losses = createCellFamily(definitions.requestIdLosses);
  for (const code of redisErrorCodes) failures.cell(code);
  for (const loss of recordLosses) losses.cell(loss);
  const shares = new Map<string, () => SharePart | undefined>();
  let readUp: (() => boolean) | undefined;
  let readRisks: (() => RecordRisks | undefined) | undefined;

  /** Creates a gauge that is filled for each instance whose quota is shared. */
  const createShareGauge = (
    definition: MetricDefinition,
    fill: (gauge: CellFamily, instance: string, part: SharePart) => void,
  ): Exposition =>
    createFilledGauge(definition, (gauge) => {
      for (const [instance, read] of shares) {
        const part = read();
        if (part !== undefined) fill(gauge, instance, part);
      }
    });
  const up = createFilledGauge(definitions.redisUp, (gauge) => {
    if (readUp !== undefined) gauge.cell().value = readUp() ? 1 : 0;
  });
  const share = createShareGauge(definitions.quotaShare, (gauge, instance, { kind: present }) => {
    for (const kind of Object.keys(isShareKind))
      gauge.cell(instance, kind).value = kind === present ? 1 : 0;
  });
  const missing = createShareGauge(
    definitions.quotaShareUnheard,
    (gauge, instance, { unheard }) => {
      gauge.cell(instance).value = unheard;
    },
  );
  const dispute = createShareGauge(definitions.quotaShareDisputed, (gauge, instance, part) => {
    gauge.cell(instance).value = part.isDisputed ? 1 : 0;
  });
  const risk = createFilledGauge(definitions.requestIdRisk, (gauge) => {
    for (const [name, isAtRisk] of Object.entries(readRisks?.() ?? {})) {
      if (isAtRisk !== undefined) gauge.cell(name).value = isAtRisk ? 1 : 0;
    }
  });

  return {
    families: [up, failures, share, missing, dispute, losses, risk],
    watchRedis(isUp) {
      readUp = isUp;
    },
    redisFailed(code) {
      failures.cell(code).value += 1;
    },
    watchShare: (instance, read) => void shares.set(instance, read),
    requestIdsLost(loss) {
      losses.cell(loss).value += 1;
    },
    watchRequestIdRisks(risks) {
      readRisks = risks;
    },
  };
}
