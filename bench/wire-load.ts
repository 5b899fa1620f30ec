/** The load generator: calls a gRPC server and measures the calls. */
import { isDeepStrictEqual } from "node:util";
import { credentials } from "@grpc/grpc-js";
import {
  KeyActionsServiceClient,
  KeyActionsServiceService,
  WrapKeyRequest,
  WrapKeyResponse,
} from "../src/gen/keyprotect/v1/key_actions_service.ts";
import { wrapRequest, wrapResponse } from "./canned.ts";
import { closedLoop } from "./closed-loop.ts";
import { onAsk, runOptions, type RunResult } from "./messages.ts";
import { connectWire } from "./wire-client.ts";

const request = WrapKeyRequest.encode(wrapRequest).finish();
const response = WrapKeyResponse.encode(wrapResponse).finish();

/** Makes one call with grpc-js. Returns the error, or `undefined` if the answer is right. */
function check(port: number): Promise<string | undefined> {
  const client = new KeyActionsServiceClient(`127.0.0.1:${port}`, credentials.createInsecure());
  return new Promise((resolve) => {
    client.wrapKey(wrapRequest, (error, answer) => {
      client.close();
      if (error !== null) resolve(error.message);
      else resolve(isDeepStrictEqual(answer, wrapResponse) ? undefined : "the answer is wrong");
    });
  });
}

async function run(given: unknown): Promise<RunResult> {
  const options = runOptions.parse(given);
  const client = await connectWire({
    port: options.port,
    path: KeyActionsServiceService.wrapKey.path,
    request,
    response,
  });
  try {
    return await closedLoop(client.call, options);
  } finally {
    client.close();
  }
}

onAsk("check", (given) => check(runOptions.shape.port.parse(given)));
onAsk("run", run);
process.send?.({ port: 0 });
