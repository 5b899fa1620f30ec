/** The composition root: the only file that knows all rooms. It builds their parts in order. */
import { randomUUID } from "node:crypto";
import type { Logger } from "pino";
import { compilePolicy, defaultPolicy } from "../access/policy.ts";
import { AsyncDisposables } from "../platform/disposable-stack.ts";
import { bindContract } from "./bind-services.ts";
import { systemClock, type Clock } from "../platform/clock.ts";
import type { Config } from "../config/config.ts";
import { isLocalAddress, type ListenAddress } from "../config/listen-address.ts";
import { createCallerBounds } from "./caller-bounds.ts";
import { toCircuits } from "./options.ts";
import { createUpstreamConnections } from "./upstream-connections.ts";
import { createCredentials } from "./credentials/token-sources.ts";
import { descriptorSet } from "../gen/descriptor-set.ts";
import type { CallContext } from "../grpc/call/call-context.ts";
import { createActiveCalls } from "../grpc/call/active-calls.ts";
import { defaultDeadlineRules } from "../grpc/call/deadline.ts";
import { createAuthenticate } from "../grpc/interceptors/authenticate.ts";
import { createAuthorize } from "../grpc/interceptors/authorize.ts";
import { inOrder } from "../grpc/interceptors/interceptor.ts";
import { limitMetadata } from "../grpc/interceptors/limit-metadata.ts";
import { createSelectInstance } from "../grpc/interceptors/select-instance.ts";
import { selectKeyRing } from "../grpc/interceptors/select-key-ring.ts";
import { prioritize } from "../grpc/interceptors/prioritize.ts";
import { createRawCallInterceptor } from "../grpc/server/raw-call-interceptor.ts";
import { createAccessLog } from "../grpc/observers/access-log.ts";
import { createPeerReader } from "../grpc/call/peer.ts";
import { startServer } from "../grpc/server/server.ts";
import { createUnary } from "../grpc/call/unary-handler.ts";
import { createInstance, endpointsOf, type Instance } from "./instance.ts";
import { startAdmin } from "../observability/admin-server.ts";
import { createLogger } from "../observability/logging/logger.ts";
import { createMetrics } from "../observability/metrics/metrics.ts";
import { watchReadiness, type ReadinessState } from "./readiness.ts";
import { openStores } from "./redis.ts";
import { rpcTable } from "../rpc-table.ts";
import { observeUnknownReasons } from "../service/errors/to-status-error.ts";
import { createChangeFeeds } from "../upstream/coalesce/change-feed.ts";
import { createUpstreamHosts } from "../upstream/host.ts";
import { gatewayVersion } from "../platform/version.ts";

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
}

/** A running gateway. Disposing of it ends active calls with a typed error. */
export interface Gateway extends AsyncDisposable {
  /** Addresses of the gRPC server, with the bound ports. */
  readonly addresses: readonly ListenAddress[];
  /** Address of the HTTP server for `/metrics`, `/state`, `/livez` and `/readyz`. */
  readonly admin: { readonly host: string; readonly port: number };
  /** Stops within the configured drain times. Resolves when everything is closed. */
  drain(): Promise<void>;
}

