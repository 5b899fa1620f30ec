/** What the bench and its processes tell each other. */
import { z } from "zod";
/** A question to a process; it answers with the same `id`. */
export const ask = z.object({ id: z.number(), ask: z.string(), given: z.unknown().optional() });
/** An answer to a question. */
export const answer = z.object({ id: z.number(), answer: z.unknown().optional() });
/** What a process that serves tells once, when it does. */
export const serving = z.object({ port: z.number() });
/** What `process.cpuUsage` gives, in µs. */
export const cpu = z.object({ user: z.number(), system: z.number() });
/** How to make calls. */
export const runOptions = z.object({
  /** Where the server listens on loopback. */
  port: z.number(),
  /** Calls that are always under way. */
  inFlight: z.number(),
  /** How long new calls are started, in milliseconds. */
  durationMs: z.number(),
});
/** How the calls went. */
export const runResult = z.object({
  /** Calls with the right answer. */
  calls: z.number(),
  /** Calls with another answer, an error or none. */
  failures: z.number(),
  /** From the first call's start to the last one's end, in milliseconds. */
  elapsedMs: z.number(),
  /** Times of the calls with the right answer, in milliseconds. */
  medianMs: z.number(),
  p99Ms: z.number(),
});
/** Answers questions named `name` from the process that started this one. */
export function onAsk(name, reply) {
  process.on("message", (message) => {
    const asked = ask.safeParse(message);
    if (!asked.success || asked.data.ask !== name) return;
    const { id, given } = asked.data;
    void Promise.resolve(reply(given)).then((value) => process.send?.({ id, answer: value }));
  });
}
