/** The gRPC server: listeners, limits, health, reflection and shutdown. */
import { Server, ServerCredentials } from "@grpc/grpc-js";
import type { ServerInterceptor, ServerOptions } from "@grpc/grpc-js";
import type { Logger } from "pino";
import type { Clock } from "../../platform/clock.ts";
import type { ListenAddress } from "../../config/listen-address.ts";
import type { ActiveCalls } from "../call/active-calls.ts";
import { createCertificates } from "./tls-credentials.ts";
import type { Certificates } from "./tls-credentials.ts";
import { createGracefulShutdown } from "./graceful-shutdown.ts";
import type { DrainTimes } from "./graceful-shutdown.ts";
import type { Connections } from "./connections/connections.ts";
import { announceHeaderListSize, limitResets } from "./connections/http2-servers.ts";
import {
  assertGrpcVersion,
  correctHeaders,
  installedGrpcVersion,
  silenceGrpcLog,
} from "./grpc-js.ts";
import { createHealth } from "./health.ts";
import type { Health } from "./health.ts";
import { listen } from "./listen.ts";
import type { Listener } from "./listen.ts";
import { readCertificates } from "./certificates.ts";
import type { CertificateFiles } from "./certificates.ts";
import type { BoundService } from "../call/bind-service.ts";

/** Limits per call and per connection. */
export interface ServerLimits {
  readonly maxReceiveBytes: number;
  readonly maxSendBytes: number;
  /** Largest request metadata that the `limit-metadata` interceptor accepts, in bytes. */
  readonly maxMetadataBytes: number;
  /**
   * Concurrent calls per connection. Above it a client queues calls on its side, where the gateway
   * cannot see them, so the limit is generous.
   */
  readonly maxConcurrentStreams: number;
}

/** Times after which a connection is looked at or closed, in milliseconds. */
export interface ConnectionTimes {
  /** Without a call for this long, a connection is closed. */
  readonly idleMs: number;
  /** Interval at which the peer is asked by a PING whether it lives. */
  readonly keepaliveMs: number;
  /** Time that it has for the answer. */
  readonly keepaliveTimeoutMs: number;
}

/** Options of `startServer`. */
export interface StartServerOptions {
  readonly listeners: readonly ListenAddress[];
  /** Certificates of all TCP listeners. Without it they are plaintext. */
  readonly tls: CertificateFiles | undefined;
  readonly services: readonly BoundService[];
  readonly limits: ServerLimits;
  readonly times: ConnectionTimes;
  /** Full names of the services that the health service reports. */
  readonly healthServices: readonly string[];
  /** Without it there is no reflection, and its library is not loaded. */
  readonly reflection: { readonly descriptorSetBase64: string } | undefined;
  readonly activeCalls: Pick<ActiveCalls, "count" | "refuseNew" | "cancelAll">;
  /** Called in a shutdown when new calls are rejected: ends streams in an orderly way. */
  readonly endStreams?: () => void;
  /** Follows the connections of this server. */
  readonly connections: Pick<Connections, "watch">;
  /** Server interceptors of grpc-js on all listeners; the first is nearest to the wire. */
  readonly interceptors?: readonly ServerInterceptor[];
  readonly logger: Logger;
  readonly clock: Clock;
  readonly drain: DrainTimes;
}

/**
 * A listening server. Disposing of it closes it without waiting for active calls; they get a typed
 * answer.
 */
export interface GatewayServer extends AsyncDisposable {
  readonly addresses: readonly ListenAddress[];
  /**
   * Knows the names `""`, `liveness`, `readiness` (not serving at first), `keyprotect.upstream` and
   * those of the services.
   */
  readonly health: Health;
  /** The certificates in use; `undefined` without TLS. */
  readonly certificates: Pick<Certificates, "expiresAt" | "replace"> | undefined;
  /** Shuts down gracefully. Resolves when the server has stopped. A second call joins the first. */
  drain(): Promise<void>;
}

