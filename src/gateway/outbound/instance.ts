/** Builds one Key Protect instance: from its configuration to the client that handlers use. */
import type { Logger } from "pino";
import type { Clock } from "../../platform/clock.ts";
import type { PieceQueue } from "../../platform/pieces/piece-queue.ts";
import type { Config, InstanceConfig } from "../../config/config.ts";
import type { ManagedTokenSource } from "../../iam/token.ts";
import type { ConnectionsOf } from "./upstream-connections.ts";
import { changingMethods, coalescedMethods, isOnlyReplica, toQueueBounds } from "../options.ts";
import { openQuota } from "./quota.ts";
import { createKeyProtectClient } from "../../keyprotect/client.ts";
import { hasErrorBody } from "../../keyprotect/error-body.ts";
import { pathTemplate } from "../../keyprotect/path-template.ts";
import type { Metrics } from "../../observability/metrics/metrics.ts";
import { tokenStateOf, type InstanceState } from "../../observability/state.ts";
import type { RedisCommands } from "../../redis/redis-commands.ts";
import type { KeyProtect } from "../../service/key-protect.ts";
import type { InstanceEndpoint } from "../../service/service-deps.ts";
import type { Tracing } from "../../tracing/tracing.ts";
import { createBearer } from "../../upstream/bearer-token.ts";
import type { ChangeFeeds } from "../../upstream/coalesce/change-feed.ts";
import type { UpstreamHosts } from "../../upstream/host.ts";
import { createUpstream } from "../../upstream/pipeline.ts";
import { proxyHost } from "../../upstream/transport/tunnel.ts";

/** An instance that handlers call. Disposing of it waits for requests under way. */
export interface Instance extends AsyncDisposable {
  /** Name by which callers select it. */
  readonly alias: string;
  /** Identifies the instance in all replicas, whatever its alias. */
  readonly id: string;
  readonly dialect: InstanceConfig["dialect"];
  /** ID of the Key Protect instance, which several aliases may share. */
  readonly instanceId: string;
  readonly endpoint: InstanceEndpoint;
  readonly keyProtect: KeyProtect;
  /** Absent if callers send their own tokens. */
  readonly tokens: ManagedTokenSource | undefined;
  /** The current state, for `/state`. */
  readonly state: () => InstanceState;
  /** Calls that wait for a permit, by caller. */
  readonly waitingByCaller: ReadonlyMap<string, number>;
}

/** Dependencies of an instance. */
export interface InstanceDeps {
  /** Absent if callers send their own tokens. */
  readonly tokens: ManagedTokenSource | undefined;
  /** Settings that apply to all instances. */
  readonly settings: Pick<
    Config,
    "upstream" | "queue" | "retry" | "coalesce" | "replicas" | "requestIds" | "tracing"
  >;
  readonly connectionsOf: ConnectionsOf;
  /** The work on large pages. */
  readonly pieces: PieceQueue;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Absent if nothing uses Redis. */
  readonly redis: RedisCommands | undefined;
  /** Absent if traces are off. */
  readonly tracing?: Tracing | undefined;
  /** State that all instances on one host share. */
  readonly hosts: UpstreamHosts;
  /** The changes that all aliases of one instance share. */
  readonly changes: ChangeFeeds;
}

/** Builds an instance. Connects to nothing yet. */
export function createInstance(config: InstanceConfig, deps: InstanceDeps): Instance {
  const { tokens, hosts, changes, settings, metrics, logger, clock, random } = deps;
  const { replicas } = settings;
  const quota = openQuota(config, { replicas, redis: deps.redis, logger, clock, random });
  const connection = deps.connectionsOf(config.serviceUrl);
  const upstream = createUpstream({
    pool: {
      origin: config.serviceUrl,
      connections: settings.upstream.connections,
      ...connection,
    },
    host: hosts.of(config.serviceUrl),
    ...quota.rateLimitOptions,
    queue: toQueueBounds(settings.queue),
    maxAttempts: settings.retry.maxAttempts,
    coalesce: {
      methods: coalescedMethods(settings.coalesce),
      changing: changingMethods(),
      scope: tokens === undefined ? "caller" : "instance",
      joinUntil: isOnlyReplica(settings) ? "answered" : "sent",
      changes: changes.of(config.instanceId),
    },
    attemptTimeoutMs: settings.upstream.attemptTimeoutMs,
    bearer: createBearer(
      tokens === undefined
        ? { kind: "caller" }
        : { kind: "gateway", tokens, isOwnError: hasErrorBody },
    ),
    isOwnError: hasErrorBody,
    trace: deps.tracing?.attempts({
      origin: config.serviceUrl,
      instance: config.alias,
      templateOf: pathTemplate,
      isSentUpstream: settings.tracing.isSentUpstream,
    }),
    emit: metrics.upstreamCounter(config.alias),
    logger,
    clock,
    random,
  });
  const membership = quota.join(upstream.rateLimit);
  metrics.watchUpstream(config.alias, upstream.state);
  metrics.watchShare(config.alias, membership.state);
  return {
    alias: config.alias,
    id: `${config.serviceUrl} ${config.instanceId}`,
    dialect: config.dialect,
    instanceId: config.instanceId,
    endpoint: config,
    keyProtect: createKeyProtectClient({
      send: upstream.send,
      dialect: config.dialect,
      instanceId: config.instanceId,
      onAnomaly: (anomaly) => metrics.upstreamAnomaly(anomaly),
      wallNow: () => clock.wallNow(),
      pieces: deps.pieces,
    }),
    tokens,
    waitingByCaller: upstream.rateLimit.scheduler.waitingByCaller,
    state: () => ({
      ...upstream.state(),
      proxy: connection.proxy && proxyHost(connection.proxy),
      token: tokens === undefined ? undefined : tokenStateOf(tokens.state()),
      share: membership.state(),
    }),
    async [Symbol.asyncDispose]() {
      await upstream[Symbol.asyncDispose]();
      await membership[Symbol.asyncDispose]();
    },
  };
}

/** Every way by which the gateway reaches the Key Protect instance of `instance`. */
export const endpointsOf = (
  { instanceId }: Instance,
  all: Iterable<Instance>,
): readonly InstanceEndpoint[] =>
  [...all].filter((other) => other.instanceId === instanceId).map(({ endpoint }) => endpoint);
