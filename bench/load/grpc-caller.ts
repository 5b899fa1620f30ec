/** Callers over gRPC. Each has its own connection and checks each answer. */
import { credentials, Metadata, status, type ServiceError } from "@grpc/grpc-js";
import { unaryCall } from "../../examples/unary-call.ts";
import { KeyType, ReturnPreference } from "../../src/gen/keyprotect/v1/key.ts";
import { KeyActionsServiceClient } from "../../src/gen/keyprotect/v1/key_actions_service.ts";
import { KeysServiceClient } from "../../src/gen/keyprotect/v1/keys_service.ts";
import { statusDetails } from "../../test/support/status-details.ts";
import type { Identity } from "./identities.ts";
import type { LoadOperation, MakeCall } from "./start-load.ts";

/** A caller's identity, and the address that it calls. */
export interface LoadCaller extends Identity {
  readonly address: string;
}

/** Options of `createGrpcCallers`. */
export interface GrpcCallerOptions {
  readonly callers: readonly LoadCaller[];
  readonly keyId: string;
}

/** Connected callers. */
export interface GrpcCallers extends Disposable {
  readonly makeCall: MakeCall;
}

interface Connection {
  readonly actions: KeyActionsServiceClient;
  readonly keys: KeysServiceClient;
}

/**
 * Each caller has its own connection, as in production. No retries by grpc-js, which are not
 * counted.
 */
const channelOptions = {
  "grpc.use_local_subchannel_pool": 1,
  "grpc.enable_retries": 0,
  "grpc.ssl_target_name_override": "localhost",
} as const;

const plaintext = Buffer.alloc(32, 0x5a);

function connect({ address, ca, cert, key }: LoadCaller): Connection {
  const tls = credentials.createSsl(Buffer.from(ca), Buffer.from(key), Buffer.from(cert));
  const actions = new KeyActionsServiceClient(address, tls, channelOptions);
  const keys = new KeysServiceClient(address, tls, {
    ...channelOptions,
    channelOverride: actions.getChannel(),
  });
  return { actions, keys };
}

/** Connects all callers, and makes one wrap whose ciphertext they unwrap. */
export async function createGrpcCallers(options: GrpcCallerOptions): Promise<GrpcCallers> {
  const { callers, keyId } = options;
  const connections = new Map(callers.map((one) => [one.name, connect(one)]));
  const [first] = connections.values();
  if (first === undefined) throw new Error("there is no caller");
  const wrapped = await unaryCall(
    first.actions,
    "wrapKey",
    { keyId, plaintext, additionalAuthenticatedData: [] },
    new Metadata(),
    { deadline: Date.now() + 10_000 },
  );
  if (wrapped.response === undefined) throw wrapped.error ?? new Error("nothing came back");
  const { ciphertext } = wrapped.response;
  const unwrap = { keyId, ciphertext, additionalAuthenticatedData: [] };
  const create = {
    name: "load",
    type: KeyType.ROOT,
    description: "",
    tags: [],
    expireTime: undefined,
    material: undefined,
    returnPreference: ReturnPreference.UNSPECIFIED,
    requestId: "",
  };
  const list = { pageSize: 100, pageToken: "", skip: 0 };

  type Ended = Promise<{ readonly error: ServiceError | null; readonly isRight: boolean }>;
  type Settings = readonly [Metadata, { readonly deadline: number }];
  const make: Readonly<
    Record<LoadOperation, (connection: Connection, settings: Settings) => Ended>
  > = {
    async unwrap({ actions }, settings) {
      const { error, response } = await unaryCall(actions, "unwrapKey", unwrap, ...settings);
      return { error, isRight: response?.plaintext.equals(plaintext) === true };
    },
    async create({ keys }, settings) {
      const { error, response } = await unaryCall(keys, "createKey", create, ...settings);
      return { error, isRight: response?.key?.name === create.name };
    },
    async list({ keys }, settings) {
      const { error, response } = await unaryCall(keys, "listKeys", list, ...settings);
      return { error, isRight: response?.keys.some(({ id }) => id === keyId) === true };
    },
  };
  return {
    async makeCall({ caller, operation, deadlineMs }) {
      const connection = connections.get(caller);
      if (connection === undefined) throw new Error(`there is no caller ${caller}`);
      const settings = [new Metadata(), { deadline: Date.now() + deadlineMs }] as const;
      const { error, isRight } = await make[operation](connection, settings);
      if (error === null) return isRight ? "OK" : "WRONG ANSWER";
      // The texts of grpc-js end with times, which differ from call to call.
      const untyped = `untyped: ${error.details.replace(/ after \d.*/, "")}`;
      const reason = statusDetails(error).errorInfo?.reason ?? untyped;
      return `${status[error.code] ?? error.code} ${reason}`;
    },
    [Symbol.dispose]() {
      for (const { actions } of connections.values()) actions.close();
    },
  };
}
