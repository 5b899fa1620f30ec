/** The questions that every load process answers after it is connected. */
import type { Answers } from "./serve-worker.ts";
import {
  startLoad,
  type Load,
  type LoadStream,
  type MakeCall,
  type StreamResult,
} from "./start-load.ts";

/** Questions to a load process. */
export type LoadQuestions = {
  readonly start: { given: readonly LoadStream[]; answer: void };
  readonly results: { given: null; answer: readonly StreamResult[] };
  readonly reset: { given: null; answer: void };
  readonly stop: { given: null; answer: void };
};

/** Creates the answers. `makeCall` is evaluated when a load starts. */
export function createLoadAnswers(makeCall: () => MakeCall | undefined): Answers<LoadQuestions> {
  let load: Load | undefined;
  const running = (): Load => {
    if (load === undefined) throw new Error("not started yet");
    return load;
  };
  return {
    start(streams) {
      const make = makeCall();
      if (make === undefined) throw new Error("not connected yet");
      load = startLoad(streams, make);
    },
    results: () => running().results(),
    reset: () => running().reset(),
    stop: () => running().stop(),
  };
}
