/** HTTP connections to the servers that issue tokens: IAM and the metadata service. */
import { Pool } from "undici";
import type { Secret } from "../platform/secret.ts";
import { isTlsFailure } from "../platform/tls-errors.ts";
import { type ConnectorOptions, createConnector } from "../upstream/transport/connector.ts";
import { ProxyError } from "../upstream/transport/proxy-error.ts";
import { TokenExchangeError, type TokenExchangeErrorCode } from "./exchange-error.ts";

/** A request for a token. */
export interface TokenRequest {
  readonly method: "POST" | "PUT";
  /** Path with the query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A complete response, with any status. */
export interface TokenResponse {
  readonly status: number;
  /** Names are in lower case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Buffer;
}

/**
 * Sends one request. Rejects with a `TokenExchangeError` (`TLS`, `UNREACHABLE` or `PROXY_REFUSED`)
 * if no complete response arrives.
 */
export type TokenSend = (request: TokenRequest, signal: AbortSignal) => Promise<TokenResponse>;

/** A `TokenSend` with its own connections. Disposing of it destroys them. */
export interface TokenConnection extends AsyncDisposable {
  readonly send: TokenSend;
}

/** Where a server is and how it is reached. */
export interface TokenConnectionOptions extends ConnectorOptions {
  /** Only scheme, host and port count. */
  readonly url: string;
  /** Name in error texts. */
  readonly name: string;
}

/** Sends one form to IAM, with the identity of a client (`Authorization`) if there is one. */
export type IamPost = (
  form: string,
  signal: AbortSignal,
  authorization?: Secret,
) => Promise<TokenResponse>;

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
 * Creates connections to a server that issues tokens. They are separate from those to Key Protect,
 * so that neither waits for the other. Redirects are not followed.
 */
export function createTokenConnection(options: TokenConnectionOptions): TokenConnection {
  const pool = new Pool(new URL(options.url).origin, {
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
    async send({ body, ...request }, signal) {
      try {
        // A Buffer, so that Content-Length is sent: IAM treats a chunked body as empty.
        const answer = await pool.request({ ...request, body: Buffer.from(body), signal });
        const bytes = Buffer.from(await answer.body.arrayBuffer());
        return { status: answer.statusCode, headers: answer.headers, body: bytes };
      } catch (error) {
        throw toExchangeError(error, options.name);
      }
    },
    [Symbol.asyncDispose]: () => pool.destroy(),
  };
}

/** Creates connections to IAM. */
export function createIamConnection({ iamUrl, ...options }: IamConnectionOptions): IamConnection {
  const connection = createTokenConnection({ ...options, url: iamUrl, name: "IAM" });
  const path = tokenPath(iamUrl);
  return {
    post: (form, signal, authorization) => {
      const headers = {
        "content-type": "application/x-www-form-urlencoded",
        accept: "application/json",
        ...(authorization === undefined ? {} : { authorization: authorization.reveal() }),
      };
      return connection.send({ method: "POST", path, headers, body: form }, signal);
    },
    [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
  };
}

/** The failure of a request without a complete response. */
function toExchangeError(cause: unknown, server: string): TokenExchangeError {
  if (cause instanceof ProxyError) {
    return new TokenExchangeError(proxyFailure(cause), cause.message, { cause });
  }
  const isTls = cause instanceof Error && "code" in cause && isTlsFailure(String(cause.code));
  return isTls
    ? new TokenExchangeError("TLS", `${server}'s certificate is not accepted`, { cause })
    : new TokenExchangeError("UNREACHABLE", `${server} sent no complete response`, { cause });
}

/** A proxy's 4xx is its verdict on the gateway; with a 5xx it could not reach IAM. */
function proxyFailure({ code, httpStatus = 0 }: ProxyError): TokenExchangeErrorCode {
  if (code === "PROXY_TLS") return "TLS";
  return httpStatus >= 400 && httpStatus < 500 ? "PROXY_REFUSED" : "UNREACHABLE";
}

function tokenPath(iamUrl: string): string {
  const { pathname } = new URL(iamUrl);
  return pathname === "/" ? "/identity/token" : pathname;
}
