/** The program of a process that floods a server. */
import { flood, type FloodOptions, type FloodOutcomes } from "./flood.ts";
import { serveWorker } from "./serve-worker.ts";

/** Questions to this process. */
export type FloodQuestions = {
  readonly flood: { given: FloodOptions; answer: FloodOutcomes };
};

serveWorker<FloodQuestions>({ flood });
