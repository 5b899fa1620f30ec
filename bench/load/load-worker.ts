/** The program of a process with callers over gRPC. */
import { createGrpcCallers, type GrpcCallerOptions, type GrpcCallers } from "./grpc-caller.ts";
import { createLoadAnswers, type LoadQuestions } from "./load-answers.ts";
import { serveWorker } from "./serve-worker.ts";

/** Questions to this process. */
export type GrpcLoadQuestions = LoadQuestions & {
  readonly connect: { given: GrpcCallerOptions; answer: void };
};

let callers: GrpcCallers | undefined;

serveWorker<GrpcLoadQuestions>({
  ...createLoadAnswers(() => callers?.makeCall),
  async connect(options) {
    callers?.[Symbol.dispose]();
    callers = await createGrpcCallers(options);
  },
});
