/** One Key Protect instance, from its configuration to the client that handlers use. */
import type { Logger } from "pino";
import type { Clock } from "./clock.ts";
import type { InstanceConfig, InstanceCredential, UpstreamConfig } from "./config/config.ts";
import { createApiKeyFile } from "./iam/api-key-file.ts";
import { createApiKeyExchange } from "./iam/exchange.ts";
import { createPost } from "./iam/post.ts";
import { createTokenSource } from "./iam/token-source.ts";
import type { TokenSource } from "./iam/token.ts";
import { createKeyProtectClient } from "./keyprotect/client.ts";
import type { Metrics } from "./observability/metrics.ts";
import type { KeyProtect } from "./service/key-protect.ts";
import { createBearer } from "./upstream/bearer.ts";
import { createUpstream } from "./upstream/pipeline.ts";

/** An instance that calls can be made to. Disposing of it waits for requests under way. */
export interface Instance extends AsyncDisposable {
  readonly alias: string;
  readonly dialect: InstanceConfig["dialect"];
  readonly keyProtect: KeyProtect;
  /** Absent where callers bring their own tokens. */
  readonly tokens: TokenSource | undefined;
}

/** What instances are built with. */
export interface InstanceDeps {
  readonly upstream: UpstreamConfig;
  /** PEM certificates trusted instead of the system's. */
  readonly ca: string | undefined;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: () => number;
}

/** Builds an instance. Nothing is connected and no token is asked for yet. */
export function createInstance(config: InstanceConfig, deps: InstanceDeps): Instance {
  const { upstream: settings, ca, metrics, logger, clock } = deps;
  const iam = createIam(config.credential, deps);
  const upstream = createUpstream({
    pool: {
      origin: config.serviceUrl,
      connections: settings.connections,
      connectTimeoutMs: settings.connectTimeoutMs,
      ca,
    },
    attemptTimeoutMs: settings.attemptTimeoutMs,
    bearer: createBearer(
      iam === undefined ? { kind: "caller" } : { kind: "gateway", tokens: iam.tokens },
    ),
    meter: metrics,
    logger,
    clock,
  });
  return {
    alias: config.alias,
    dialect: config.dialect,
    keyProtect: createKeyProtectClient({
      send: upstream.send,
      dialect: config.dialect,
      instanceId: config.instanceId,
      onAnomaly: (anomaly) => metrics.upstreamAnomaly(anomaly),
      wallNow: () => clock.wallNow(),
    }),
    tokens: iam?.tokens,
    async [Symbol.asyncDispose]() {
      await upstream.close();
      await iam?.[Symbol.asyncDispose]();
    },
  };
}

interface Iam extends AsyncDisposable {
  readonly tokens: TokenSource;
}

function createIam(credential: InstanceCredential, deps: InstanceDeps): Iam | undefined {
  if (credential.kind === "caller") return undefined;
  const { ca, clock, random, logger, metrics } = deps;
  const connection = createPost({ iamUrl: credential.iamUrl, ca });
  const key =
    credential.kind === "apiKeyFile"
      ? createApiKeyFile(credential.path)
      : {
          read: () => Promise.resolve(credential.apiKey),
          hasChanged: () => Promise.resolve(false),
        };
  const tokens = createTokenSource({
    exchange: createApiKeyExchange({ post: connection.post, apiKey: () => key.read(), clock }),
    clock,
    random,
    logger,
    hasCredentialChanged: () => key.hasChanged(),
    onRefresh: (outcome) => metrics.iamRefreshed(outcome),
  });
  metrics.watchTokenAge(() => {
    const { ageMs } = tokens.state();
    return ageMs === undefined ? undefined : ageMs / 1_000;
  });
  return {
    tokens,
    async [Symbol.asyncDispose]() {
      tokens.close();
      await connection[Symbol.asyncDispose]();
    },
  };
}
