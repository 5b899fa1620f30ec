import { allKeys } from "./requests.ts";
import { withAbsentHandlers } from "./absent-handlers.ts";
import * as grpc from "@grpc/grpc-js";
import { randomUUID } from "node:crypto";
import { pino } from "pino";
import { type Clock, systemClock } from "../../src/platform/clock.ts";
import type { ListenAddress } from "../../src/config/listen-address.ts";
import { ErrorInfo } from "../../src/gen/google/rpc/error_details.ts";
import { Status } from "../../src/gen/google/rpc/status.ts";
import { KeysServiceClient, KeysServiceService } from "../../src/gen/keyprotect/v1/keys_service.ts";
import { bindService } from "../../src/grpc/call/bind-service.ts";
import type { CallContext } from "../../src/grpc/call/call-context.ts";
import { createActiveCalls } from "../../src/grpc/call/active-calls.ts";
import type { ActiveCalls } from "../../src/grpc/call/active-calls.ts";
import { defaultDeadlineRules } from "../../src/grpc/call/deadline.ts";
import { createAuthenticate } from "../../src/grpc/interceptors/authenticate.ts";
import { createPeerReader } from "../../src/grpc/call/peer.ts";
import type { ConnectionAge } from "../../src/grpc/server/connections/connection-age.ts";
import { startServer } from "../../src/grpc/server/server.ts";
import type { GatewayServer, StartServerOptions } from "../../src/grpc/server/server.ts";
import type { CallObserver } from "../../src/grpc/call/call-observer.ts";
import {
  type Connections,
  createConnections,
} from "../../src/grpc/server/connections/connections.ts";
import type { ConnectionLimits } from "../../src/grpc/server/connections/admission.ts";
import { createUnary } from "../../src/grpc/call/unary-handler.ts";

/** A server that implements only `CountKeys`, with records for tests. */
export interface TestServer extends AsyncDisposable {
  readonly server: GatewayServer;
  readonly activeCalls: ActiveCalls;
  readonly connections: Connections;
  /** The first address as a gRPC target. */
  readonly target: string;
  /** Contexts of the calls that reached the handler. */
  readonly contexts: CallContext[];
  /** Log lines, parsed. */
  readonly lines: Record<string, unknown>[];
  newClient(credentials?: grpc.ChannelCredentials, options?: grpc.ClientOptions): KeysServiceClient;
}

export interface TestServerOptions extends Partial<Omit<StartServerOptions, "services">> {
  /** Runs before `CountKeys` answers 7. */
  readonly work?: (context: CallContext) => Promise<void>;
  readonly trustDomains?: readonly string[];
  readonly observers?: readonly CallObserver[];
  /** Clock of the sweeps over connections. Default: that of the machine. */
  readonly sweepClock?: Pick<Clock, "after" | "now">;
  readonly connectionLimits?: ConnectionLimits;
  readonly age?: ConnectionAge;
  readonly random?: () => number;
  readonly evictableMs?: number;
}

export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const lines: Record<string, unknown>[] = [];
  const contexts: CallContext[] = [];
  const activeCalls = createActiveCalls();
  const logger = pino({ level: "debug" }, { write: (line) => void lines.push(JSON.parse(line)) });
  const connections = createConnections({
    clock: { ...systemClock, ...options.sweepClock },
    logger,
    limits: options.connectionLimits ?? { max: 1_000, maxPerPeer: 1_000 },
    age: options.age ?? { ageMs: 900_000, ageJitterPercent: 10, ageGraceMs: 65_000 },
    random: options.random ?? Math.random,
    evictableMs: options.evictableMs ?? 10_000,
  });
  const unary = createUnary({
    clock: systemClock,
    isSessionOver: connections.isSessionOver,
    logger,
    activeCalls,
    deadlines: defaultDeadlineRules,
    observers: options.observers ?? [],
    createId: randomUUID,
    peerOf: createPeerReader({
      requiresClientCertificate: options.tls?.clientCaFile !== undefined,
      trustDomains: options.trustDomains ?? [],
    }),
    maxSendBytes: 4_194_304,
    interceptors: [createAuthenticate({ isTls: options.tls !== undefined })],
  });
  const keys = bindService(
    KeysServiceService,
    withAbsentHandlers(KeysServiceService, {
      async countKeys(_request, context) {
        contexts.push(context);
        await options.work?.(context);
        return { totalSize: 7 };
      },
    }),
    unary,
  );
  const server = await startServer({
    listeners: [{ kind: "tcp", host: "127.0.0.1", port: 0 }],
    tls: undefined,
    limits: {
      maxReceiveBytes: 131_072,
      maxSendBytes: 4_194_304,
      maxMetadataBytes: 16_384,
      maxConcurrentStreams: 1_000,
    },
    times: { idleMs: 900_000, keepaliveMs: 60_000, keepaliveTimeoutMs: 20_000 },
    healthServices: ["keyprotect.v1.KeysService"],
    reflection: undefined,
    activeCalls,
    connections,
    logger,
    clock: systemClock,
    drain: { delayMs: 0, graceMs: 1_000 },
    ...options,
    services: [keys],
  });
  const target = targetOf(server.addresses[0]);
  const clients: grpc.Client[] = [];

  return {
    server,
    activeCalls,
    connections,
    target,
    contexts,
    lines,
    newClient(credentials = grpc.credentials.createInsecure(), clientOptions = {}) {
      const client = new KeysServiceClient(target, credentials, {
        "grpc.enable_retries": 0,
        "grpc.use_local_subchannel_pool": 1,
        ...clientOptions,
      });
      clients.push(client);
      return client;
    },
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** Returns an address as the target of a gRPC client. */
export function targetOf(address: ListenAddress | undefined): string {
  if (address === undefined) throw new Error("no such address");
  return address.kind === "unix" ? `unix:${address.path}` : `${address.host}:${address.port}`;
}

/** The result of one call, as its caller sees it. */
export interface Seen {
  readonly code: grpc.status;
  readonly text: string;
  readonly totalSize: number | undefined;
  /** `ErrorInfo.reason`; `undefined` if the status is not from the gateway. */
  readonly reason: string | undefined;
}

/** Calls `CountKeys` and resolves with its result, also if it failed. */
export function countKeys(client: KeysServiceClient): Promise<Seen> {
  return new Promise((resolve) => {
    client.countKeys(
      allKeys,
      new grpc.Metadata(),
      { deadline: Date.now() + 15_000 },
      (error, response) => {
        if (error === null) {
          const { totalSize } = response;
          resolve({ code: grpc.status.OK, text: "", totalSize, reason: undefined });
        } else {
          const { code, details, metadata } = error;
          resolve({ code, text: details, totalSize: undefined, reason: reasonOf(metadata) });
        }
      },
    );
  });
}

function reasonOf(trailers: grpc.Metadata): string | undefined {
  const [bytes] = trailers.get("grpc-status-details-bin");
  if (!Buffer.isBuffer(bytes)) return undefined;
  const info = Status.decode(bytes).details.find(({ typeUrl }) => typeUrl.endsWith(".ErrorInfo"));
  return info && ErrorInfo.decode(info.value).reason;
}
