/** The composition root: the one place that knows all rooms and puts them together. */
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Logger } from "pino";
import { allowEveryone, compilePolicy } from "./access/policy.ts";
import { AsyncDisposables } from "./async-disposables.ts";
import { systemClock, type Clock } from "./clock.ts";
import type { Config } from "./config/config.ts";
import type { ListenAddress } from "./config/listen-address.ts";
import { descriptorSet } from "./gen/descriptor-set.ts";
import { bindService } from "./grpc/bind-service.ts";
import type { CallContext } from "./grpc/call-context.ts";
import { createCallRegistry } from "./grpc/call-registry.ts";
import { defaultDeadlineRules } from "./grpc/deadline.ts";
import { createAuthenticate } from "./grpc/interceptors/authenticate.ts";
import { createAuthorize } from "./grpc/interceptors/authorize.ts";
import { limitMetadata } from "./grpc/interceptors/limit-metadata.ts";
import { createRoute } from "./grpc/interceptors/route.ts";
import { createLibraryStatus } from "./grpc/library-status.ts";
import { createLogAccess } from "./grpc/observers/log-access.ts";
import { createMeasure } from "./grpc/observers/measure.ts";
import { createPeerReader } from "./grpc/peer.ts";
import { startServer } from "./grpc/server.ts";
import { services } from "./grpc/services.ts";
import { createUnary } from "./grpc/unary.ts";
import { createInstance, type Instance } from "./instance.ts";
import { startAdmin } from "./observability/admin.ts";
import { createLogger } from "./observability/logger.ts";
import { createMetrics } from "./observability/metrics.ts";
import { assertTableCovers, rpcTable } from "./rpc-table.ts";
import { createKeyActionsHandlers } from "./service/key-actions.ts";
import { createKeysHandlers } from "./service/keys.ts";
import { createLockersHandlers } from "./service/lockers.ts";
import { createFailureObserver } from "./service/observe-failures.ts";
import { createPoliciesHandlers } from "./service/policies.ts";
import type { ServiceDeps } from "./service/service-deps.ts";

/** What may be put in another's place, mostly by tests. */
export interface GatewayDeps {
  /** Default: the machine's. */
  readonly clock?: Clock;
  /** Uniform in [0, 1). Default `Math.random`: it spreads load, it keeps no secret. */
  readonly random?: () => number;
  /** Default: JSON lines on standard output. */
  readonly logger?: Logger;
  /** Whether `/metrics` has those of Node and the process. Default `true`. */
  readonly hasProcessMetrics?: boolean;
}

/** A gateway that serves. Disposing of it ends calls in flight with a typed answer. */
export interface Gateway extends AsyncDisposable {
  /** Where gRPC is served, ports as bound. */
  readonly addresses: readonly ListenAddress[];
  /** Where `/metrics`, `/livez` and `/readyz` are served. */
  readonly admin: { readonly host: string; readonly port: number };
  /** Stops serving as the configuration's drain times say. Resolves when everything is closed. */
  drain(): Promise<void>;
}

/** How long readiness waits for the first token; after that, callers are better served by typed errors than by nobody. */
const firstTokenMs = 10_000;

