import { withAbsentHandlers } from "./absent-handlers.ts";
import * as grpc from "@grpc/grpc-js";
import { randomUUID } from "node:crypto";
import { pino } from "pino";
import { systemClock } from "../../src/platform/clock.ts";
import {
  KeysServiceClient,
  KeysServiceService,
  type CreateKeyRequest,
} from "../../src/gen/keyprotect/v1/keys_service.ts";
import { Status } from "../../src/gen/google/rpc/status.ts";
import { ErrorInfo } from "../../src/gen/google/rpc/error_details.ts";
import { bindService, type HandlersOf } from "../../src/grpc/call/bind-service.ts";
import type { CallOutcome } from "../../src/grpc/call/call-observer.ts";
import { createActiveCalls, type ActiveCalls } from "../../src/grpc/call/active-calls.ts";
import { defaultDeadlineRules } from "../../src/grpc/call/deadline.ts";
import { correctHeaders } from "../../src/grpc/server/grpc-js.ts";
import { createRawCallInterceptor } from "../../src/grpc/server/raw-call-interceptor.ts";
import { createUnary, type UnaryOptions } from "../../src/grpc/call/unary-handler.ts";
import { ampleReceivingCalls } from "./receiving-calls.ts";
import { eventually } from "./eventually.ts";

/** The methods of the server. */
export const keys = KeysServiceService;

export type KeysHandlers = HandlersOf<typeof KeysServiceService>;

/** A gRPC server with the given handlers on its own port, and a record of its calls. */
export interface UnaryServer extends AsyncDisposable {
  readonly address: string;
  readonly port: number;
  readonly client: KeysServiceClient;
  readonly activeCalls: ActiveCalls;
  readonly outcomes: CallOutcome[];
  readonly started: string[];
  /** Calls that ended before their handler, as `path code`. */
  readonly endedByLibrary: string[];
  /** Log lines, parsed. */
  readonly lines: Record<string, unknown>[];
  newClient(): KeysServiceClient;
}

export async function startUnaryServer(
  handlers: Partial<KeysHandlers>,
  overrides: Partial<UnaryOptions> = {},
  serverOptions: grpc.ServerOptions = {},
): Promise<UnaryServer> {
  const lines: Record<string, unknown>[] = [];
  const outcomes: CallOutcome[] = [];
  const started: string[] = [];
  const endedByLibrary: string[] = [];
  const activeCalls = overrides.activeCalls ?? createActiveCalls();
  const clock = overrides.clock ?? systemClock;
  const unary = createUnary({
    clock,
    logger: pino({ level: "debug" }, { write: (line) => void lines.push(JSON.parse(line)) }),
    activeCalls,
    deadlines: defaultDeadlineRules,
    observers: [
      {
        callStarted: (rpc) => void started.push(rpc.path),
        callEnded: (outcome) => void outcomes.push(outcome),
      },
    ],
    createId: randomUUID,
    peerOf: (inbound) => ({
      peer: inbound.getPeer(),
      certificateUri: undefined,
      certificateProblem: undefined,
    }),
    interceptors: [],
    maxSendBytes: 4_194_304,
    ...overrides,
  });
  const server = new grpc.Server({
    "grpc.max_receive_message_length": 128 * 1024,
    interceptors: [
      createRawCallInterceptor({
        endedByLibrary: (path, code) => void endedByLibrary.push(`${path} ${code}`),
        clock,
        receiving: ampleReceivingCalls(),
      }),
    ],
    ...serverOptions,
  });
  correctHeaders(server);
  const all = withAbsentHandlers(KeysServiceService, handlers);
  const { definition, implementation } = bindService(KeysServiceService, all, unary);
  server.addService(definition, implementation);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  const clients: KeysServiceClient[] = [];
  const newClient = (): KeysServiceClient => {
    const client = new KeysServiceClient(`127.0.0.1:${port}`, grpc.credentials.createInsecure(), {
      "grpc.enable_retries": 0,
      "grpc.use_local_subchannel_pool": 1,
    });
    clients.push(client);
    return client;
  };
  return {
    address: `127.0.0.1:${port}`,
    port,
    client: newClient(),
    activeCalls,
    outcomes,
    started,
    endedByLibrary,
    lines,
    newClient,
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.close();
      server.forceShutdown();
      await eventually(() => activeCalls.count === 0);
    },
  };
}

