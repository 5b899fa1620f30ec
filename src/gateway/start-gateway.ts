/** The composition root: the only file that knows all rooms. It builds their parts in order. */
import type { Logger } from "pino";
import { AsyncDisposables } from "../platform/disposable-stack.ts";
import { openAdmin, openConsole } from "./admin.ts";
import { createCalls } from "./inbound/calls.ts";
import { doorRpcsOf, openDoors, type OpenDoor } from "./inbound/doors.ts";
import { bindContract } from "./inbound/bind-services.ts";
import { createPieceQueue } from "../platform/pieces/piece-queue.ts";
import { systemClock, type Clock } from "../platform/clock.ts";
import type { Config } from "../config/config.ts";
import type { ListenAddress } from "../config/listen-address.ts";
import { createInstances } from "./outbound/instances.ts";
import { createUpstreamConnections } from "./outbound/upstream-connections.ts";
import type { CallContext } from "../grpc/call/call-context.ts";
import { createRawCallInterceptor } from "../grpc/server/raw-call-interceptor.ts";
import { startServer } from "../grpc/server/server.ts";
import { endpointsOf, type Instance } from "./outbound/instance.ts";
import { createLogger } from "../observability/logging/logger.ts";
import { createMetrics } from "../observability/metrics/metrics.ts";
import { watchReadiness, type ReadinessState } from "./readiness.ts";
import { openStores } from "./redis.ts";
import { type ReloadSource, startReloads } from "./reload/reload.ts";
import { openTracing } from "./tracing.ts";
import { rpcTable } from "../rpc-table.ts";
import type { ServiceDeps } from "../service/service-deps.ts";

/** Dependencies that tests replace. */
export interface GatewayDeps {
  /** Default: the clock of the machine. */
  readonly clock?: Clock;
  /** Uniform in [0, 1). Default: `Math.random`. Used for spreading load, not for secrets. */
  readonly random?: () => number;
  /** Default: JSON lines on standard output. */
  readonly logger?: Logger;
  /** Whether `/metrics` includes the metrics of Node and the process. Default: `true`. */
  readonly hasProcessMetrics?: boolean;
  /** Where the configuration can be read again. Default: it stays as it is. */
  readonly reload?: ReloadSource;
}

/** A running gateway. Disposing of it ends active calls with a typed error. */
export interface Gateway extends AsyncDisposable {
  /** Addresses of the gRPC server, with the bound ports. */
  readonly addresses: readonly ListenAddress[];
  /** The doors, in the order of `endpoints` in the configuration. */
  readonly doors: readonly Pick<OpenDoor, "caller" | "kind" | "address">[];
  /** Address of the HTTP server for `/metrics`, `/state`, `/livez` and `/readyz`. */
  readonly admin: { readonly host: string; readonly port: number };
  /** Reads the configuration again. Resolves when it has been applied or refused. */
  reload(): Promise<void>;
  /** Stops within the configured drain times. Resolves when everything is closed. */
  drain(): Promise<void>;
}

