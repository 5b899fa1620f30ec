/**
 * The access token of one credential, shared by all calls. It is requested when first needed and
 * refreshed before it expires. A call waits for IAM only if there is no usable token.
 */
import type { Logger } from "pino";
import type { Clock, Timer } from "../platform/clock.ts";
import { Secret } from "../platform/secret.ts";
import type { CallSignal } from "../platform/call-signal.ts";
import { raceSignal } from "../platform/sleep.ts";
import type { Token, TokenCall } from "../upstream/bearer-token.ts";
import { callEndedError, UpstreamError } from "../upstream/error.ts";
import { followCredential } from "./credential-use.ts";
import type { TokenExchange } from "./exchange.ts";
import { TokenExchangeError } from "./exchange-error.ts";
import { type Refresh, type RefreshResult, startRefresh } from "./refresh.ts";
import { type Backoff, backOff, toTokenError } from "./failure-backoff.ts";
import type { AuthType, ManagedTokenSource, RefreshOutcome } from "./token.ts";
import { tokenPhase, type TokenLifetime, tokenLifetime } from "./lifetime.ts";

/** Dependencies of a token source. */
export interface TokenSourceOptions {
  readonly exchange: TokenExchange;
  /** For the log and `state`. */
  readonly authType: AuthType;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly logger: Pick<Logger, "info" | "warn" | "error">;
  /** Whether the credential has changed since the latest exchange; absent if it cannot change. */
  readonly hasCredentialChanged?: () => Promise<boolean>;
  /** Numbers the tokens. Sources that replace each other share one. Default: from 1. */
  readonly nextGeneration?: () => number;
  /** Called after every refresh. */
  readonly onRefresh?: (outcome: RefreshOutcome) => void;
}

/** The current token and when it was requested. */
interface Held extends TokenLifetime {
  readonly token: Token;
  readonly sentAt: number;
  readonly wallSentAt: number;
}

/** After a forced refresh, a 401 does not force another one for this time, in milliseconds. */
const forcedRefreshMs = 10_000;
/** A token that is not used for this time, in milliseconds, is no longer refreshed. */
const idleMs = 600_000;
/** A larger difference between the clocks is logged, in milliseconds. */
const tolerableSkewMs = 30_000;

