/** A flood from a process of its own. */
import { flood, type FloodOptions, type FloodOutcomes } from "./flood.ts";
import { serveWorker } from "./serve-worker.ts";

export type FloodQuestions = {
  readonly flood: { given: FloodOptions; answer: FloodOutcomes };
};

serveWorker<FloodQuestions>({ flood });
