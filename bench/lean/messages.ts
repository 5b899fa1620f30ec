/** The messages of the benches in this folder, in addition to those of `npm run bench`. */
import { z } from "zod";

/** The options of wraps at a fixed rate. */
export const steadyOptions = z.object({
  port: z.number(),
  perSecond: z.number(),
  durationMs: z.number(),
});

/** The result of wraps at a fixed rate. */
export const steadyResult = z.object({
  /** Times of wraps with the right answer, in milliseconds. */
  times: z.array(z.number()),
  failures: z.number(),
});

/** Result of wraps at a fixed rate. */
export type SteadyResult = z.output<typeof steadyResult>;

/** Lengths of the steps of the event loop, in milliseconds. */
export const steps = z.array(z.number());

/** Memory of a process, in bytes. */
export const memory = z.object({
  heapUsed: z.number(),
  /** The part of `heapUsed` that is compiled code with its data. */
  code: z.number(),
  external: z.number(),
  rss: z.number(),
});
