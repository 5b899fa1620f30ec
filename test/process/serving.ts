/** A gateway process, and clients that call it. */
import { credentials, status } from "@grpc/grpc-js";
import {
  unaryCall,
  type MethodOf,
  type RequestOf,
  type ResponseOf,
} from "../../examples/unary-call.ts";
import { KeyType, ReturnPreference } from "../../src/gen/keyprotect/v1/key.ts";
import type { CreateKeyRequest } from "../../src/gen/keyprotect/v1/keys_service.ts";
import { KeyActionsServiceClient } from "../../src/gen/keyprotect/v1/key_actions_service.ts";
import { KeysServiceClient } from "../../src/gen/keyprotect/v1/keys_service.ts";
import { statusDetails } from "../support/status-details.ts";
import { startNode, type ChildProcess } from "./child-process.ts";

/** The outcome of a call in words. */
export interface Ended<Res> {
  /** Name of the status, such as `OK`. */
  readonly code: string;
  readonly reason: string;
  readonly message: string;
  readonly response: Res | undefined;
}

export interface ServingGateway extends ChildProcess {
  readonly keys: KeysServiceClient;
  readonly actions: KeyActionsServiceClient;
  call<C extends object, M extends MethodOf<C>>(
    client: C,
    method: M,
    request: RequestOf<C, M>,
  ): Promise<Ended<ResponseOf<C, M>>>;
}

export const newKey: CreateKeyRequest = {
  name: "orders at rest",
  type: KeyType.ROOT,
  description: "",
  tags: [],
  expireTime: undefined,
  material: undefined,
  returnPreference: ReturnPreference.UNSPECIFIED,
  requestId: "",
  keyRingId: "",
  aliases: [],
  policyOverrides: undefined,
};

/**
 * Starts `main` with plain node and resolves once it serves. `address` is where clients connect.
 * `flags` are those of node.
 */
export async function serveGateway(
  main: string,
  { env, address }: { readonly env: Readonly<Record<string, string>>; readonly address: string },
  flags: readonly string[] = [],
): Promise<ServingGateway> {
  const gateway = startNode([...flags, main], env);
  const keys = new KeysServiceClient(address, credentials.createInsecure());
  const actions = new KeyActionsServiceClient(address, credentials.createInsecure());
  const dispose = async (): Promise<void> => {
    keys.close();
    actions.close();
    await gateway[Symbol.asyncDispose]();
  };
  try {
    await gateway.until(() => gateway.log().find(({ msg }) => msg === "serving gRPC"));
  } catch (error) {
    await dispose();
    throw error;
  }
  return {
    ...gateway,
    keys,
    actions,
    async call(client, method, request) {
      const { error, response } = await unaryCall(client, method, request);
      return {
        code: status[error?.code ?? status.OK] ?? "no such status",
        reason: (error === null ? undefined : statusDetails(error).errorInfo?.reason) ?? "",
        message: error?.details ?? "",
        response,
      };
    },
    [Symbol.asyncDispose]: dispose,
  };
}
