import type { Clock } from "../platform/clock.ts";
import { sleep } from "../platform/sleep.ts";
import type { Exchange, Grant } from "./token-exchange.ts";
import { ExchangeError } from "./token-exchange-error.ts";

/** One concerted try to get a token, on behalf of everybody who waits for one. */
export interface Flight {
  /** Rejects with an `ExchangeError`, after 5,000 ms at the latest. */
  readonly landing: Promise<Landing>;
  /** Ends the flight at once. */
  abort(): void;
}

/** A grant, and when the request that brought it was about to be sent. */
export interface Landing {
  readonly grant: Grant;
  readonly sentAt: number;
  readonly wallSentAt: number;
}

export interface FlightOptions {
  readonly exchange: Exchange;
  readonly clock: Clock;
  readonly random: () => number;
}

const timeoutMs = 5_000;
const maxAttempts = 3;
const firstBackoffMs = 200;

/** Starts asking IAM: up to three attempts with full jitter between them. No caller can cancel it. */
export function startFlight(options: FlightOptions): Flight {
  const { clock } = options;
  const controller = new AbortController();
  const { signal } = controller;
  const timer = clock.after(timeoutMs, () => {
    controller.abort(new ExchangeError("TIMEOUT", "IAM took too long"));
  });
  const landing = new Promise<Landing>((resolve, reject) => {
    // Does not wait for the exchange to notice: a connection that hangs in its handshake cannot be aborted at once.
    signal.addEventListener("abort", () => reject(reasonOf(signal)), { once: true });
    attempt(options, signal).then(resolve, reject);
  }).finally(() => timer.cancel());
  return {
    landing,
    abort: () => controller.abort(new ExchangeError("UNREACHABLE", "the gateway is closing")),
  };
}

const reasonOf = ({ reason }: AbortSignal): Error =>
  reason instanceof Error ? reason : new ExchangeError("TIMEOUT", "IAM took too long");

async function attempt(
  { exchange, clock, random }: FlightOptions,
  signal: AbortSignal,
): Promise<Landing> {
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
  error instanceof ExchangeError &&
  error.retryAfterMs === undefined &&
  (error.code === "UNREACHABLE" || error.code === "FAILED");
