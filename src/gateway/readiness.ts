/** Decides whether the gateway is ready for calls. */
import type { Logger } from "pino";
import type { ManagedTokenSource } from "../iam/token.ts";
import type { Readiness } from "../observability/admin-server.ts";

/** Options of readiness. */
export interface ReadinessOptions {
  /** Token sources by alias; `undefined` if callers send their own tokens. */
  readonly tokens: ReadonlyMap<string, ManagedTokenSource | undefined>;
  readonly logger: Logger;
  /** Called once, when every source has a token or has failed to get one in time. */
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

/** Starts waiting for the first token of every source. */
export function watchReadiness({ tokens, logger, onReady }: ReadinessOptions): ReadinessState {
  const awaited = new Set<string>();
  let isDraining = false;
  for (const [alias, source] of tokens) {
    if (source === undefined) continue;
    awaited.add(alias);
    void source.ready(firstTokenMs).then((hasToken) => {
      awaited.delete(alias);
      if (isDraining) return undefined;
      if (!hasToken) logger.warn({ instance: alias }, "serving without an IAM token");
      if (awaited.size === 0) onReady();
      return undefined;
    });
  }
  if (awaited.size === 0) onReady();
  return {
    current() {
      const reasons = [
        ...(isDraining ? ["draining"] : []),
        ...[...awaited].map((alias) => `no IAM token yet for instance ${alias}`),
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