/** Creates the source of one credential's tokens. Sends nothing before `get` or `ready`. */
export function createTokenSource(options: TokenSourceOptions): ManagedTokenSource {
  const { authType, clock, random, logger, onRefresh } = options;
  const credential = followCredential(options);
  let held: Held | undefined;
  let generation = 0;
  let pending: { readonly refresh: Refresh; readonly token: Promise<Token> } | undefined;
  let backoff: Backoff | undefined;
  let failures = 0;
  let forcedAt = Number.NEGATIVE_INFINITY;
  let isForced = false;
  let usedAt = Number.NEGATIVE_INFINITY;
  let timer: Timer | undefined;
  let isClosed = false;
  let settleFirst: ((isReady: boolean) => void) | undefined;
  const firstToken = new Promise<boolean>((resolve) => {
    settleFirst = resolve;
  });

  /**
   * Age of a token. The monotonic clock stops while a machine sleeps, and the wall clock may be set
   * back, so the longer of the two times counts.
   */
  const ageOf = ({ sentAt, wallSentAt }: Held, now: number = clock.now()): number =>
    Math.max(now - sentAt, clock.wallNow() - wallSentAt);

  function get(call: TokenCall): Token | Promise<Token> {
    const now = clock.now();
    usedAt = now;
    if (held !== undefined) {
      const ageMs = ageOf(held, now);
      if (ageMs < held.refreshAfterMs) return held.token;
      if (ageMs < held.usableForMs) {
        // No call waits for this refresh. `onFailure` logs and keeps its failure.
        if (mayRefresh()) void beginRefresh();
        return held.token;
      }
    }
    return fetch(call);
  }

  function renew(call: TokenCall, usedGeneration: number): Token | Promise<Token> {
    const now = clock.now();
    if (held?.token.generation !== usedGeneration || !isUsable()) return get(call);
    if (pending === undefined && now - forcedAt < forcedRefreshMs) return held.token;
    if (pending === undefined && mayRefresh()) isForced = true;
    return fetch(call);
  }

  const mayRefresh = (): boolean =>
    !isClosed && pending === undefined && (backoff === undefined || clock.now() >= backoff.retryAt);

  async function fetch(call: TokenCall): Promise<Token> {
    if (isClosed) throw closedError();
    if (pending === undefined && backoff?.isCredentialAtFault === true && !mayRefresh()) {
      await untilCallEnds(checkCredential(), call.signal);
    }
    if (isClosed) throw closedError();
    if (pending === undefined && backoff !== undefined && !mayRefresh()) {
      throw toTokenError(backoff, clock.now());
    }
    return untilCallEnds(pending?.token ?? beginRefresh(), call.signal);
  }

  /** Ends the backoff if the rejected credential has been replaced. */
  async function checkCredential(): Promise<void> {
    const checked = backoff;
    if ((await credential.hasChanged()) && backoff === checked) backoff = undefined;
  }

  function beginRefresh(): Promise<Token> {
    const { version } = credential;
    const refresh = startRefresh(options);
    const token = refresh.result.then((result) => onToken(result, version), onFailure);
    pending = { refresh, token };
    // Each waiting call handles the failure. Without one it must not be an unhandled rejection.
    void token
      .catch(() => undefined)
      .finally(() => {
        if (version !== credential.version) tryNew();
      });
    return token;
  }

  /** Gets a token with the present credential, whatever happened with the one before it. */
  function tryNew(): void {
    if (isClosed || pending !== undefined) return;
    backoff = undefined;
    void beginRefresh();
  }

  function onToken({ grant, sentAt, wallSentAt }: RefreshResult, version: number): Token {
    pending = undefined;
    backoff = undefined;
    failures = 0;
    // Counts from a successful refresh: a failed one proves nothing about the token.
    if (isForced) forcedAt = clock.now();
    isForced = false;
    if (isClosed) throw closedError();
    generation = options.nextGeneration?.() ?? generation + 1;
    const authorization = new Secret(`Bearer ${grant.accessToken.reveal()}`);
    const token: Token = { generation, authorization };
    held = { token, sentAt, wallSentAt, ...tokenLifetime(grant.lifetimeMs, random) };
    if (grant.clockSkewMs !== undefined && Math.abs(grant.clockSkewMs) > tolerableSkewMs) {
      logger.warn({ clockSkewMs: grant.clockSkewMs }, "the local clock and IAM's clock differ");
    }
    if (credential.gaveToken(version)) {
      logger.info({ authType }, "a token was issued for the new credential");
    }
    settleFirst?.(true);
    onRefresh?.("ok");
    wakeIn(held.refreshAfterMs - ageOf(held));
    return token;
  }

  function onFailure(error: unknown): never {
    pending = undefined;
    isForced = false;
    if (isClosed) throw closedError();
    const now = clock.now();
    const cause =
      error instanceof TokenExchangeError
        ? error
        : new TokenExchangeError("UNREACHABLE", "the token exchange failed", { cause: error });
    failures += 1;
    backoff = backOff(cause, failures, now, random);
    const { code, httpStatus, iamCode } = cause;
    const retryInMs = Math.round(backoff.retryAt - now);
    const hasUsableToken = isUsable();
    const failure = { code, detail: cause.message, httpStatus, iamCode };
    const facts = { authType, ...failure, retryInMs, hasUsableToken };
    if (backoff.isPermanent) {
      logger.error(facts, "IAM does not accept the gateway's credential");
    } else {
      logger.warn(facts, "IAM issued no access token");
    }
    onRefresh?.(backoff.isPermanent ? "rejected" : "unavailable");
    wakeIn(backoff.retryAt - now);
    throw toTokenError(backoff, now);
  }

  const isUsable = (): boolean => held !== undefined && ageOf(held) < held.usableForMs;

  /** Schedules a refresh, for a source that is in use or has no token yet. */
  function wakeIn(ms: number): void {
    timer?.cancel();
    timer = clock.after(Math.max(0, ms), () => {
      timer = undefined;
      const isInUse = clock.now() - usedAt <= idleMs || held === undefined;
      if (isInUse && mayRefresh()) void beginRefresh();
    });
  }

  return {
    get,
    renew,
    async ready(timeoutMs) {
      if (held === undefined && mayRefresh()) void beginRefresh();
      let limit: Timer | undefined;
      const timeUp = new Promise<boolean>((resolve) => {
        limit = clock.after(timeoutMs, () => resolve(false));
      });
      const isReady = await Promise.race([firstToken, timeUp]);
      limit?.cancel();
      return isReady;
    },
    state: () => ({
      authType,
      phase: tokenPhase(held, held && ageOf(held)),
      generation,
      ageMs: held && ageOf(held),
      failure: backoff?.cause.code,
      credentialUsedAt: credential.usedAt,
    }),
    credentialReplaced() {
      credential.replaced();
      tryNew();
    },
    close() {
      isClosed = true;
      settleFirst?.(false);
      timer?.cancel();
      pending?.refresh.abort();
      held = undefined;
      backoff = undefined;
    },
  };
}

const closedError = (): UpstreamError =>
  new UpstreamError("SHUTDOWN", "the gateway is shutting down");

/** Waits for a shared refresh until the call ends. */
const untilCallEnds = <T>(shared: Promise<T>, signal: CallSignal): Promise<T> =>
  raceSignal(shared, signal, () =>
    callEndedError(signal, {}, "the call ended while it waited for a token"),
  );
