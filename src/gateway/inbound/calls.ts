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
import { type ActiveCalls, createActiveCalls } from "../../grpc/call/active-calls.ts";
import { defaultDeadlineRules } from "../../grpc/call/deadline.ts";
import { createPeerReader } from "../../grpc/call/peer.ts";
import { createUnary, type Unary } from "../../grpc/call/unary-handler.ts";
import { createAuthenticate } from "../../grpc/interceptors/authenticate.ts";
import { createAuthorize } from "../../grpc/interceptors/authorize.ts";
import { inOrder } from "../../grpc/interceptors/interceptor.ts";
import { limitMetadata } from "../../grpc/interceptors/limit-metadata.ts";
import { prioritize } from "../../grpc/interceptors/prioritize.ts";
import { createSelectInstance } from "../../grpc/interceptors/select-instance.ts";
import { selectKeyRing } from "../../grpc/interceptors/select-key-ring.ts";
import { createAccessLog } from "../../grpc/observers/access-log.ts";
import type { Metrics } from "../../observability/metrics/metrics.ts";
import type { Clock } from "../../platform/clock.ts";
import { observeUnknownReasons } from "../../service/errors/to-status-error.ts";
import { type CallerBounds, createCallerBounds } from "./caller-bounds.ts";

/** Dependencies of `createCalls`. */
export interface CallsDeps {
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** The inbound side before a server listens. */
export interface Calls extends CallerBounds {
  /** Runs the handler of an RPC with one pipeline for all RPCs. */
  readonly unary: Unary;
  readonly activeCalls: ActiveCalls;
  /** The access policy, for replacement. A call is asked about once, at its start. */
  readonly access: Pick<ReplaceablePolicy, "replace">;
}

/** Builds the pipeline of inbound calls. Nothing listens yet. */
export function createCalls(config: Config, deps: CallsDeps): Calls {
  const { clock, logger, metrics } = deps;
  const activeCalls = createActiveCalls();
  const bounds = createCallerBounds(config, deps);
  const access = createReplaceablePolicy(
    config.policy === undefined
      ? defaultPolicy(config.listen.every(isLocalAddress))
      : compilePolicy(config.policy.rules),
  );
  const unary = createUnary({
    clock,
    logger,
    activeCalls,
    maxSendBytes: config.limits.maxSendBytes,
    isSessionOver: bounds.connections.isSessionOver,
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
      prioritize,
      authorize: createAuthorize(access.isAllowed),
    }),
  });
  return { ...bounds, unary, activeCalls, access };
}
