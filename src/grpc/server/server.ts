/** The gRPC server: listeners, limits, health, reflection, and the way down. */
import { Server, ServerCredentials } from "@grpc/grpc-js";
import type { ServerInterceptor, ServerOptions } from "@grpc/grpc-js";
import type { Logger } from "pino";
import type { Clock } from "../../platform/clock.ts";
import type { ListenAddress } from "../../config/listen-address.ts";
import type { ActiveCalls } from "../call/active-calls.ts";
import { startCertificates } from "./certificate-reload.ts";
import type { Certificates } from "./certificate-reload.ts";
import { createDrain } from "./graceful-shutdown.ts";
import type { DrainTimes } from "./graceful-shutdown.ts";
import { assertGrpcVersion, installedGrpcVersion, silenceGrpcLog } from "./grpc-js.ts";
import { createHealth } from "./health.ts";
import type { Health } from "./health.ts";
import { listen } from "./listen.ts";
import type { Listener } from "./listen.ts";
import type { CertificateFiles } from "./certificates.ts";
import { createReflection } from "./reflection.ts";
import type { ServiceBinding } from "./reflection.ts";

/** What one connection may cost. */
export interface ServerLimits {
  readonly maxReceiveBytes: number;
  readonly maxSendBytes: number;
  /** Longest time that a call may take; a connection that is being renewed waits for that. */
  readonly maxDeadlineMs: number;
  /** Calls at a time on one connection; a client queues the next one where nobody sees it, so this is generous. */
  readonly maxConcurrentStreams: number;
}

/** What a server is made of. */
export interface StartServerOptions {
  readonly listeners: readonly ListenAddress[];
  /** For all TCP listeners; absent: they speak plaintext. */
  readonly tls: CertificateFiles | undefined;
  readonly services: readonly ServiceBinding[];
  readonly limits: ServerLimits;
  /** Full names of the services, for the health service. */
  readonly healthServices: readonly string[];
  /** Absent: no reflection. */
  readonly reflection: { readonly descriptorSetBase64: string } | undefined;
  readonly activeCalls: Pick<ActiveCalls, "count" | "refuseNew" | "cancelAll">;
  /** Of grpc-js, on all listeners; the first is nearest to the wire. */
  readonly interceptors?: readonly ServerInterceptor[];
  readonly logger: Logger;
  readonly clock: Clock;
  readonly drain: DrainTimes;
}

/** A server that listens. Disposing of it closes it without waiting for calls in flight; they get a typed answer. */
export interface GatewayServer extends AsyncDisposable {
  readonly addresses: readonly ListenAddress[];
  /** The names `""`, `liveness`, `readiness` (not serving at first), `keyprotect.upstream` and those of the services. */
  readonly health: Health;
  /** The certificate in use; absent without TLS. */
  readonly certificates: Pick<Certificates, "expiresAt"> | undefined;
  /** Stops serving as the drain times say. Resolves when the server has stopped; safe to call twice. */
  drain(): Promise<void>;
}

/** Binds all listeners and serves. Rejects, with nothing left listening, if one of them cannot be bound. */
export async function startServer(options: StartServerOptions): Promise<GatewayServer> {
  assertGrpcVersion(installedGrpcVersion());
  silenceGrpcLog();
  if (options.listeners.length === 0) throw new Error("there is no address to listen on");

  const { logger, clock } = options;
  const health = createHealth({ names: healthNames(options.healthServices) });
  const reflection = options.reflection && createReflection(options.reflection.descriptorSetBase64);
  const server = new Server(serverOptions(options.limits, options.interceptors ?? []));
  for (const { definition, implementation } of [
    ...options.services,
    health,
    ...(reflection?.services ?? []),
  ]) {
    server.addService(definition, implementation);
  }

  const certificates = options.tls && (await startCertificates({ ...options.tls, clock, logger }));
  const listeners: Listener[] = [];
  const cleanUp = async (): Promise<void> => {
    certificates?.[Symbol.dispose]();
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

  const down = createDrain({
    ...options.drain,
    server,
    health,
    activeCalls: options.activeCalls,
    endStreams: () => reflection?.end(),
    clock,
    logger,
  });
  return {
    addresses,
    health,
    certificates,
    drain: () => down.drain().then(cleanUp),
    [Symbol.asyncDispose]: () => down.close().then(cleanUp),
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

const serverOptions = (
  limits: ServerLimits,
  interceptors: readonly ServerInterceptor[],
): ServerOptions => ({
  "grpc.max_concurrent_streams": limits.maxConcurrentStreams,
  "grpc.max_receive_message_length": limits.maxReceiveBytes,
  "grpc.max_send_message_length": limits.maxSendBytes,
  // Finds dead peers behind a silent network.
  "grpc.keepalive_time_ms": 60_000,
  "grpc.keepalive_timeout_ms": 20_000,
  // Spreads connections over replicas behind a balancer of connections; grpc-js varies the age by 10 %.
  "grpc.max_connection_age_ms": 15 * 60_000,
  "grpc.max_connection_age_grace_ms": Math.max(45_000, limits.maxDeadlineMs + 5_000),
  "grpc.max_connection_idle_ms": 15 * 60_000,
  "grpc.enable_channelz": 0,
  interceptors: [...interceptors],
});
