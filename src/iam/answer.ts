/** Reads the answer to a request for a token: a grant, or a typed error. */
import * as z from "zod";
import type { Clock } from "../platform/clock.ts";
import { parseRetryAfter } from "../platform/http-date.ts";
import { Secret } from "../platform/secret.ts";
import type { Grant } from "./exchange.ts";
import { TokenExchangeError } from "./exchange-error.ts";
import type { TokenResponse } from "./token-http.ts";

/** How a server answers. */
export interface TokenServer {
  /** Name in error texts. */
  readonly name: string;
  /** Statuses of an answer with a token. */
  readonly successes: readonly number[];
  /** Returns the server's own error code in a decoded body; `undefined` if there is none. */
  readonly errorCodeIn: (body: unknown) => string | undefined;
  /** Whether a 4xx with an own error code says that the credential is not accepted. */
  readonly isRefusal: (status: number, errorCode: string) => boolean;
}

/** Longer lifetimes are capped, in seconds. IBM's tokens live an hour at most. */
const longestLifeSeconds = 86_400;

/**
 * Longest `Retry-After` of a response without an error code of the server, in milliseconds. A proxy
 * may have sent it, and one page must not silence IAM for a minute.
 */
const longestForeignHintMs = 10_000;

const success = z.object({
  // RFC 6750, section 2.1. Anything else could not be sent as one header value.
  access_token: z.string().regex(/^[A-Za-z0-9._~+/-]+=*$/),
  expires_in: z.number().optional().catch(undefined),
});
const life = z.object({ exp: z.number(), iat: z.number() });
const iamFailure = z.object({ errorCode: z.string().regex(/^BXN[A-Z0-9]{2,16}$/) });

/** IAM's token service. 404 and 405 mean a wrong address, whatever their code. */
export const iamServer: TokenServer = {
  name: "IAM",
  successes: [200],
  errorCodeIn: (body) => iamFailure.safeParse(body).data?.errorCode,
  isRefusal: (status, code) => code.startsWith("BXNIM") && status !== 404 && status !== 405,
};

/** Returns the grant in an answer. Throws a `TokenExchangeError` if there is none. */
export function readGrant(
  answer: TokenResponse,
  server: TokenServer,
  clock: Pick<Clock, "wallNow">,
): Grant {
  if (!server.successes.includes(answer.status)) throw toError(answer, server, clock);
  const { success: isToken, data } = success.safeParse(parseJson(answer.body));
  if (!isToken) {
    throw new TokenExchangeError("BAD_RESPONSE", `${server.name}'s response contains no token`);
  }
  const stated = data.expires_in ?? Number.POSITIVE_INFINITY;
  const signed = signedLifeSeconds(data.access_token) ?? Number.POSITIVE_INFINITY;
  const seconds = Math.min(stated, signed);
  if (!(seconds > 0 && seconds < Number.POSITIVE_INFINITY)) {
    throw new TokenExchangeError("BAD_RESPONSE", `${server.name}'s token has no lifetime`);
  }
  const date = Date.parse(headerOf(answer, "date") ?? "");
  return {
    accessToken: new Secret(data.access_token),
    lifetimeMs: Math.min(seconds, longestLifeSeconds) * 1_000,
    clockSkewMs: Number.isNaN(date) ? undefined : date - clock.wallNow(),
  };
}

/** The lifetime in a JWT, `exp - iat`, in seconds. It does not depend on the local clock. */
function signedLifeSeconds(accessToken: string): number | undefined {
  const claims = accessToken.split(".")[1];
  if (claims === undefined) return undefined;
  const { success: isLife, data } = life.safeParse(parseJson(Buffer.from(claims, "base64url")));
  return isLife ? data.exp - data.iat : undefined;
}

function toError(
  answer: TokenResponse,
  { name, errorCodeIn, isRefusal }: TokenServer,
  clock: Pick<Clock, "wallNow">,
): TokenExchangeError {
  const { status } = answer;
  const iamCode = errorCodeIn(parseJson(answer.body));
  const hintMs = parseRetryAfter(headerOf(answer, "retry-after") ?? "", clock.wallNow());
  const isOwnHint = iamCode !== undefined || hintMs === undefined;
  const facts = {
    httpStatus: status,
    iamCode,
    retryAfterMs: isOwnHint ? hintMs : Math.min(hintMs, longestForeignHintMs),
  };
  if (status === 429) {
    return new TokenExchangeError("THROTTLED", `${name} rejects the request as too many`, facts);
  }
  if (status === 408 || status >= 500) {
    return new TokenExchangeError("FAILED", `${name} failed`, facts);
  }
  if (status < 400 || iamCode === undefined || !isRefusal(status, iamCode)) {
    // Without the `Retry-After` of whoever sent it: one stray page must not silence IAM.
    const unhinted = { ...facts, retryAfterMs: undefined };
    return new TokenExchangeError("BAD_RESPONSE", `${name} sent an unexpected response`, unhinted);
  }
  return new TokenExchangeError("REJECTED", `${name} does not accept the credential`, facts);
}

function headerOf({ headers }: TokenResponse, name: string): string | undefined {
  const value = headers[name];
  return typeof value === "object" ? value[0] : value;
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    return undefined;
  }
}
