/**
 * The floor of `npm run bench:list`: a grpc-js server with the generated codecs. It fetches a page
 * with undici, parses it, maps it and has it encoded, each at once and without a check. It also
 * forwards a wrap, as the floor of `npm run bench` does.
 */
import { Server, type handleUnaryCall } from "@grpc/grpc-js";
import { request } from "undici";
import {
  KeyActionsServiceService,
  type WrapKeyRequest,
  type WrapKeyResponse,
} from "../../src/gen/keyprotect/v1/key_actions_service.ts";
import {
  KeysServiceService,
  type ListKeysRequest,
  type ListKeysResponse,
} from "../../src/gen/keyprotect/v1/keys_service.ts";
import { accessToken, instanceId } from "../canned.ts";
import { createPool, readWrap, sendWrap } from "../request-wrap.ts";
import { answer, serve } from "../serve-wrap.ts";
import { keyPagePath, toPageMessage, type KeyJson } from "./key-page.ts";

// The variable is read once, because reading the environment is a system call.
const upstreamUrl = process.env["KP_SERVICE_URL"] ?? "";
const pool = createPool();

async function readPage({ pageSize }: ListKeysRequest): Promise<ListKeysResponse> {
  const { body } = await request(`${upstreamUrl}${keyPagePath}?limit=${pageSize}&offset=0`, {
    dispatcher: pool,
    headers: {
      authorization: `Bearer ${accessToken}`,
      "bluemix-instance": instanceId,
      accept: "application/vnd.ibm.kms.key+json",
    },
  });
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the floor checks no answer
  const { resources } = (await body.json()) as { readonly resources: readonly KeyJson[] };
  return toPageMessage(resources);
}

const listKeys: handleUnaryCall<ListKeysRequest, ListKeysResponse> = (call, callback) =>
  void answer(readPage(call.request), callback);
const wrapKey: handleUnaryCall<WrapKeyRequest, WrapKeyResponse> = (call, callback) =>
  void answer(sendWrap(pool, call.request).then(readWrap), callback);

const server = new Server();
server.addService({ listKeys: KeysServiceService.listKeys }, { listKeys });
server.addService({ wrapKey: KeyActionsServiceService.wrapKey }, { wrapKey });
serve(server);
