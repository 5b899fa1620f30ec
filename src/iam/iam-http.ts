/** HTTP connections to IAM. */
import { Pool } from "undici";
import { addressAttemptMs } from "../upstream/transport/address-attempt.ts";
import { isTlsFailure } from "../platform/tls-errors.ts";
import { TokenExchangeError } from "./exchange-error.ts";

/** A complete response of IAM, with any status. */
export interface IamResponse {
  readonly status: number;
  /** Names are in lower case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Buffer;
}

/**
 * Sends one form to IAM. Rejects with a `TokenExchangeError` (`TLS` or `UNREACHABLE`) if no
 * complete response arrives.
 */
export type IamPost = (form: string, signal: AbortSignal) => Promise<IamResponse>;

/** An `IamPost` with its own connections. Disposing of it destroys them. */
export interface IamConnection extends AsyncDisposable {
  readonly post: IamPost;
}

/** Where IAM is and how it is reached. */
export interface IamConnectionOptions {
  /** URL of IAM; `/identity/token` is added if it has no path. */
  readonly iamUrl: string;
  /** Default 900: undici keeps time-outs above 1,000 ms only to within half a second. */
  readonly connectTimeoutMs?: number | undefined;
  /** PEM authorities trusted instead of the system's. */
  readonly ca?: string | undefined;
}

/** Largest accepted response, in bytes. IAM sends a few KiB. */
const maxAnswerBytes = 262_144;

/**
 * Creates connections to IAM. They are separate from those to Key Protect, so that neither waits
 * for the other.
 */
export function createIamConnection({
  iamUrl,
  connectTimeoutMs = 900,
  ca,
}: IamConnectionOptions): IamConnection {
  const url = tokenUrl(iamUrl);
  const pool = new Pool(url.origin, {
    connections: 2,
    pipelining: 1,
    connect: {
      timeout: connectTimeoutMs,
      autoSelectFamilyAttemptTimeout: addressAttemptMs(connectTimeoutMs),
      minVersion: "TLSv1.2",
      // Explicit, because NODE_TLS_REJECT_UNAUTHORIZED in the environment would turn it off.
      rejectUnauthorized: true,
      ...(ca === undefined ? {} : { ca }),
    },
    // Only a safety net: the refresh has its own timer.
    headersTimeout: 10_000,
    bodyTimeout: 10_000,
    keepAliveTimeout: 4_000,
    maxResponseSize: maxAnswerBytes,
    strictContentLength: true,
  });
  return {
    async post(form, signal) {
      // A Buffer, so that Content-Length is sent: IAM treats a chunked body as empty.
      const body = Buffer.from(form);
      try {
        const answer = await pool.request({
          method: "POST",
          path: url.pathname,
          headers: {
            "content-type": "application/x-www-form-urlencoded",
            accept: "application/json",
          },
          body,
          signal,
        });
        const bytes = Buffer.from(await answer.body.arrayBuffer());
        return { status: answer.statusCode, headers: answer.headers, body: bytes };
      } catch (error) {
        const isTls = error instanceof Error && "code" in error && isTlsFailure(String(error.code));
        throw isTls
          ? new TokenExchangeError("TLS", "IAM's certificate is not accepted", { cause: error })
          : new TokenExchangeError("UNREACHABLE", "IAM sent no complete response", {
              cause: error,
            });
      }
    },
    [Symbol.asyncDispose]: () => pool.destroy(),
  };
}

function tokenUrl(iamUrl: string): URL {
  const url = new URL(iamUrl);
  if (url.pathname === "/") url.pathname = "/identity/token";
  return url;
}