/** Starts a gateway. If it cannot serve, closes everything again and rejects. */
export async function startGateway(config: Config, deps: GatewayDeps = {}): Promise<Gateway> {
  const { clock = systemClock, random = Math.random } = deps;
  const logger = deps.logger ?? createLogger({ level: config.logLevel });
  const metrics = createMetrics({ hasProcessMetrics: deps.hasProcessMetrics ?? true });
  const startedAt = clock.now();
  const connectionsOf = createUpstreamConnections(config, { logger, clock });
  // Resources are closed in reverse order of this list.
  await using started = new AsyncDisposables();

  // Redis. Closed last, so that what instances do until then is still recorded.
  const { redis, store } = started.add(openStores(config, { metrics, logger, clock, random }));

  // The way to Key Protect: credentials, hosts, instances.
  const credentials = started.add(
    createCredentials({ connectionsOf, metrics, logger, clock, random }),
  );
  const hosts = createUpstreamHosts({
    clock,
    random,
    logger,
    circuits: toCircuits(config.breaker),
    emit: metrics.countHost,
    retriesPerSuccess: config.retry.budgetPercent / 100,
  });
  started.add({ [Symbol.asyncDispose]: () => Promise.resolve(hosts[Symbol.dispose]()) });
  const changes = createChangeFeeds();
  const shared = {
    hosts,
    changes,
    redis,
    settings: config,
    connectionsOf,
    metrics,
    logger,
    clock,
    random,
  };
  const instances = new Map<string, Instance>(
    config.instances.map((instance) => {
      const tokens = credentials.tokensOf(instance.credential);
      return [instance.alias, started.add(createInstance(instance, { ...shared, tokens }))];
    }),
  );
  const instanceOf = (context: CallContext): Instance => {
    const instance = instances.get(context.instance);
    // `select-instance` rejects every other alias before this.
    if (instance === undefined) throw new Error(`no instance ${context.instance}`);
    return instance;
  };

  // Calls: context, interceptors and observers, then the services with their handlers.
  const activeCalls = createActiveCalls();
  const { connections, receiving } = createCallerBounds(config, { clock, random, logger, metrics });
  const unary = createUnary({
    clock,
    logger,
    activeCalls,
    maxSendBytes: config.limits.maxSendBytes,
    isSessionOver: connections.isSessionOver,
    createId: randomUUID,
    deadlines: { ...defaultDeadlineRules, maxMs: config.limits.maxDeadlineMs },
    peerOf: createPeerReader({
      requiresClientCertificate: config.tls?.clientCaFile !== undefined,
      trustDomains: config.tls?.trustDomains ?? [],
    }),
    observers: [
      metrics,
      createAccessLog(logger),
      observeUnknownReasons(() => metrics.unknownUpstreamReason()),
    ],
    interceptors: inOrder({
      "limit-metadata": limitMetadata({
        maxBytes: config.limits.maxMetadataBytes,
        maxEntries: config.limits.maxMetadataEntries,
      }),
      authenticate: createAuthenticate({ isTls: config.tls !== undefined }),
      "select-instance": createSelectInstance({
        instances: new Map(
          config.instances.map(({ alias, instanceId }) => [alias, { instanceId }]),
        ),
        defaultAlias: config.defaultInstance,
      }),
      "select-key-ring": selectKeyRing,
      prioritize: prioritize,
      authorize: createAuthorize(
        config.policy === undefined
          ? defaultPolicy(config.listen.every(isLocalAddress))
          : compilePolicy(config.policy.rules),
      ),
    }),
  });
  const services = bindContract(
    {
      keyProtectOf: (context) => instanceOf(context).keyProtect,
      dialectOf: (context) => instanceOf(context).dialect,
      endpointsOf: (context) => endpointsOf(instanceOf(context), instances.values()),
      clock,
      idempotency: store && {
        store,
        instanceIdOf: (context) => instanceOf(context).id,
        isTokenPassedThrough: (context) => instanceOf(context).tokens === undefined,
        readWithToken: (context) =>
          instanceOf(context).keyProtect.listKeys(context, { limit: 1, offset: 0 }),
        clock,
      },
    },
    unary,
  );

  // The servers. The admin server is first: if its address is in use, no call must fail for that.
  let readiness: ReadinessState | undefined;
  const admin = started.add(
    await startAdmin({
      listen: config.adminListen,
      metrics,
      readiness: () => readiness?.current() ?? { isReady: false, reasons: ["starting"] },
      state: () => ({
        version: gatewayVersion(),
        uptimeSeconds: (clock.now() - startedAt) / 1_000,
        isDraining: readiness?.isDraining ?? false,
        instances: Object.fromEntries(
          [...instances.values()].map(({ alias, state }) => [alias, state()]),
        ),
      }),
    }),
  );
  logger.info(
    { address: `${admin.host}:${admin.port}` },
    "serving /metrics, /state, /livez and /readyz",
  );
  const server = started.add(
    await startServer({
      listeners: config.listen,
      tls: config.tls,
      services,
      limits: config.limits,
      times: config.connections,
      healthServices: [...new Set(rpcTable.map(({ service }) => service))],
      reflection: config.reflection ? { descriptorSetBase64: descriptorSet } : undefined,
      activeCalls,
      connections,
      interceptors: [
        createRawCallInterceptor({
          endedByLibrary: metrics.callEndedByLibrary,
          clock,
          receiving,
        }),
      ],
      logger,
      clock,
      drain: config.drain,
    }),
  );

  // Health and metrics that follow the state of certificates, hosts and tokens.
  const { certificates } = server;
  if (certificates !== undefined) {
    metrics.watchCertificateExpiry(() => (certificates.expiresAt - clock.wallNow()) / 1_000);
  }
  metrics.watchCircuits(() => hosts.circuitsOpen);
  hosts.watch(() => server.health.setServing("keyprotect.upstream", hosts.circuitsOpen === 0));
  readiness = watchReadiness({
    tokens: new Map([...instances.values()].map(({ alias, tokens }) => [alias, tokens])),
    logger,
    onReady: () => server.health.setServing("readiness", true),
  });

  const resources = started.move();
  const close = (): Promise<void> => {
    readiness?.drain();
    return resources[Symbol.asyncDispose]();
  };
  return {
    addresses: server.addresses,
    admin,
    async drain() {
      readiness?.drain();
      await server.drain();
      await close();
    },
    [Symbol.asyncDispose]: close,
  };
}
