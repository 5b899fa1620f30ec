import type { Clock } from "../platform/clock.ts";
import { sleep } from "../platform/sleep.ts";
import type { TokenExchange, Grant } from "./token-exchange.ts";
import { TokenExchangeError } from "./token-exchange-error.ts";

/** One concerted try to get a token, on behalf of everybody who waits for one. */
export interface Refresh {
  /** Rejects with an `TokenExchangeError`, after 5,000 ms at the latest. */
  readonly result: Promise<RefreshResult>;
  /** Ends the refresh at once. */
  abort(): void;
}

/** A grant, and when the request that brought it was about to be sent. */
export interface RefreshResult {
  readonly grant: Grant;
  readonly sentAt: number;
  readonly wallSentAt: number;
}

export interface RefreshOptions {
  readonly exchange: TokenExchange;
  readonly clock: Clock;
  readonly random: () => number;
}

const timeoutMs = 5_000;
const maxAttempts = 3;
const firstBackoffMs = 200;

/** Starts asking IAM: up to three attempts with full jitter between them. No caller can cancel it. */
export function startRefresh(options: RefreshOptions): Refresh {
  const { clock } = options;
  const controller = new AbortController();
  const { signal } = controller;
  const timer = clock.after(timeoutMs, () => {
    controller.abort(new TokenExchangeError("TIMEOUT", "IAM took too long"));
  });
  const result = new Promise<RefreshResult>((resolve, reject) => {
    // Does not wait for the exchange to notice: a connection that hangs in its handshake cannot be aborted at once.
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
    // Before the request is sent: time on the way counts against the token, whichever way it was spent.
    const sentAt = clock.now();
    const wallSentAt = clock.wallNow();
    try {
      return { grant: await exchange(signal), sentAt, wallSentAt };
    } catch (error) {
      if (signal.aborted || attempts === maxAttempts || !isWorthRepeating(error)) throw error;
    }
    const backoffMs = random() * firstBackoffMs * 2 ** (attempts - 1);
    await sleep(backoffMs, signal, clock);
    if (signal.aborted) throw reasonOf(signal);
  }
}

/** IAM that asks for time, or answers nonsense, is not asked again within the same second. */
const isWorthRepeating = (error: unknown): boolean =>
  error instanceof TokenExchangeError &&
  error.retryAfterMs === undefined &&
  (error.code === "UNREACHABLE" || error.code === "FAILED");
