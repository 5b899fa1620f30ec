/** What both hand-made servers are: grpc-js with the generated codecs and one method. */
import { Server, ServerCredentials, status } from "@grpc/grpc-js";
import { KeyActionsServiceService } from "../src/gen/keyprotect/v1/key_actions_service.js";
const { wrapKey } = KeyActionsServiceService;
async function answer(wrap, request, callback) {
  try {
    callback(null, await wrap(request));
  } catch (error) {
    callback({ code: status.UNAVAILABLE, details: String(error) });
  }
}
/** Serves `wrapKey` on a free port of loopback and tells it to the bench. */
export function serveWrap(wrap) {
  const server = new Server();
  const handle = (call, callback) => void answer(wrap, call.request, callback);
  server.addService({ wrapKey }, { wrapKey: handle });
  server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
    if (error !== null) throw error;
    process.send?.({ port });
  });
}
