/** HTTP connections to IAM. */
import { Pool } from "undici";
import { isTlsFailure } from "../platform/tls-errors.ts";
import { type ConnectorOptions, createConnector } from "../upstream/transport/connector.ts";
import { ProxyError } from "../upstream/transport/proxy-error.ts";
import { TokenExchangeError, type TokenExchangeErrorCode } from "./exchange-error.ts";

/** A complete response of IAM, with any status. */
export interface IamResponse {
  readonly status: number;
  /** Names are in lower case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Buffer;
}

/**
 * Sends one form to IAM. Rejects with a `TokenExchangeError` (`TLS`, `UNREACHABLE` or
 * `PROXY_REFUSED`) if no complete response arrives.
 */
export type IamPost = (form: string, signal: AbortSignal) => Promise<IamResponse>;

/** An `IamPost` with its own connections. Disposing of it destroys them. */
export interface IamConnection extends AsyncDisposable {
  readonly post: IamPost;
}

/** Where IAM is and how it is reached. */
export interface IamConnectionOptions extends ConnectorOptions {
  /** URL of IAM; `/identity/token` is added if it has no path. */
  readonly iamUrl: string;
}

/** Largest accepted response, in bytes. IAM sends a few KiB. */
const maxAnswerBytes = 262_144;

/**
 * Creates connections to IAM. They are separate from those to Key Protect, so that neither waits
 * for the other.
 */
export function createIamConnection(options: IamConnectionOptions): IamConnection {
  const url = tokenUrl(options.iamUrl);
  const pool = new Pool(url.origin, {
    connections: 2,
    pipelining: 1,
    connect: createConnector(options),
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
        throw toExchangeError(error);
      }
    },
    [Symbol.asyncDispose]: () => pool.destroy(),
  };
}

/** The failure of a request without a complete response. */
function toExchangeError(cause: unknown): TokenExchangeError {
  if (cause instanceof ProxyError) {
    return new TokenExchangeError(proxyFailure(cause), cause.message, { cause });
  }
  const isTls = cause instanceof Error && "code" in cause && isTlsFailure(String(cause.code));
  return isTls
    ? new TokenExchangeError("TLS", "IAM's certificate is not accepted", { cause })
    : new TokenExchangeError("UNREACHABLE", "IAM sent no complete response", { cause });
}

/** A proxy's 4xx is its verdict on the gateway; with a 5xx it could not reach IAM. */
function proxyFailure({ code, httpStatus = 0 }: ProxyError): TokenExchangeErrorCode {
  if (code === "PROXY_TLS") return "TLS";
  return httpStatus >= 400 && httpStatus < 500 ? "PROXY_REFUSED" : "UNREACHABLE";
}

function tokenUrl(iamUrl: string): URL {
  const url = new URL(iamUrl);
  if (url.pathname === "/") url.pathname = "/identity/token";
  return url;
}
