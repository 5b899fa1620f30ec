import { createHmac, randomBytes } from "node:crypto";
import type { Clock } from "../platform/clock.ts";
import { absorb } from "./_absorb.ts";
import { RecordsError } from "./store-error.ts";
import type { Claim, RequestIdentity, RequestRecords, Settlement } from "./store.ts";

/** What the records of one process are kept with. */
export interface MemoryRecordsOptions {
  readonly clock: Pick<Clock, "now">;
  /** How long a record is kept once its request has ended, in milliseconds. */
  readonly keepMs: number;
  /** Records at most, about 300 bytes each. Default 100,000. */
  readonly maxRecords?: number | undefined;
}

interface MemoryRecord {
  readonly fingerprint: string;
  readonly claimant: string;
  readonly state: Claim;
  /** When the claim reads as `unknown`; for a settled one, when it is forgotten. */
  readonly until: number;
}

const running: Claim = { kind: "running" };
const unknown: Claim = { kind: "unknown" };

/**
 * Keeps records in this process: they are gone with it, and other replicas do not see them. New IDs are refused when there is no room: a
 * record that is dropped to make room would be a key that is created twice.
 */
export function createMemoryRecords(options: MemoryRecordsOptions): RequestRecords {
  const { clock, keepMs, maxRecords = 100_000 } = options;
  // With a key that nobody else has, digests of weak key material are worth nothing in a core dump of another process, or in a log.
  const secret = randomBytes(32);
  // In order of `until`, but for claims under way, whose lease is far shorter than `keepMs`.
  const records = new Map<string, MemoryRecord>();

  const isOver = ({ state, until }: MemoryRecord, now: number): boolean =>
    now >= (state.kind === "running" ? until + keepMs : until);

  /** Forgets what is over; how long until there is more to forget, in milliseconds. */
  function forget(now: number): number {
    for (const [name, record] of records) {
      if (!isOver(record, now)) return Math.max(record.until - now, 1);
      records.delete(name);
    }
    return 1;
  }

  function claim(identity: RequestIdentity, claimant: string, leaseMs: number): Claim {
    const { name, fingerprint } = identity;
    const now = clock.now();
    const record = records.get(name);
    if (record !== undefined && !isOver(record, now)) {
      if (record.fingerprint !== fingerprint) return { kind: "reused" };
      if (record.state.kind !== "running") return record.state;
      if (record.claimant === claimant) return { kind: "claimed" };
      return now < record.until ? running : unknown;
    }
    if (records.size >= maxRecords) {
      const retryAfterMs = forget(now);
      if (records.size >= maxRecords) {
        throw new RecordsError("FULL", "no room for another request ID", { retryAfterMs });
      }
    }
    records.delete(name);
    records.set(name, { fingerprint, claimant, state: running, until: now + leaseMs });
    return { kind: "claimed" };
  }

  function settle(identity: RequestIdentity, claimant: string, settlement: Settlement): void {
    const { name, fingerprint } = identity;
    const record = records.get(name);
    if (record !== undefined && record.claimant !== claimant) return;
    // At the end again, where the longest-lived stand.
    records.delete(name);
    if (settlement.kind === "nothing") return;
    const state: Claim = settlement.kind === "done" ? { ...settlement } : unknown;
    records.set(name, { fingerprint, claimant, state, until: clock.now() + keepMs });
  }

  return {
    async identify({ scope, fields, material }) {
      const name = createHmac("sha256", secret);
      absorb(name, scope);
      const fingerprint = createHmac("sha256", secret);
      absorb(fingerprint, [...fields, material ?? ""]);
      return { name: name.digest("base64url"), fingerprint: fingerprint.digest("base64url") };
    },
    claim: async (identity, claimant, leaseMs) => claim(identity, claimant, leaseMs),
    settle: async (identity, claimant, settlement) => settle(identity, claimant, settlement),
  };
}
