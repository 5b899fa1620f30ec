/**
 * The program of a process that repeats one identical unwrap over gRPC without TLS. At 2,000 calls
 * per second grpc-js with TLS would use a whole core, and limit the gateway on a machine with two
 * cores.
 */
import { credentials } from "@grpc/grpc-js";
import { unaryCall } from "../../examples/unary-call.ts";
import {
  KeyActionsServiceClient,
  KeyActionsServiceService,
  UnwrapKeyRequest,
  UnwrapKeyResponse,
} from "../../src/gen/keyprotect/v1/key_actions_service.ts";
import { connectWire, type WireClient } from "../wire-client.ts";
import { createLoadAnswers, type LoadQuestions } from "./load-answers.ts";
import { serveWorker } from "./serve-worker.ts";
import type { MakeCall } from "./start-load.ts";

/** Callers and the key to unwrap with. */
export interface WireCallerOptions {
  /** The callers. Each has its own connection. */
  readonly callers: readonly { readonly name: string; readonly address: string }[];
  readonly keyId: string;
}

/** Questions to this process. */
export type WireLoadQuestions = LoadQuestions & {
  readonly connect: { given: WireCallerOptions; answer: void };
};

const plaintext = Buffer.alloc(32, 0x5a);
const none = Buffer.alloc(0);

/** Makes the ciphertext to unwrap, with one call of grpc-js. */
async function wrap(address: string, keyId: string): Promise<Buffer> {
  const client = new KeyActionsServiceClient(address, credentials.createInsecure());
  try {
    const request = { keyId, plaintext, additionalAuthenticatedData: [] };
    const { error, response } = await unaryCall(client, "wrapKey", request);
    if (response === undefined) throw error ?? new Error("nothing came back");
    return response.ciphertext;
  } finally {
    client.close();
  }
}

async function connect({ callers, keyId }: WireCallerOptions): Promise<MakeCall> {
  const [first] = callers;
  if (first === undefined) throw new Error("there is no caller");
  const ciphertext = await wrap(first.address, keyId);
  const unwrap = { keyId, ciphertext, additionalAuthenticatedData: [] };
  const answer = { plaintext, rewrappedCiphertext: none, rewrappedKeyVersionId: "" };
  const connections = new Map<string, WireClient>();
  for (const { name, address } of callers) {
    const client = await connectWire({
      port: Number(address.split(":").at(-1)),
      path: KeyActionsServiceService.unwrapKey.path,
      request: UnwrapKeyRequest.encode(unwrap).finish(),
      response: UnwrapKeyResponse.encode(answer).finish(),
    });
    connections.set(name, client);
  }
  return async ({ caller, operation }) => {
    if (operation !== "unwrap") throw new Error("only unwrapping is played");
    const isRight = await connections.get(caller)?.call();
    return isRight === true ? "OK" : "not the answer that was expected";
  };
}

let makeCall: MakeCall | undefined;

serveWorker<WireLoadQuestions>({
  ...createLoadAnswers(() => makeCall),
  async connect(options) {
    makeCall = await connect(options);
  },
});
