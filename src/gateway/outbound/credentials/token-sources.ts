/** The gateway's credentials, each with one token source. */
import type { Logger } from "pino";
import type { Clock } from "../../../platform/clock.ts";
import {
  authTypeOf,
  type GatewayCredential,
  type InstanceCredential,
} from "../../../config/credential.ts";
import { openExchange } from "./exchanges.ts";
import type { ConnectionsOf } from "../upstream-connections.ts";
import { createTokenSource } from "../../../iam/token-source.ts";
import type { ManagedTokenSource } from "../../../iam/token.ts";
import type { Metrics } from "../../../observability/metrics/metrics.ts";
import { Secret } from "../../../platform/secret.ts";
import type { Tracing } from "../../../tracing/tracing.ts";

/** Dependencies of the token sources. */
export interface CredentialDeps {
  readonly connectionsOf: ConnectionsOf;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: () => number;
  /** Absent if traces are off. */
  readonly tracing?: Tracing | undefined;
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
      const id = identityOf(credential);
      const source = sources.get(id) ?? createSource(credential, deps);
      sources.set(id, source);
      return source.tokens;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...sources.values()].map((source) => source[Symbol.asyncDispose]()));
    },
  };
}

function createSource(credential: GatewayCredential, deps: CredentialDeps): Source {
  const { metrics, logger, clock, random } = deps;
  const opened = openExchange(credential, deps);
  const authType = authTypeOf(credential);
  const spans = deps.tracing?.credential({ authType, url: issuerOf(credential) });
  const source = createTokenSource({
    exchange: spans === undefined ? opened.exchange : spans.exchange(opened.exchange),
    authType,
    clock,
    random,
    logger,
    hasCredentialChanged: opened.hasChanged,
    onRefresh: (outcome) => metrics.iamRefreshed(authType, outcome),
  });
  const tokens = spans === undefined ? source : spans.tokens(source);
  metrics.watchTokenAge(() => {
    const { ageMs } = tokens.state();
    return ageMs === undefined ? undefined : ageMs / 1_000;
  });
  return {
    tokens,
    async [Symbol.asyncDispose]() {
      tokens.close();
      await opened[Symbol.asyncDispose]();
    },
  };
}

/** URL of the server that issues the token. */
const issuerOf = (credential: GatewayCredential): string =>
  credential.kind === "vpc" ? credential.imsUrl : credential.iamUrl;

/** A text that two credentials share only if they are the same. It contains secrets. */
function identityOf(value: unknown): string {
  if (value instanceof Secret) return JSON.stringify(value.reveal());
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "";
  const fields = Object.entries(value).map(([name, each]) => `${name}:${identityOf(each)}`);
  return `{${fields.join()}}`;
}
