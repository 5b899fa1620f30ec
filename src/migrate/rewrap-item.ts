/** Migrates one item: unwrap at the source, wrap at the target, unwrap there and compare. */
import { randomBytes, timingSafeEqual } from "node:crypto";
import type { Clock } from "../platform/clock.ts";
import { sleep } from "../platform/sleep.ts";
import type { CallFailure } from "./gateway/call-failure.ts";
import type { CallResult, MigrationGateway } from "./gateway/gateway-client.ts";
import type { ItemFailure, MigrationItem } from "./lines/item.ts";

/** The end of an item. */
export type MigrationOutcome =
  | { readonly kind: "migrated"; readonly ciphertext: Buffer; readonly keyVersion: string }
  /** Only of a dry run: the item could be migrated. */
  | { readonly kind: "readable" }
  | { readonly kind: "failed"; readonly failure: ItemFailure }
  /** The migration cannot go on. */
  | { readonly kind: "refused" | "exhausted"; readonly failure: ItemFailure }
  | { readonly kind: "interrupted" };

/** Shared by the items of a migration. */
export interface RewrapDeps {
  readonly gateway: MigrationGateway;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Ends waits and calls. */
  readonly signal: AbortSignal;
  /** Whether the new ciphertext is unwrapped and compared. */
  readonly isVerified: boolean;
  readonly isDryRun: boolean;
  /** Time after which a step that keeps failing ends the migration. */
  readonly giveUpMs: number;
  /** Called before a step is repeated. */
  readonly onRepeat: (step: string, failure: CallFailure) => void;
}

/** Waits between the tries of a step: random, at most this long, doubled each time. */
const firstBackoffMs = 100;
const longestBackoffMs = 5_000;

/** An item that ends early. */
class ItemEnd extends Error {
  readonly outcome: MigrationOutcome;

  constructor(outcome: MigrationOutcome) {
    super(outcome.kind);
    this.outcome = outcome;
  }
}

/**
 * Creates the function that migrates items. A wait that the gateway asks for holds back the other
 * items too: they would get the same answer. The function never rejects for a failed call.
 */
export function createRewrap(deps: RewrapDeps): (item: MigrationItem) => Promise<MigrationOutcome> {
  const { gateway, clock, random, signal } = deps;
  let pausedUntil = 0;

  /**
   * Waits until the longest pause that the gateway asked of any item is over. Each item then goes
   * on at a random time, so that they do not all come at once.
   */
  const whilePaused = async (): Promise<void> => {
    for (;;) {
      if (signal.aborted) throw new ItemEnd({ kind: "interrupted" });
      const left = pausedUntil - clock.now();
      if (left <= 0) return;
      await sleep(left * (1 + random() / 4), signal, clock);
    }
  };

  const repeated = async <T>(step: string, call: () => Promise<CallResult<T>>): Promise<T> => {
    let failingSince: number | undefined;
    for (let tries = 0; ; tries += 1) {
      await whilePaused();
      const result = await call();
      if ("value" in result) return result.value;
      if (signal.aborted) throw new ItemEnd({ kind: "interrupted" });
      const { failure, correlationId } = result;
      const { status, reason, message, kind } = failure;
      const ended = { step, status, reason, message, correlationId };
      if (kind === "item") throw new ItemEnd({ kind: "failed", failure: ended });
      if (kind === "refused") throw new ItemEnd({ kind, failure: ended });
      const now = clock.now();
      failingSince ??= now;
      if (now - failingSince >= deps.giveUpMs) {
        throw new ItemEnd({ kind: "exhausted", failure: ended });
      }
      deps.onRepeat(step, failure);
      if (failure.retryAfterMs !== undefined) {
        pausedUntil = Math.max(pausedUntil, now + failure.retryAfterMs);
      }
      const limit = Math.min(longestBackoffMs, firstBackoffMs * 2 ** Math.min(tries, 10));
      await sleep(limit * (0.5 + random() / 2), signal, clock);
    }
  };

  const verify = async (item: MigrationItem, ciphertext: Buffer, plaintext: Buffer) => {
    const { target, additionalData } = item;
    const again = await repeated("verify", () =>
      gateway.unwrap(target, ciphertext, additionalData, signal),
    );
    const isEqual = again.length === plaintext.length && timingSafeEqual(again, plaintext);
    again.fill(0);
    if (isEqual) return;
    const message = "the new ciphertext does not contain the data key of the old one";
    const failure = { step: "verify", status: "", reason: "DIFFERENT", message, correlationId: "" };
    throw new ItemEnd({ kind: "failed", failure });
  };

  // Shared by all items of a target, and so is its failure.
  const probes = new Map<string, Promise<void>>();

  /** Wraps a random key at a target and unwraps it again. */
  const probe = async (item: MigrationItem): Promise<void> => {
    const { target, additionalData } = item;
    const secret = randomBytes(32);
    try {
      const { ciphertext } = await repeated("wrap", () =>
        gateway.wrap(target, secret, additionalData, signal),
      );
      await verify(item, ciphertext, secret);
    } finally {
      secret.fill(0);
    }
  };

  const probeOnce = (item: MigrationItem): Promise<void> => {
    const name = JSON.stringify([item.target.instance, item.target.key]);
    const probing = probes.get(name) ?? probe(item);
    probes.set(name, probing);
    return probing;
  };

  return async (item) => {
    const { source, target, additionalData } = item;
    let plaintext: Buffer | undefined;
    try {
      plaintext = await repeated("unwrap", () =>
        gateway.unwrap(source, item.ciphertext, additionalData, signal),
      );
      if (deps.isDryRun) {
        await probeOnce(item);
        return { kind: "readable" };
      }
      const secret = plaintext;
      const wrapped = await repeated("wrap", () =>
        gateway.wrap(target, secret, additionalData, signal),
      );
      if (deps.isVerified) await verify(item, wrapped.ciphertext, secret);
      return { kind: "migrated", ...wrapped };
    } catch (error) {
      if (error instanceof ItemEnd) return error.outcome;
      throw error;
    } finally {
      plaintext?.fill(0);
    }
  };
}
