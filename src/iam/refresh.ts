/** One refresh of a token, with its attempts and its time limit. */
import type { Clock } from "../platform/clock.ts";
import { sleep } from "../platform/sleep.ts";
import type { TokenExchange, Grant } from "./exchange.ts";
import { TokenExchangeError } from "./exchange-error.ts";

/** One attempt to get a new token, shared by all calls that wait for it. */
export interface Refresh {
  /** Rejects with a `TokenExchangeError`, after 5,000 ms at the latest. */
  readonly result: Promise<RefreshResult>;
  /** Ends the refresh immediately; `result` rejects. */
  abort(): void;
}

/** A grant, and the times just before its request was sent. */
export interface RefreshResult {
  readonly grant: Grant;
  /** Monotonic clock, in milliseconds. */
  readonly sentAt: number;
  /** Wall clock, in milliseconds since the epoch. */
  readonly wallSentAt: number;
}

/** Dependencies of a refresh. */
export interface RefreshOptions {
  readonly exchange: TokenExchange;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

const timeoutMs = 5_000;
const maxAttempts = 3;
const firstBackoffMs = 200;

/**
 * Starts a refresh: up to three attempts within 5 s, with full jitter of up to 200 and 400 ms
 * between them. No caller can cancel it.
 */
export function startRefresh(options: RefreshOptions): Refresh {
  const { clock } = options;
  const controller = new AbortController();
  const { signal } = controller;
  const timer = clock.after(timeoutMs, () => {
    controller.abort(new TokenExchangeError("TIMEOUT", "IAM took too long"));
  });
  const result = new Promise<RefreshResult>((resolve, reject) => {
    // Does not wait for the exchange to react: a connection that hangs in its handshake cannot be
    // aborted immediately.
    signal.addEventListener("abort", () => reject(reasonOf(signal)), { once: true });
    attempt(options, signal).then(resolve, reject);
  }).finally(() => timer.cancel());
  return {
    result,
    abort: () => controller.abort(new TokenExchangeError("UNREACHABLE", "the gateway is closing")),
  };
}

const reasonOf = ({ reason }: AbortSignal): Error =>
  reason instanceof Error ? reason : new TokenExchangeError("TIMEOUT", "IAM took too long");

async function attempt(
  { exchange, clock, random }: RefreshOptions,
  signal: AbortSignal,
): Promise<RefreshResult> {
  for (let attempts = 1; ; attempts++) {
    // Taken before the request is sent: the transfer time counts as part of the token's life.
    const sentAt = clock.now();
    const wallSentAt = clock.wallNow();
    try {
      return { grant: await exchange(signal), sentAt, wallSentAt };
    } catch (error) {
      if (signal.aborted || attempts === maxAttempts || !isRetryable(error)) throw error;
    }
    const backoffMs = random() * firstBackoffMs * 2 ** (attempts - 1);
    await sleep(backoffMs, signal, clock);
    if (signal.aborted) throw reasonOf(signal);
  }
}

/** Not retried within the same refresh: a `Retry-After`, and a response that makes no sense. */
const isRetryable = (error: unknown): boolean =>
  error instanceof TokenExchangeError &&
  error.retryAfterMs === undefined &&
  (error.code === "UNREACHABLE" || error.code === "FAILED");