/** Starts a gateway. If it cannot serve, closes everything again and rejects. */
export async function startGateway(config: Config, deps: GatewayDeps = {}): Promise<Gateway> {
  const { clock = systemClock, random = Math.random } = deps;
  const logger = deps.logger ?? createLogger({ level: config.logLevel });
  const metrics = createMetrics({
    hasProcessMetrics: deps.hasProcessMetrics ?? true,
    doorRpcs: doorRpcsOf(config),
  });
  const startedAt = clock.now();
  const connectionsOf = createUpstreamConnections(config, { logger, clock });
  // Resources are closed in reverse order of this list.
  await using started = new AsyncDisposables();

  // Traces. Closed last, when all spans have ended.
  const traces = started.add(await openTracing(config, { metrics, logger, clock, random }));
  const { tracing } = traces;

  // Redis. Closed after the instances, so that what instances do until then is still recorded.
  const { redis, store } = started.add(
    await openStores(config, { metrics, logger, clock, random }),
  );

  const pieces = createPieceQueue({ priorities: ["interactive", "management", "bulk"] });

  // The way to Key Protect: credentials, hosts, instances.
  const {
    byAlias: instances,
    hosts,
    credentials,
  } = started.add(
    await createInstances(config, {
      pieces,
      redis,
      tracing,
      connectionsOf,
      metrics,
      logger,
      clock,
      random,
    }),
  );
  const instanceOf = (context: CallContext): Instance => {
    const instance = instances.get(context.instance);
    // `select-instance` rejects every other alias before this.
    if (instance === undefined) throw new Error(`no instance ${context.instance}`);
    return instance;
  };

  // Calls: context, interceptors and observers, then the services with their handlers.
  let readiness: ReadinessState | undefined;
  const shown = { metrics, instances, readiness: () => readiness, startedAt, clock, logger };
  const console = await openConsole(config, shown);
  if (console !== undefined) started.add(console.pages);
  const calls = createCalls(config, {
    clock,
    random,
    logger,
    metrics,
    pieces,
    tracing,
    console,
  });
  const serviceDeps: ServiceDeps = {
    keyProtectOf: (context) => instanceOf(context).keyProtect,
    dialectOf: (context) => instanceOf(context).dialect,
    endpointsOf: (context) => endpointsOf(instanceOf(context), instances.values()),
    instanceIdOf: (context) => instanceOf(context).id,
    itemEnded: calls.itemEnded,
    streams: { idleMs: config.streams.idleMs, itemMs: config.limits.maxDeadlineMs },
    clock,
    idempotency: store && {
      store,
      instanceIdOf: (context) => instanceOf(context).id,
      isTokenPassedThrough: (context) => instanceOf(context).tokens === undefined,
      readWithToken: (context) =>
        instanceOf(context).keyProtect.listKeys(context, { limit: 1, offset: 0 }),
      clock,
    },
  };
  const services = bindContract(serviceDeps, calls.unary, calls.streams.streaming);

  // The servers. The admin server is first: if its address is in use, no call must fail for that.
  const admin = started.add(await openAdmin(config, { ...shown, pages: console?.pages }));
  const interceptors = [
    createRawCallInterceptor({
      endedByLibrary: metrics.callEndedByLibrary,
      clock,
      receiving: calls.receiving,
    }),
  ];
  const server = started.add(
    await startServer({
      listeners: config.listen,
      tls: config.tls,
      services,
      limits: config.limits,
      times: config.connections,
      healthServices: [...new Set(rpcTable.map(({ service }) => service))],
      reflection: config.reflection
        ? { descriptorSetBase64: (await import("../gen/descriptor-set.ts")).descriptorSet }
        : undefined,
      activeCalls: calls.activeCalls,
      endStreams: calls.streams.drain,
      connections: calls.connections,
      interceptors,
      logger,
      clock,
      drain: config.drain,
    }),
  );

  const doors = started.add(
    await openDoors(config, { serviceDeps, calls, interceptors, logger, clock }),
  );
  const servers = [server, ...doors.list];

  // Health and metrics that follow the state of certificates, hosts and tokens.
  const { certificates } = server;
  if (certificates !== undefined) {
    metrics.watchCertificateExpiry(() => (certificates.expiresAt - clock.wallNow()) / 1_000);
  }
  metrics.watchCircuits(() => hosts.circuitsOpen);
  const setServing = (name: string, isServing: boolean): void => {
    for (const { health } of servers) health.setServing(name, isServing);
  };
  hosts.watch(() => setServing("keyprotect.upstream", hosts.circuitsOpen === 0));
  readiness = watchReadiness({
    tokens: new Map([...instances.values()].map(({ alias, tokens }) => [alias, tokens])),
    logger,
    onReady: () => setServing("readiness", true),
  });

  const { access } = calls;
  const targets = { access, certificates, credentials };
  const reloads =
    deps.reload &&
    started.add(startReloads(config, deps.reload, { targets, metrics, logger, clock }));

  const resources = started.move();
  const close = (): Promise<void> => {
    readiness?.drain();
    return resources[Symbol.asyncDispose]();
  };
  return {
    addresses: server.addresses,
    doors: doors.list,
    admin,
    reload: () => reloads?.reload() ?? Promise.resolve(),
    async drain() {
      readiness?.drain();
      traces.drainBegins();
      await Promise.all(servers.map((each) => each.drain()));
      await close();
    },
    [Symbol.asyncDispose]: close,
  };
}
