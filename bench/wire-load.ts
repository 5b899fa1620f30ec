/** The load generator: calls a gRPC server and measures the calls. */
import { Client, credentials } from "@grpc/grpc-js";
import { closedLoop } from "./closed-loop.ts";
import { onAsk, runOptions, wrapServer, type RunResult, type WrapServer } from "./messages.ts";
import { connectWire } from "./wire-client.ts";
import { wrapOnWire } from "./wrap-on-wire.ts";

const same = (bytes: Buffer): Buffer => bytes;

/** Makes one call with grpc-js. Returns the error, or `undefined` if the answer is right. */
function check({ port, contract }: WrapServer): Promise<string | undefined> {
  const { path, request, response } = wrapOnWire(contract);
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  return new Promise((resolve) => {
    client.makeUnaryRequest(path, same, same, Buffer.from(request), (error, answer) => {
      client.close();
      if (error !== null) resolve(error.message);
      else resolve(answer?.equals(response) === true ? undefined : "the answer is wrong");
    });
  });
}

async function run(given: unknown): Promise<RunResult> {
  const options = runOptions.parse(given);
  const { port, contract, isRecorded } = options;
  const client = await connectWire({ port, isRecorded, ...wrapOnWire(contract) });
  try {
    return await closedLoop(client.call, options);
  } finally {
    client.close();
  }
}

onAsk("check", (given) => check(wrapServer.parse(given)));
onAsk("run", run);
process.send?.({ port: 0 });
