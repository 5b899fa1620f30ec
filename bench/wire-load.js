/** Makes calls of a gRPC server and measures them, in a process of its own. */
import { isDeepStrictEqual } from "node:util";
import { credentials } from "@grpc/grpc-js";
import {
  KeyActionsServiceClient,
  KeyActionsServiceService,
  WrapKeyRequest,
  WrapKeyResponse,
} from "../src/gen/keyprotect/v1/key_actions_service.js";
import { wrapRequest, wrapResponse } from "./canned.js";
import { closedLoop } from "./closed-loop.js";
import { onAsk, runOptions } from "./messages.js";
import { connectWire } from "./wire-client.js";
const request = WrapKeyRequest.encode(wrapRequest).finish();
const response = WrapKeyResponse.encode(wrapResponse).finish();
/** One call with a client library; gives what is wrong with its answer, or nothing. */
function check(port) {
  const client = new KeyActionsServiceClient(`127.0.0.1:${port}`, credentials.createInsecure());
  return new Promise((resolve) => {
    client.wrapKey(wrapRequest, (error, answer) => {
      client.close();
      if (error !== null) resolve(error.message);
      else resolve(isDeepStrictEqual(answer, wrapResponse) ? undefined : "the answer is wrong");
    });
  });
}
async function run(given) {
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