/** Binds all listeners and serves. If one cannot be bound, it closes the others and rejects. */
export async function startServer(options: StartServerOptions): Promise<GatewayServer> {
  assertGrpcVersion(installedGrpcVersion());
  silenceGrpcLog();
  if (options.listeners.length === 0) throw new Error("there is no address to listen on");

  const { logger, clock } = options;
  const health = createHealth({ names: healthNames(options.healthServices) });
  const reflection =
    options.reflection &&
    (await import("./reflection.ts")).createReflection(options.reflection.descriptorSetBase64);
  const server = new Server(
    serverOptions(options.limits, options.times, options.interceptors ?? []),
  );
  correctHeaders(server);
  announceHeaderListSize(server, headerListBytes(options.limits));
  limitResets(server, resetsPerSecond(options.limits));
  options.connections.watch(server);
  for (const { definition, implementation } of [
    ...options.services,
    health,
    ...(reflection?.services ?? []),
  ]) {
    server.addService(definition, implementation);
  }

  const certificates =
    options.tls && createCertificates(await readCertificates(options.tls, clock.wallNow()));
  const listeners: Listener[] = [];
  const cleanUp = async (): Promise<void> => {
    for (const listener of listeners) await listener.cleanUp();
  };
  try {
    const credentials = certificates?.credentials ?? ServerCredentials.createInsecure();
    for (const address of options.listeners) {
      listeners.push(await listen(server, address, credentials));
    }
  } catch (error) {
    server.forceShutdown();
    await cleanUp();
    throw error;
  }
  const addresses = listeners.map((listener) => listener.address);
  logger.info({ addresses, isTls: certificates !== undefined }, "serving gRPC");

  const shutdown = createGracefulShutdown({
    ...options.drain,
    server,
    health,
    activeCalls: options.activeCalls,
    endStreams() {
      reflection?.end();
      options.endStreams?.();
    },
    clock,
    logger,
  });
  return {
    addresses,
    health,
    certificates,
    drain: () => shutdown.drain().then(cleanUp),
    [Symbol.asyncDispose]: () => shutdown.close().then(cleanUp),
  };
}

function healthNames(services: readonly string[]): Record<string, boolean> {
  return {
    "": true,
    liveness: true,
    readiness: false,
    "keyprotect.upstream": true,
    ...Object.fromEntries(services.map((service) => [service, true])),
  };
}

/** nghttp2 gives up a session in which one header value is larger, in bytes. */
const harmlessHeaderBytes = 65_536;

/** Part of a header list that is not metadata: the path, the authority, gRPC's own headers. */
const reservedHeaderBytes = 1_024;

/**
 * The largest list of request headers, in bytes. Metadata that is too large but fits gets a typed
 * answer. Only a larger list has its stream reset by Node.
 */
const headerListBytes = ({ maxMetadataBytes }: ServerLimits): number =>
  Math.max(harmlessHeaderBytes, maxMetadataBytes + reservedHeaderBytes);

/**
 * How many calls a client may cancel per second on one connection. A call whose deadline passes at
 * the client is cancelled too, so that while Key Protect does not answer, a client with deadlines
 * of 100 ms cancels all its concurrent calls ten times per second.
 */
const resetsPerSecond = ({ maxConcurrentStreams }: ServerLimits): number =>
  10 * maxConcurrentStreams;

const serverOptions = (
  limits: ServerLimits,
  times: ConnectionTimes,
  interceptors: readonly ServerInterceptor[],
): ServerOptions => ({
  "grpc.max_concurrent_streams": limits.maxConcurrentStreams,
  "grpc.max_receive_message_length": limits.maxReceiveBytes,
  "grpc.max_send_message_length": limits.maxSendBytes,
  "grpc.keepalive_time_ms": times.keepaliveMs,
  "grpc.keepalive_timeout_ms": times.keepaliveTimeoutMs,
  "grpc.max_connection_idle_ms": times.idleMs,
  "grpc.enable_channelz": 0,
  interceptors: [...interceptors],
});
