/** Callers over gRPC in a process of their own. */
import { createGrpcCallers, type GrpcCallerOptions, type GrpcCallers } from "./grpc-caller.ts";
import { serveWorker } from "./serve-worker.ts";
import { startLoad, type Load, type LoadStream, type StreamTally } from "./start-load.ts";

/** What every source of load can be asked, once it is connected. */
export type LoadQuestions = {
  readonly start: { given: readonly LoadStream[]; answer: void };
  readonly tally: { given: null; answer: readonly StreamTally[] };
  readonly reset: { given: null; answer: void };
  readonly stop: { given: null; answer: void };
};

export type GrpcLoadQuestions = LoadQuestions & {
  readonly connect: { given: GrpcCallerOptions; answer: void };
};

let callers: GrpcCallers | undefined;
let load: Load | undefined;
const running = (): Load => {
  if (load === undefined) throw new Error("not started yet");
  return load;
};

serveWorker<GrpcLoadQuestions>({
  async connect(options) {
    callers?.[Symbol.dispose]();
    callers = await createGrpcCallers(options);
  },
  start(streams) {
    if (callers === undefined) throw new Error("not connected yet");
    load = startLoad(streams, callers.makeCall);
  },
  tally: () => running().tally(),
  reset: () => running().reset(),
  stop: () => running().stop(),
});