/** Starts a gateway. Rejects, with nothing left listening, if it cannot serve. */
export async function startGateway(config: Config, deps: GatewayDeps = {}): Promise<Gateway> {
  const { clock = systemClock, random = Math.random } = deps;
  const logger = deps.logger ?? createLogger({ level: config.logLevel });
  const metrics = createMetrics({ hasProcessMetrics: deps.hasProcessMetrics ?? true });
  const registry = createCallRegistry();
  const { caFile } = config.upstream;
  const ca = caFile === undefined ? undefined : readFileSync(caFile, "utf8");
  const instances = new Map<string, Instance>(
    config.instances.map((instance) => [
      instance.alias,
      createInstance(instance, {
        upstream: config.upstream,
        ca,
        metrics,
        logger,
        clock,
        random,
      }),
    ]),
  );
  const instanceOf = (context: CallContext): Instance => {
    const instance = instances.get(context.instance);
    // `route` lets no other alias pass.
    if (instance === undefined) throw new Error(`no instance ${context.instance}`);
    return instance;
  };

  const unary = createUnary({
    clock,
    logger,
    registry,
    createId: randomUUID,
    deadlines: { ...defaultDeadlineRules, maxMs: config.limits.maxDeadlineMs },
    peerOf: createPeerReader({
      requiresClientCertificate: config.tls?.clientCaFile !== undefined,
      trustDomains: config.tls?.trustDomains ?? [],
    }),
    observers: [
      createMeasure(metrics),
      createLogAccess(logger),
      createFailureObserver({
        onUnknownReason: () => metrics.unknownUpstreamReason(),
        onAmbiguous: (rpc) => metrics.callAmbiguous(rpc),
      }),
    ],
    interceptors: [
      limitMetadata({
        maxBytes: config.limits.maxMetadataBytes,
        maxEntries: config.limits.maxMetadataEntries,
      }),
      createAuthenticate({ isTls: config.tls !== undefined }),
      createRoute({ aliases: [...instances.keys()], defaultAlias: config.defaultInstance }),
      createAuthorize(
        config.policy === undefined ? allowEveryone : compilePolicy(config.policy.rules),
      ),
    ],
  });
  const serviceDeps: ServiceDeps = {
    keyProtectOf: (context) => instanceOf(context).keyProtect,
    dialectOf: (context) => instanceOf(context).dialect,
    clock,
  };
  const bound = [
    bindService(services.keys, createKeysHandlers(serviceDeps), unary),
    bindService(services.keyActions, createKeyActionsHandlers(serviceDeps), unary),
    bindService(services.policies, createPoliciesHandlers(serviceDeps), unary),
    bindService(services.lockers, createLockersHandlers(serviceDeps), unary),
  ];
  assertTableCovers(
    bound.flatMap(({ definition }) => Object.values(definition).map(({ path }) => path)),
  );

  await using started = new AsyncDisposables();
  for (const instance of instances.values()) started.add(instance);

  let isDraining = false;
  const awaitingToken = new Set(
    [...instances.values()].filter(({ tokens }) => tokens !== undefined).map(({ alias }) => alias),
  );
  const admin = started.add(
    await startAdmin({
      listen: config.adminListen,
      metrics,
      readiness: () => {
        const reasons = [
          ...(isDraining ? ["draining"] : []),
          ...[...awaitingToken].map((alias) => `no IAM token yet for instance ${alias}`),
        ];
        return { isReady: reasons.length === 0, reasons };
      },
    }),
  );
  const server = started.add(
    await startServer({
      listeners: config.listen,
      tls: config.tls,
      services: bound,
      limits: config.limits,
      healthServices: [...new Set(rpcTable.map(({ service }) => service))],
      reflection: config.reflection ? { descriptorSetBase64: descriptorSet } : undefined,
      registry,
      interceptors: [
        createLibraryStatus(
          (path, code) => metrics.callEndedByLibrary(path, code),
          () => clock.wallNow(),
        ),
      ],
      logger,
      clock,
      drain: config.drain,
    }),
  );
  const { certificates } = server;
  if (certificates !== undefined) {
    metrics.watchCertificateExpiry(() => (certificates.expiresAt - clock.wallNow()) / 1_000);
  }

  const ready = (alias: string): void => {
    awaitingToken.delete(alias);
    if (awaitingToken.size === 0 && !isDraining) server.health.setServing("readiness", true);
  };
  if (awaitingToken.size === 0) server.health.setServing("readiness", true);
  for (const { alias, tokens } of instances.values()) {
    if (tokens === undefined) continue;
    void tokens.ready(firstTokenMs).then((hasToken) => {
      if (!hasToken && !isDraining)
        logger.warn({ instance: alias }, "serving without an IAM token");
      return ready(alias);
    });
  }

  const resources = started.move();
  return {
    addresses: server.addresses,
    admin,
    async drain() {
      isDraining = true;
      await server.drain();
      await resources[Symbol.asyncDispose]();
    },
    async [Symbol.asyncDispose]() {
      isDraining = true;
      await resources[Symbol.asyncDispose]();
    },
  };
}
