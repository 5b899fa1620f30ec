/** The gateway's credentials, each with one token source. */
import type { Logger } from "pino";
import type { Clock, Timer } from "../../../platform/clock.ts";
import {
  authTypeOf,
  credentialIdentity,
  type GatewayCredential,
  type InstanceCredential,
} from "../../../config/credential.ts";
import { openExchange } from "./exchanges.ts";
import type { ConnectionsOf } from "../upstream-connections.ts";
import { createTokenSource } from "../../../iam/token-source.ts";
import type { ManagedTokenSource } from "../../../iam/token.ts";
import type { Metrics } from "../../../observability/metrics/metrics.ts";
import type { Tracing } from "../../../tracing/tracing.ts";
import { createReplaceableTokens, type ReplaceableTokens } from "./replaceable-tokens.ts";

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
  /**
   * Returns the token source of an instance, which `replace` can give another credential. Shares
   * tokens as `tokensOf` does. `undefined` if callers send their own tokens.
   */
  tokensFor(alias: string, credential: InstanceCredential): ManagedTokenSource | undefined;
  /** Gives instances that have a credential another one, or one with another content. */
  replace(changes: readonly CredentialChange[]): void;
}

/** The new credential of an instance. */
export interface CredentialChange {
  readonly alias: string;
  readonly credential: GatewayCredential;
}

interface Source extends AsyncDisposable {
  readonly tokens: ManagedTokenSource;
}

/** Time after which a source that no instance uses is closed, in milliseconds. No call waits. */
const retirementMs = 60_000;

/** Creates the token sources on demand. Sends nothing to IAM yet. */
export function createCredentials(deps: CredentialDeps): Credentials {
  const sources = new Map<string, Source>();
  const byAlias = new Map<string, ReplaceableTokens>();
  let retirement: Timer | undefined;
  let generation = 0;
  /** Tokens of sources that replace each other must not have the same number. */
  const nextGeneration = (): number => (generation += 1);

  const sourceOf = (credential: GatewayCredential): Source => {
    const id = credentialIdentity(credential);
    const source = sources.get(id) ?? createSource(credential, nextGeneration, deps);
    sources.set(id, source);
    return source;
  };
  const tokensOf = (credential: InstanceCredential): ManagedTokenSource | undefined =>
    credential.kind === "caller" ? undefined : sourceOf(credential).tokens;

  /** Closes the sources that no instance uses any more. Looks again while one still does. */
  const retireUnused = (): void => {
    retirement?.cancel();
    retirement = deps.clock.after(retirementMs, () => {
      const inUse = [...byAlias.values()];
      for (const [id, source] of sources) {
        if (inUse.some((tokens) => tokens.uses(source.tokens))) continue;
        sources.delete(id);
        void source[Symbol.asyncDispose]();
      }
      if (inUse.some((tokens) => tokens.present.state().phase === "none")) retireUnused();
    });
  };

  return {
    tokensOf,
    tokensFor(alias, credential) {
      const first = tokensOf(credential);
      if (first === undefined) return undefined;
      const tokens = createReplaceableTokens(first);
      byAlias.set(alias, tokens);
      deps.metrics.watchCredentialUse(alias, () => (tokens.state().credentialUsedAt ?? 0) / 1_000);
      return tokens;
    },
    replace(changes) {
      const toTry = new Set<ManagedTokenSource>();
      for (const { alias, credential } of changes) {
        const tokens = byAlias.get(alias);
        if (tokens === undefined) throw new Error(`the instance ${alias} has no credential`);
        const { tokens: next } = sourceOf(credential);
        const isSame = next === tokens.present;
        // A source that another instance uses already has shown what its credential is worth.
        if (isSame || next.state().credentialUsedAt === undefined) toTry.add(next);
        if (!isSame) tokens.replace(next);
      }
      for (const tokens of toTry) tokens.credentialReplaced();
      retireUnused();
    },
    async [Symbol.asyncDispose]() {
      retirement?.cancel();
      await Promise.all([...sources.values()].map((source) => source[Symbol.asyncDispose]()));
    },
  };
}

function createSource(
  credential: GatewayCredential,
  nextGeneration: () => number,
  deps: CredentialDeps,
): Source {
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
    nextGeneration,
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
