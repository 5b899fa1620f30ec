/** `npm run dev` as a process: a gateway with its own Key Protect, for the example programs. */
import { join } from "node:path";
import { credentials } from "@grpc/grpc-js";
import { z } from "zod";
import {
  unaryCall,
  type MethodOf,
  type RequestOf,
  type ResponseOf,
} from "../../../examples/unary-call.ts";
import { repositoryRoot } from "../../../scripts/run.ts";
import { KeyType } from "../../../src/gen/keyprotect/v1/key.ts";
import { KeyActionsServiceClient } from "../../../src/gen/keyprotect/v1/key_actions_service.ts";
import { KeysServiceClient } from "../../../src/gen/keyprotect/v1/keys_service.ts";
import { startNode } from "../../process/child-process.ts";

const requestList = z.object({ requests: z.array(z.object({})) });

/** The running gateway. */
export interface DevGateway extends AsyncDisposable {
  readonly address: string;
  /** Creates a root key and returns its ID. */
  createKey(): Promise<string>;
  rotateKey(keyId: string): Promise<void>;
  /** Number of requests to Key Protect that had this correlation ID. */
  requestCount(correlationId: string): Promise<number>;
}

/** Makes a call that must succeed. */
async function call<C extends object, M extends MethodOf<C>>(
  client: C,
  method: M,
  request: Partial<RequestOf<C, M>>,
): Promise<ResponseOf<C, M>> {
  const { error, response } = await unaryCall(client, method, request);
  if (response === undefined) throw error ?? new Error(`${method} answered nothing`);
  return response;
}

/** Starts `npm run dev` on free ports. Resolves when it serves. */
export async function startDevGateway(): Promise<DevGateway> {
  const script = join(repositoryRoot, "examples/dev.ts");
  const child = startNode(["--import", "tsx", script], {
    GATEWAY_LISTEN: "127.0.0.1:0",
    GATEWAY_ADMIN_LISTEN: "127.0.0.1:0",
    GATEWAY_LOG_LEVEL: "silent",
  });
  const find = (pattern: RegExp): Promise<string> =>
    child.until(() => pattern.exec(child.stderr())?.[1]);
  const address = await find(/^gateway +(\S+)/m);
  const emulator = await find(/^Key Protect +(\S+)/m);
  const keys = new KeysServiceClient(address, credentials.createInsecure());
  const actions = new KeyActionsServiceClient(address, credentials.createInsecure());

  return {
    address,
    async createKey() {
      const { key } = await call(keys, "createKey", { name: "files", type: KeyType.ROOT });
      return key?.id ?? "";
    },
    rotateKey: async (keyId) => void (await call(actions, "rotateKey", { keyId })),
    async requestCount(correlationId) {
      const query = new URLSearchParams({ service: "keyprotect", correlationId });
      const answer = await fetch(`${emulator}/emulator/requests?${query.toString()}`);
      return requestList.parse(await answer.json()).requests.length;
    },
    async [Symbol.asyncDispose]() {
      keys.close();
      actions.close();
      await child[Symbol.asyncDispose]();
    },
  };
}
