/**
 * Makes wraps at a fixed rate, whatever the time of the answers. So a server that stands still
 * delays every wrap that is due in that time, and not one alone.
 */
import {
  KeyActionsServiceService,
  WrapKeyRequest,
  WrapKeyResponse,
} from "../../src/gen/keyprotect/v1/key_actions_service.ts";
import { wrapRequest, wrapResponse } from "../canned.ts";
import { onAsk } from "../messages.ts";
import { connectWire } from "../wire-client.ts";
import { steadyOptions, type SteadyResult } from "./messages.ts";

const request = WrapKeyRequest.encode(wrapRequest).finish();
const response = WrapKeyResponse.encode(wrapResponse).finish();

async function run(given: unknown): Promise<SteadyResult> {
  const { port, perSecond, durationMs } = steadyOptions.parse(given);
  const path = KeyActionsServiceService.wrapKey.path;
  const client = await connectWire({ port, path, request, response });
  const times: number[] = [];
  let failures = 0;
  const wrap = async (): Promise<void> => {
    const begunAt = performance.now();
    if (await client.call()) times.push(performance.now() - begunAt);
    else failures += 1;
  };
  const startedAt = performance.now();
  const wraps: Promise<void>[] = [];
  while (performance.now() - startedAt < durationMs) {
    const due = ((performance.now() - startedAt) / 1_000) * perSecond;
    while (wraps.length < due) wraps.push(wrap());
    // oxlint-disable-next-line no-await-in-loop -- the pause until further calls are due
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all(wraps);
  client.close();
  return { times, failures };
}

onAsk("steady", run);
process.send?.({ port: 0 });
