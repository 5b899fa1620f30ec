/** Whether calls should be sent to this gateway. */
import type { Logger } from "pino";
import type { ManagedTokenSource } from "../iam/token.ts";
import type { Readiness } from "../observability/admin-server.ts";

/** What readiness waits for. */
export interface ReadinessOptions {
  /** By alias; `undefined` where callers bring their own tokens. */
  readonly tokens: ReadonlyMap<string, ManagedTokenSource | undefined>;
  readonly logger: Logger;
  /** Called once, as soon as everything is there or waiting any longer makes no sense. */
  readonly onReady: () => void;
}

/** Readiness as it changes. */
export interface ReadinessState {
  current(): Readiness;
  readonly isDraining: boolean;
  /** From now on the gateway is not ready any more. */
  drain(): void;
}

/** How long to wait for first tokens: after that, callers are better served by typed errors than by nobody. */
const firstTokenMs = 10_000;

/** Starts to wait for the first token of every source. */
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