/** The result of one call, as its caller sees it. */
export interface Seen<Res> {
  readonly response: Res | undefined;
  readonly error: grpc.ServiceError | undefined;
  readonly code: grpc.status;
  readonly initial: grpc.Metadata | undefined;
  readonly trailers: grpc.Metadata;
}

type Method<Req, Res> = (
  request: Req,
  metadata: grpc.Metadata,
  options: Partial<grpc.CallOptions>,
  callback: (error: grpc.ServiceError | null, response?: Res) => void,
) => grpc.ClientUnaryCall;

interface CallSettings {
  readonly metadata?: Readonly<Record<string, string>> | grpc.Metadata;
  readonly timeoutMs?: number;
  readonly onCall?: (call: grpc.ClientUnaryCall) => void;
}

/** Makes one call and resolves with its result, also if it failed. */
export function call<Req, Res>(
  client: grpc.Client,
  method: Method<Req, Res>,
  request: Req,
  settings: CallSettings = {},
): Promise<Seen<Res>> {
  const metadata =
    settings.metadata instanceof grpc.Metadata ? settings.metadata : new grpc.Metadata();
  if (!(settings.metadata instanceof grpc.Metadata)) {
    for (const [key, value] of Object.entries(settings.metadata ?? {})) metadata.set(key, value);
  }
  return new Promise((resolve) => {
    let initial: grpc.Metadata | undefined;
    let error: grpc.ServiceError | undefined;
    let response: Res | undefined;
    const made = method.call(
      client,
      request,
      metadata,
      { deadline: Date.now() + (settings.timeoutMs ?? 15_000) },
      (failure, answer) => {
        error = failure ?? undefined;
        response = failure === null ? answer : undefined;
      },
    );
    made.on("metadata", (headers) => (initial = headers));
    made.on("status", ({ code, metadata: trailers }) =>
      // grpc-js runs the callback in the same turn as the status event, but after it.
      setImmediate(() => resolve({ response, error, code, initial, trailers })),
    );
    settings.onCall?.(made);
  });
}

/** Does the same as `call`, with the definition of a method. */
export const callRpc = <Req, Res>(
  client: grpc.Client,
  { path, requestSerialize, responseDeserialize }: grpc.MethodDefinition<Req, Res>,
  request: Req,
  settings?: CallSettings,
): Promise<Seen<Res>> =>
  call<Req, Res>(
    client,
    (message, metadata, options, callback) =>
      client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        message,
        metadata,
        options,
        callback,
      ),
    request,
    settings,
  );

/** The `ErrorInfo` of a failed call. */
export function errorInfoOf(seen: { readonly trailers: grpc.Metadata }): ErrorInfo {
  const [bytes] = seen.trailers.get("grpc-status-details-bin");
  if (!Buffer.isBuffer(bytes)) throw new Error("no grpc-status-details-bin");
  const any = Status.decode(bytes).details.find((detail) => detail.typeUrl.endsWith(".ErrorInfo"));
  if (any === undefined) throw new Error("no ErrorInfo");
  return ErrorInfo.decode(any.value);
}

export const createKeyRequest = (material?: Buffer): CreateKeyRequest => ({
  name: "name",
  type: 1,
  description: "",
  tags: [],
  expireTime: undefined,
  material: material === undefined ? undefined : { $case: "keyMaterial", value: material },
  returnPreference: 0,
  requestId: "",
  keyRingId: "",
  aliases: [],
  policyOverrides: undefined,
});
