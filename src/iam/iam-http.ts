import { Pool } from "undici";
import { isTlsFailure } from "../platform/tls-errors.ts";
import { TokenExchangeError } from "./token-exchange-error.ts";

/** A complete answer of IAM, of any status. */
export interface IamResponse {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Buffer;
}

/** Sends one form to IAM. Rejects with an `TokenExchangeError` if no complete answer comes. */
export type IamPost = (form: string, signal: AbortSignal) => Promise<IamResponse>;

/** A `IamPost` with connections of its own. */
export interface IamConnection extends AsyncDisposable {
  readonly post: IamPost;
}

export interface IamConnectionOptions {
  /** IAM's address; `/identity/token` is added if it has no path. */
  readonly iamUrl: string;
  /** Default 900: undici keeps time-outs above 1,000 ms to half a second only. */
  readonly connectTimeoutMs?: number;
  /** PEM authorities trusted instead of the system's. */
  readonly ca?: string | undefined;
}

/** IAM answers with a few KiB; what is larger is not IAM. */
const maxAnswerBytes = 262_144;

/** Connects to IAM apart from Key Protect's connections, so that neither waits for the other. */
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
      minVersion: "TLSv1.2",
      // Said, because NODE_TLS_REJECT_UNAUTHORIZED in the environment would turn it off otherwise.
      rejectUnauthorized: true,
      ...(ca === undefined ? {} : { ca }),
    },
    // Back-stops only: whoever posts has a timer of its own.
    headersTimeout: 10_000,
    bodyTimeout: 10_000,
    keepAliveTimeout: 4_000,
    maxResponseSize: maxAnswerBytes,
    strictContentLength: true,
  });
  return {
    async post(form, signal) {
      // IAM takes a chunked body for an empty one, hence a Buffer: its length is sent ahead.
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
          : new TokenExchangeError("UNREACHABLE", "IAM gave no complete answer", { cause: error });
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
