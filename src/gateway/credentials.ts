/** The gateway's credentials, each with one token source. */
import type { Logger } from "pino";
import type { Clock } from "../platform/clock.ts";
import type { InstanceCredential } from "../config/config.ts";
import type { ConnectionsOf } from "./upstream-connections.ts";
import { createApiKeyFile } from "../iam/api-key-file.ts";
import { createApiKeyExchange } from "../iam/exchange.ts";
import { createIamConnection } from "../iam/iam-http.ts";
import { createTokenSource } from "../iam/token-source.ts";
import type { ManagedTokenSource } from "../iam/token.ts";
import type { Metrics } from "../observability/metrics/metrics.ts";

/** Dependencies of the token sources. */
export interface CredentialDeps {
  readonly connectionsOf: ConnectionsOf;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: () => number;
}

/** Token sources by credential. Disposing of it ends their refreshes. */
export interface Credentials extends AsyncDisposable {
  /**
   * Returns the token source of a credential. Instances with the same credential share one, so that
   * IAM is asked once. `undefined` if callers send their own tokens.
   */
  tokensOf(credential: InstanceCredential): ManagedTokenSource | undefined;
}

interface Source extends AsyncDisposable {
  readonly tokens: ManagedTokenSource;
}

/** Creates the token sources on demand. Sends nothing to IAM yet. */
export function createCredentials(deps: CredentialDeps): Credentials {
  const sources = new Map<string, Source>();
  return {
    tokensOf(credential) {
      if (credential.kind === "caller") return undefined;
      const name = credential.kind === "apiKey" ? credential.apiKey.reveal() : credential.path;
      const id = [credential.kind, credential.iamUrl, name].join("\n");
      const source = sources.get(id) ?? createSource(credential, deps);
      sources.set(id, source);
      return source.tokens;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...sources.values()].map((source) => source[Symbol.asyncDispose]()));
    },
  };
}

function createSource(
  credential: Exclude<InstanceCredential, { readonly kind: "caller" }>,
  { connectionsOf, metrics, logger, clock, random }: CredentialDeps,
): Source {
  const connection = createIamConnection({
    iamUrl: credential.iamUrl,
    ...connectionsOf(credential.iamUrl),
  });
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
