/** Spans of the exchanges of a credential for a token, linked to the calls that wait for one. */
import type { TokenExchange } from "../iam/exchange.ts";
import { TokenExchangeError } from "../iam/exchange-error.ts";
import type { AuthType, ManagedTokenSource } from "../iam/token.ts";
import type { Token, TokenCall } from "../upstream/bearer-token.ts";
import { serverOf } from "./attempt-spans.ts";
import { RecordedCall } from "./recorded-call.ts";
import type { Sampler } from "./sampler.ts";
import type { Sdk } from "./sdk.ts";
import { spanTable } from "./span-table.ts";

/** A credential, as spans show it. */
export interface TracedCredential {
  readonly authType: AuthType;
  /** URL of the server that issues the token. */
  readonly url: string;
}

/** Wraps the exchange and the token source of one credential. */
export interface TokenSpans {
  exchange(inner: TokenExchange): TokenExchange;
  tokens(inner: ManagedTokenSource): ManagedTokenSource;
}

/**
 * Creates the wrappers. An exchange is recorded if a recorded call waits for it, or, as a call
 * without a trace would be, by the sampler.
 */
export function createTokenSpans(
  sdk: Sdk,
  sampler: Sampler,
  { authType, url }: TracedCredential,
): TokenSpans {
  const waiting = new Set<RecordedCall>();

  const record = (startTime: number, failure: unknown): void => {
    const calls = [...waiting];
    if (calls.length === 0 && !sampler(undefined)) return;
    const { kind, name } = spanTable.token;
    const error = failure instanceof TokenExchangeError ? failure : undefined;
    const span = sdk.start({
      kind,
      name,
      startTime,
      links: calls.map(({ context }) => context),
      attributes: {
        "keyprotect.iam.auth_type": authType,
        ...serverOf(url),
        "http.response.status_code": error?.httpStatus,
      },
    });
    for (const call of calls) call.link(span.context);
    span.end(failure === undefined ? undefined : (error?.code ?? "DEFECT"));
  };

  const noteWait = (
    { trace }: TokenCall,
    token: Token | Promise<Token>,
  ): Token | Promise<Token> => {
    if (!(token instanceof Promise) || !(trace instanceof RecordedCall)) return token;
    waiting.add(trace);
    return token.finally(() => waiting.delete(trace));
  };

  return {
    exchange: (inner) => async (signal) => {
      const startTime = Date.now();
      let isRecorded = false;
      const once = (failure: unknown): void => {
        if (!isRecorded) record(startTime, failure);
        isRecorded = true;
      };
      // The refresh gives up: its calls stop waiting although the exchange still runs.
      const giveUp = (): void => once(signal.reason);
      signal.addEventListener("abort", giveUp, { once: true });
      try {
        const grant = await inner(signal);
        once(undefined);
        return grant;
      } catch (error) {
        once(error);
        throw error;
      } finally {
        signal.removeEventListener("abort", giveUp);
      }
    },
    tokens: (inner) => ({
      ...inner,
      get: (call) => noteWait(call, inner.get(call)),
      renew: (call, generation) => noteWait(call, inner.renew(call, generation)),
    }),
  };
}
