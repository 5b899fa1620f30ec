/** The messages between the bench and its child processes. */
import { z } from "zod";

/** A question to a process. Its answer has the same `id`. */
export const ask = z.object({ id: z.number(), ask: z.string(), given: z.unknown().optional() });

/** An answer to a question. */
export const answer = z.object({ id: z.number(), answer: z.unknown().optional() });

/** The message that a process sends once, when it serves. */
export const serving = z.object({ port: z.number() });

/** The result of `process.cpuUsage`, in µs. */
export const cpu = z.object({ user: z.number(), system: z.number() });

/** A server of wraps. */
export const wrapServer = z.object({
  /** Its port on loopback. */
  port: z.number(),
  /** The contract that it serves. */
  contract: z.enum(["keyprotect.v1", "transcoded"]),
});

/** The options of a measurement. */
export const runOptions = wrapServer.extend({
  /** Number of calls in flight. */
  inFlight: z.number(),
  /** Time in which new calls are started, in milliseconds. */
  durationMs: z.number(),
  /** Whether the caller records its span, so that a server with traces records each call. */
  isRecorded: z.boolean(),
});

/** The result of a measurement. */
export const runResult = z.object({
  /** Calls with the right answer. */
  calls: z.number(),
  /** Calls with a wrong answer, an error or no answer. */
  failures: z.number(),
  /** Time from the start of the first call to the end of the last, in milliseconds. */
  elapsedMs: z.number(),
  /** Median and 99th percentile of the times of calls with the right answer, in milliseconds. */
  medianMs: z.number(),
  p99Ms: z.number(),
});

/** A server of wraps. */
export type WrapServer = z.output<typeof wrapServer>;
/** Options of a measurement. */
export type RunOptions = z.output<typeof runOptions>;
/** Result of a measurement. */
export type RunResult = z.output<typeof runResult>;

/** Answers the questions `name` of the parent process. */
export function onAsk(name: string, reply: (given: unknown) => unknown): void {
  process.on("message", (message) => {
    const asked = ask.safeParse(message);
    if (!asked.success || asked.data.ask !== name) return;
    const { id, given } = asked.data;
    void Promise.resolve(reply(given)).then((value) => process.send?.({ id, answer: value }));
  });
}
