/** The request that exchanges an API key for an access token. */
import { z } from "zod";
import type { Clock } from "../platform/clock.ts";
import { parseRetryAfter } from "../platform/http-date.ts";
import { Secret } from "../platform/secret.ts";
import { TokenExchangeError } from "./exchange-error.ts";
import type { IamPost, IamResponse } from "./iam-http.ts";

/** A token that IAM issued. */
export interface Grant {
  readonly accessToken: Secret;
  /** Lifetime, in milliseconds from the time just before the request; more than 0. */
  readonly lifetimeMs: number;
  /**
   * How far IAM's clock is ahead of the local wall clock, in milliseconds. Only for the log;
   * nothing is computed from it.
   */
  readonly clockSkewMs: number | undefined;
}

/** Requests a token once. Rejects with a `TokenExchangeError`. */
export type TokenExchange = (signal: AbortSignal) => Promise<Grant>;

/** Dependencies of the exchange of an API key. */
export interface ApiKeyExchangeOptions {
  readonly post: IamPost;
  /** Returns the current API key; rejects with a `TokenExchangeError`. */
  readonly apiKey: () => Promise<Secret>;
  readonly clock: Pick<Clock, "wallNow">;
}

/** Longer lifetimes are capped, in seconds. IBM's tokens live an hour at most. */
const longestLifeSeconds = 86_400;

/**
 * Longest `Retry-After` of a response without an error code of IAM, in milliseconds. A proxy may
 * have sent it, and one page must not silence IAM for a minute.
 */
const longestForeignHintMs = 10_000;

const success = z.object({
  // RFC 6750, section 2.1. Anything else could not be sent as one header value.
  access_token: z.string().regex(/^[A-Za-z0-9._~+/-]+=*$/),
  expires_in: z.number().optional().catch(undefined),
});
const failure = z.object({ errorCode: z.string().regex(/^BXN[A-Z0-9]{2,16}$/) });
const life = z.object({ exp: z.number(), iat: z.number() });

/** Creates the exchange of an API key for an access token. */
export function createApiKeyExchange({
  post,
  apiKey,
  clock,
}: ApiKeyExchangeOptions): TokenExchange {
  return async (signal) => {
    const key = await apiKey();
    const form = new URLSearchParams({
      grant_type: "urn:ibm:params:oauth:grant-type:apikey",
      apikey: key.reveal(),
      response_type: "cloud_iam",
    });
    const answer = await post(form.toString(), signal);
    return answer.status === 200 ? toGrant(answer, clock) : rejectWith(answer, clock);
  };
}

function toGrant(answer: IamResponse, clock: Pick<Clock, "wallNow">): Grant {
  const { success: isToken, data } = success.safeParse(parseJson(answer.body));
  if (!isToken) throw new TokenExchangeError("BAD_RESPONSE", "IAM's response contains no token");
  const stated = data.expires_in ?? Number.POSITIVE_INFINITY;
  const signed = signedLifeSeconds(data.access_token) ?? Number.POSITIVE_INFINITY;
  const seconds = Math.min(stated, signed);
  if (!(seconds > 0 && seconds < Number.POSITIVE_INFINITY)) {
    throw new TokenExchangeError("BAD_RESPONSE", "IAM's token has no lifetime");
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

function rejectWith(answer: IamResponse, clock: Pick<Clock, "wallNow">): never {
  const { status } = answer;
  const code = failure.safeParse(parseJson(answer.body));
  const hintMs = parseRetryAfter(headerOf(answer, "retry-after") ?? "", clock.wallNow());
  const isOwnHint = code.success || hintMs === undefined;
  const facts = {
    httpStatus: status,
    iamCode: code.success ? code.data.errorCode : undefined,
    retryAfterMs: isOwnHint ? hintMs : Math.min(hintMs, longestForeignHintMs),
  };
  if (status === 429)
    throw new TokenExchangeError("THROTTLED", "IAM rejects the request as too many", facts);
  if (status === 408 || status >= 500) throw new TokenExchangeError("FAILED", "IAM failed", facts);
  const hasIamCode = status >= 400 && facts.iamCode?.startsWith("BXNIM") === true;
  if (!hasIamCode || status === 404 || status === 405) {
    // Without the `Retry-After` of whoever sent it: one stray page must not silence IAM.
    throw new TokenExchangeError("BAD_RESPONSE", "IAM sent an unexpected response", {
      ...facts,
      retryAfterMs: undefined,
    });
  }
  throw new TokenExchangeError("REJECTED", "IAM does not accept the credential", facts);
}

function headerOf({ headers }: IamResponse, name: string): string | undefined {
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
