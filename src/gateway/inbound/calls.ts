/** Builds what every call passes: its context, the interceptors and the observers. */
import { randomUUID } from "node:crypto";
import type { Logger } from "pino";
import {
  compilePolicy,
  createReplaceablePolicy,
  defaultPolicy,
  type ReplaceablePolicy,
} from "../../access/policy.ts";
import type { Config } from "../../config/config.ts";
import { isLocalAddress } from "../../config/listen-address.ts";
import type { Console } from "../../console/console.ts";
import { type ActiveCalls, createActiveCalls } from "../../grpc/call/active-calls.ts";
import type { CallObserver, ItemOutcome } from "../../grpc/call/call-observer.ts";
import { defaultDeadlineRules } from "../../grpc/call/deadline.ts";
import { createPeerReader } from "../../grpc/call/peer.ts";
import { createStreaming, type Streams } from "../../grpc/call/streams/streaming.ts";
import { createUnary, type Unary, type UnaryOptions } from "../../grpc/call/unary-handler.ts";
import { createAuthenticate } from "../../grpc/interceptors/authenticate.ts";
import { createAuthorize } from "../../grpc/interceptors/authorize.ts";
import { type Interceptor, inOrder } from "../../grpc/interceptors/interceptor.ts";
import type { Connections } from "../../grpc/server/connections/connections.ts";
import { limitMetadata } from "../../grpc/interceptors/limit-metadata.ts";
import { prioritize } from "../../grpc/interceptors/prioritize.ts";
import { createSelectInstance } from "../../grpc/interceptors/select-instance.ts";
import { selectKeyRing } from "../../grpc/interceptors/select-key-ring.ts";
import { createAccessLog } from "../../grpc/observers/access-log.ts";
import type { Metrics } from "../../observability/metrics/metrics.ts";
import type { Clock } from "../../platform/clock.ts";
import type { PieceQueue } from "../../platform/pieces/piece-queue.ts";
import type { Tracing } from "../../tracing/tracing.ts";
import { observeUnknownReasons } from "../../service/errors/to-status-error.ts";
import { type CallerBounds, createCallerBounds } from "./caller-bounds.ts";

/** Dependencies of `createCalls`. */
export interface CallsDeps {
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** The work on large pages. */
  readonly pieces: PieceQueue;
  /** Absent if traces are off. */
  readonly tracing?: Tracing | undefined;
  /** Absent if the console is off. */
  readonly console?: Pick<Console, "observer"> | undefined;
}

/** The inbound side before a server listens. */
export interface Calls extends CallerBounds {
  /** Runs the handler of an RPC with one pipeline for all RPCs. */
  readonly unary: Unary;
  /** Runs the handlers of streams with the same pipeline. */
  readonly streams: Streams;
  readonly activeCalls: ActiveCalls;
  /** Notifies the observers of calls of an item. */
  readonly itemEnded: (outcome: ItemOutcome) => void;
  /** Makes the pipeline of a door, with its own interceptors behind `limit-metadata`. */
  readonly createDoorCalls: (interceptors: readonly Interceptor[]) => DoorCalls;
  /** The access policy, for replacement. A call is asked about once, at its start. */
  readonly access: ReplaceablePolicy;
}

/** The inbound side of one door before it listens. */
export interface DoorCalls {
  readonly unary: Unary;
  readonly activeCalls: ActiveCalls;
  readonly connections: Connections;
}

/** Builds the pipeline of inbound calls. Nothing listens yet. */
export function createCalls(config: Config, deps: CallsDeps): Calls {
  const { clock, logger, metrics, pieces, tracing } = deps;
  const activeCalls = createActiveCalls();
  const bounds = createCallerBounds(config, deps);
  const observers: readonly CallObserver[] = [
    metrics,
    createAccessLog(logger),
    ...(tracing === undefined ? [] : [tracing.observer]),
    ...(deps.console === undefined ? [] : [deps.console.observer]),
    observeUnknownReasons(() => metrics.unknownUpstreamReason()),
  ];
  const access = createReplaceablePolicy(
    config.policy === undefined
      ? defaultPolicy(config.listen.every(isLocalAddress), config.endpoints)
      : compilePolicy(config.policy.rules),
  );
  const shared = {
    clock,
    logger,
    maxSendBytes: config.limits.maxSendBytes,
    createId: randomUUID,
    deadlines: { ...defaultDeadlineRules, maxMs: config.limits.maxDeadlineMs },
    beginTrace: tracing?.begin,
    observers,
    pieces,
  } satisfies Partial<UnaryOptions>;
  const boundMetadata = limitMetadata({
    maxBytes: config.limits.maxMetadataBytes,
    maxEntries: config.limits.maxMetadataEntries,
  });
  const ofContract: UnaryOptions = {
    ...shared,
    activeCalls,
    isSessionOver: bounds.connections.isSessionOver,
    peerOf: createPeerReader({
      requiresClientCertificate: config.tls?.clientCaFile !== undefined,
      trustDomains: config.tls?.trustDomains ?? [],
    }),
    interceptors: inOrder({
      "limit-metadata": boundMetadata,
      authenticate: createAuthenticate({ isTls: config.tls !== undefined }),
      "select-instance": createSelectInstance({
        instances: new Map(
          config.instances.map(({ alias, instanceId }) => [alias, { instanceId }]),
        ),
        defaultAlias: config.defaultInstance,
      }),
      "select-key-ring": selectKeyRing,
      prioritize,
      authorize: createAuthorize(access.isAllowed),
    }),
  };
  const createDoorCalls: Calls["createDoorCalls"] = (interceptors) => {
    const connections = bounds.createDoorConnections();
    const calls = createActiveCalls();
    const ofDoor = createUnary({
      ...shared,
      activeCalls: calls,
      isSessionOver: connections.isSessionOver,
      peerOf: createPeerReader({ requiresClientCertificate: false, trustDomains: [] }),
      interceptors: [boundMetadata, ...interceptors],
    });
    return { unary: ofDoor, activeCalls: calls, connections };
  };
  return {
    ...bounds,
    unary: createUnary(ofContract),
    streams: createStreaming({ ...ofContract, limits: config.streams }),
    activeCalls,
    access,
    createDoorCalls,
    itemEnded(outcome) {
      for (const observer of observers) observer.itemEnded?.(outcome);
    },
  };
}
