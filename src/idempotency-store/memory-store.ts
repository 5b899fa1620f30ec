import { createHmac, randomBytes } from "node:crypto";
import type { Clock } from "../platform/clock.ts";
import { updateLengthPrefixed } from "./fingerprint.ts";
import { StoreError } from "./store-error.ts";
import type { BeginResult, Completion, IdempotencyStore, RequestIdentity } from "./store.ts";

/** Options of the store of one process. */
export interface MemoryStoreOptions {
  readonly clock: Pick<Clock, "now">;
  /** How long a record is kept after its request has ended, in milliseconds. */
  readonly keepMs: number;
  /** Most records that are kept, about 300 bytes each. Default 100,000. */
  readonly maxRecords?: number;
}

interface StoredRequest {
  readonly fingerprint: string;
  readonly owner: string;
  readonly state: BeginResult;
  /** While running: when the state reads as `unknown`. Otherwise equal to `deleteAt`. */
  readonly until: number;
  readonly deleteAt: number;
}

const running: BeginResult = { kind: "running" };
const unknown: BeginResult = { kind: "unknown" };

/**
 * Creates a store in this process. Its records end with the process, and other replicas do not see
 * them. If it is full it rejects new IDs and evicts nothing: an evicted record would allow a second
 * key to be created.
 */
export function createMemoryStore(options: MemoryStoreOptions): IdempotencyStore {
  const { clock, keepMs, maxRecords = 100_000 } = options;
  // The key never leaves this process. Without it, digests of weak key material in a log or in a
  // core dump of another process cannot be tested against guesses.
  const secret = randomBytes(32);
  // Ordered by `until`, except for running requests, whose lease is far shorter than `keepMs`.
  const stored = new Map<string, StoredRequest>();

  const isOver = ({ deleteAt }: StoredRequest, now: number): boolean => now >= deleteAt;

  /** Deletes records that are over. Returns when the next one will be, in milliseconds from now. */
  function deleteOver(now: number): number {
    for (const [name, request] of stored) {
      if (!isOver(request, now)) return Math.max(request.until - now, 1);
      stored.delete(name);
    }
    return 1;
  }

  function begin(identity: RequestIdentity, owner: string, reserveMs: number): BeginResult {
    const { name, fingerprint } = identity;
    const now = clock.now();
    const request = stored.get(name);
    if (request !== undefined && !isOver(request, now)) {
      if (request.fingerprint !== fingerprint) return { kind: "reused" };
      if (request.state.kind !== "running") return request.state;
      if (request.owner === owner) return { kind: "begun" };
      return now < request.until ? running : unknown;
    }
    if (stored.size >= maxRecords) {
      const retryAfterMs = deleteOver(now);
      if (stored.size >= maxRecords) {
        throw new StoreError("FULL", "no room for another request ID", { retryAfterMs });
      }
    }
    const until = now + reserveMs;
    stored.delete(name);
    stored.set(name, { fingerprint, owner, state: running, until, deleteAt: until });
    return { kind: "begun" };
  }

  function confirm({ name }: RequestIdentity, owner: string, leaseMs: number): boolean {
    const request = stored.get(name);
    const now = clock.now();
    if (request === undefined || isOver(request, now)) return false;
    if (request.owner !== owner || request.state.kind !== "running") return false;
    const until = now + leaseMs;
    stored.set(name, { ...request, until, deleteAt: until + keepMs });
    return true;
  }

  function complete(identity: RequestIdentity, owner: string, completion: Completion): void {
    const { name, fingerprint } = identity;
    const request = stored.get(name);
    const isOthers = request !== undefined && request.owner !== owner;
    if (isOthers && !isOver(request, clock.now())) return;
    // Deleted first, so that the record moves to the end, where those with the latest `until` are.
    stored.delete(name);
    if (completion.kind === "nothing") return;
    const state: BeginResult = completion.kind === "done" ? { ...completion } : unknown;
    const until = clock.now() + keepMs;
    stored.set(name, { fingerprint, owner, state, until, deleteAt: until });
  }

  return {
    async identify({ scope, fields, material }) {
      const name = createHmac("sha256", secret);
      updateLengthPrefixed(name, scope);
      const fingerprint = createHmac("sha256", secret);
      updateLengthPrefixed(fingerprint, [...fields, material ?? ""]);
      return { name: name.digest("base64url"), fingerprint: fingerprint.digest("base64url") };
    },
    begin: async (identity, owner, reserveMs) => begin(identity, owner, reserveMs),
    confirm: async (identity, owner, leaseMs) => confirm(identity, owner, leaseMs),
    complete: async (identity, owner, completion) => complete(identity, owner, completion),
  };
}
