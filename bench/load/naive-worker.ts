/**
 * The program of the arrangement `naive`: Bottleneck with a reservoir of one second's quota and one
 * job per call, retries on 429 as in Bottleneck's manual, opossum with its defaults,
 * `undici.request`. It has no bounds on the queue and no fairness.
 */
import { readFile } from "node:fs/promises";
import { Server, ServerCredentials, status, type handleUnaryCall } from "@grpc/grpc-js";
import Bottleneck from "bottleneck";
import CircuitBreaker from "opossum";
import { request } from "undici";
import {
  KeyActionsServiceService,
  type UnwrapKeyRequest,
  type UnwrapKeyResponse,
  type WrapKeyRequest,
  type WrapKeyResponse,
} from "../../src/gen/keyprotect/v1/key_actions_service.ts";
import type { UpstreamPlace } from "./quota-upstream-worker.ts";
import { getToken } from "./root-key.ts";
import { cpuMicroseconds, serveWorker } from "./serve-worker.ts";

/** Upstream, quota and TLS files of the arrangement. */
export interface NaiveOptions {
  readonly upstream: UpstreamPlace;
  readonly perSecond: number;
  readonly certFile: string;
  readonly keyFile: string;
  readonly caFile: string;
}

/** Questions to this process. */
export type NaiveQuestions = {
  readonly start: { given: NaiveOptions; answer: string };
  readonly cpu: { given: null; answer: number };
};

class UpstreamStatusError extends Error {
  readonly statusCode: number;

  constructor(statusCode: number) {
    super(`the upstream answered ${statusCode}`);
    this.statusCode = statusCode;
  }
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null;

/** Calls a key action and returns one base64 field of the answer, decoded. */
type Act = (path: string, body: object, field: string) => Promise<Buffer>;

async function createAct({ upstream, perSecond }: NaiveOptions): Promise<Act> {
  const token = await getToken(upstream);
  const send: Act = async (path, content, field) => {
    const { statusCode, body } = await request(`${upstream.url}${path}`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${token}`,
        "bluemix-instance": upstream.instanceId,
        "content-type": "application/json",
      },
      body: JSON.stringify(content),
    });
    const answer = await body.json();
    if (statusCode !== 200) throw new UpstreamStatusError(statusCode);
    return Buffer.from(String(isRecord(answer) ? answer[field] : ""), "base64");
  };
  const limiter = new Bottleneck({
    reservoir: perSecond,
    reservoirRefreshAmount: perSecond,
    reservoirRefreshInterval: 1_000,
  });
  limiter.on("failed", (error: unknown, { retryCount }) =>
    error instanceof UpstreamStatusError && error.statusCode === 429 && retryCount < 3
      ? 100 * 2 ** retryCount
      : null,
  );
  const breaker = new CircuitBreaker((...given: Parameters<Act>) =>
    limiter.schedule(() => send(...given)),
  );
  return (...given) => breaker.fire(...given);
}

/** Creates a handler that returns every error as UNAVAILABLE. */
const handle =
  <Req, Res>(work: (request: Req) => Promise<Res>): handleUnaryCall<Req, Res> =>
  (call, callback) => {
    const answer = async (): Promise<void> => {
      try {
        callback(null, await work(call.request));
      } catch (error) {
        callback({ code: status.UNAVAILABLE, details: String(error) });
      }
    };
    void answer();
  };

async function serve(options: NaiveOptions): Promise<string> {
  const act = await createAct(options);
  const server = new Server();
  server.addService(KeyActionsServiceService, {
    wrapKey: handle(async ({ keyId, plaintext }: WrapKeyRequest): Promise<WrapKeyResponse> => {
      const body = { plaintext: plaintext.toString("base64") };
      const ciphertext = await act(`/api/v2/keys/${keyId}/actions/wrap`, body, "ciphertext");
      return { ciphertext, keyVersionId: "" };
    }),
    unwrapKey: handle(
      async ({ keyId, ciphertext }: UnwrapKeyRequest): Promise<UnwrapKeyResponse> => {
        const body = { ciphertext: ciphertext.toString("base64") };
        const plaintext = await act(`/api/v2/keys/${keyId}/actions/unwrap`, body, "plaintext");
        return { plaintext, rewrappedCiphertext: Buffer.alloc(0), rewrappedKeyVersionId: "" };
      },
    ),
  });
  const [cert, key, ca] = await Promise.all(
    [options.certFile, options.keyFile, options.caFile].map((file) => readFile(file)),
  );
  if (cert === undefined || key === undefined || ca === undefined) throw new Error("no files");
  const credentials = ServerCredentials.createSsl(
    ca,
    [{ cert_chain: cert, private_key: key }],
    true,
  );
  return new Promise((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", credentials, (error, port) => {
      if (error === null) resolve(`127.0.0.1:${port}`);
      else reject(error);
    });
  });
}

serveWorker<NaiveQuestions>({ start: serve, cpu: () => cpuMicroseconds() });
