/** A flood from a process of its own. */
import { flood, type FloodOptions, type FloodTally } from "./flood.ts";
import { serveWorker } from "./serve-worker.ts";

export type FloodQuestions = {
  readonly flood: { given: FloodOptions; answer: FloodTally };
};

serveWorker<FloodQuestions>({ flood });
