/** Lists pages of keys in a closed loop. */
import { KeysServiceService } from "../../src/gen/keyprotect/v1/keys_service.ts";
import { closedLoop } from "../closed-loop.ts";
import { onAsk, runOptions, type RunResult } from "../messages.ts";
import { connectWire } from "../wire-client.ts";
import { keyPageRequest, keyPageResponse } from "./key-page.ts";

async function run(given: unknown): Promise<RunResult> {
  const options = runOptions.parse(given);
  const client = await connectWire({
    port: options.port,
    path: KeysServiceService.listKeys.path,
    request: keyPageRequest,
    response: keyPageResponse,
  });
  try {
    return await closedLoop(client.call, options);
  } finally {
    client.close();
  }
}

onAsk("run", run);
process.send?.({ port: 0 });
