/** Decides whether the gateway is ready for calls. */
import type { Logger } from "pino";
import type { TokenExchangeErrorCode } from "../iam/exchange-error.ts";
import type { AuthType, ManagedTokenSource } from "../iam/token.ts";
import type { Readiness } from "../observability/admin-server.ts";

/** Options of readiness. */
export interface ReadinessOptions {
  /** Token sources by alias; `undefined` if callers send their own tokens. */
  readonly tokens: ReadonlyMap<string, ManagedTokenSource | undefined>;
  readonly logger: Logger;
  /**
   * Called once, when every source has a token or has failed to get one in time. A credential that
   * is refused is waited for without limit.
   */
  readonly onReady: () => void;
}

/** The readiness of the gateway. */
export interface ReadinessState {
  /** The readiness at this moment, for `/readyz`. */
  current(): Readiness;
  readonly isDraining: boolean;
  /** Makes the gateway not ready for good. */
  drain(): void;
}

/**
 * Longest wait for first tokens, in milliseconds. After it a typed error serves callers better than
 * no endpoint.
 */
const firstTokenMs = 10_000;

const credentialNames: Readonly<Record<AuthType, string>> = {
  iam: "the API key of instance",
  container: "the trusted profile (container) of instance",
  vpc: "the trusted profile (vpc) of instance",
  iamAssume: "the trusted profile (iamAssume) of instance",
};

/** Why the configuration cannot work, by the failure of the first token. */
const refusals: Partial<Record<TokenExchangeErrorCode, string>> = {
  API_KEY_UNREADABLE: "the API key of instance",
  CR_TOKEN_UNREADABLE: "the compute-resource token of instance",
  CLIENT_SECRET_UNREADABLE: "the client secret of instance",
  PROXY_REFUSED: "the way through the proxy to the IAM of instance",
};

/**
 * The credential or proxy that cannot work: it is refused, or the file holds none. A replica that
 * has never had a token then stays not ready, so that a rolling update does not replace good
 * replicas.
 */
const refusalOf = (source: ManagedTokenSource): string | undefined => {
  const { failure, authType } = source.state();
  if (failure === "REJECTED") return credentialNames[authType];
  return failure === undefined ? undefined : refusals[failure];
};

/** Starts waiting for the first token of every source. */
export function watchReadiness({ tokens, logger, onReady }: ReadinessOptions): ReadinessState {
  const awaited = new Set<string>();
  let isDraining = false;
  const awaitToken = async (alias: string, source: ManagedTokenSource): Promise<void> => {
    let hasToken = await source.ready(firstTokenMs);
    while (!hasToken && refusalOf(source) !== undefined) {
      hasToken = await source.ready(firstTokenMs);
    }
    awaited.delete(alias);
    if (isDraining) return;
    if (!hasToken) logger.warn({ instance: alias }, "serving without an IAM token");
    if (awaited.size === 0) onReady();
  };
  for (const [alias, source] of tokens) {
    if (source === undefined) continue;
    awaited.add(alias);
    void awaitToken(alias, source);
  }
  if (awaited.size === 0) onReady();
  return {
    current() {
      const reasons = [
        ...(isDraining ? ["draining"] : []),
        ...[...awaited].map((alias) => {
          const source = tokens.get(alias);
          const refusal = source && refusalOf(source);
          return refusal === undefined
            ? `no IAM token yet for instance ${alias}`
            : `${refusal} ${alias} cannot be used`;
        }),
      ];
      return { isReady: reasons.length === 0, reasons };
    },
    get isDraining() {
      return isDraining;
    },
    drain() {
      isDraining = true;
    },
  };
}
