/**
 * Key Protect with a quota, cheap enough not to be what is measured: what the emulator answered once is answered again to
 * the same question, behind a network that takes its time and a judge that counts arrivals.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { startEmulator } from "../../src/emulator/emulator.ts";
import { createQuotaJudge, type QuotaShape } from "./quota-judge.ts";
import { createRootKey } from "./root-key.ts";
import { createBusiestSecond } from "./busiest-second.ts";

export interface QuotaUpstreamOptions {
  readonly shape: QuotaShape;
  /** Requests per second of the one instance. */
  readonly perSecond: number;
  /** Time of each way, in milliseconds: uniform between the two. Default 8 to 14. */
  readonly oneWayMs?: readonly [least: number, most: number];
}

/** What arrived so far. */
export interface ArrivalCounts {
  /** When this was counted, in milliseconds of the upstream's own clock. */
  readonly at: number;
  readonly served: number;
  readonly throttled: number;
  /** Met a dead service. */
  readonly lost: number;
  /** Most arrivals in any second that ended since the last counts, whether they were served or refused. */
  readonly busiestSecond: number;
  /** How late, at most, this process was since the last counts, in milliseconds: what arrives during that arrives at once. */
  readonly lateMs: number;
}

/** An upstream that listens. IAM is answered on the same port, by the emulator, and costs no quota. */
export interface QuotaUpstream extends AsyncDisposable {
  readonly url: string;
  readonly instanceId: string;
  readonly apiKey: string;
  /** A root key that exists. */
  readonly keyId: string;
  counts(): ArrivalCounts;
  setQuota(perSecond: number): void;
  /** A dead service resets each connection that a request comes over. */
  setDead(isDead: boolean): void;
}

/** An answer as it went over the wire. */
interface Recording {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

const refusal: Recording = {
  status: 429,
  headers: { "content-type": "application/json" },
  body: Buffer.from('{"metadata":{},"resources":[{"errorMsg":"Too Many Requests"}]}'),
};

const passedOn = ["authorization", "bluemix-instance", "content-type", "accept", "prefer"];

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

/** Starts one on a free port of loopback, with an emulator behind it. */
export async function startQuotaUpstream(options: QuotaUpstreamOptions): Promise<QuotaUpstream> {
  const { shape, oneWayMs: [leastMs, mostMs] = [8, 14] } = options;
  const emulator = await startEmulator({ requestLogCapacity: 1 });
  const recordings = new Map<string, Promise<Recording>>();
  let judge = createQuotaJudge(shape, options.perSecond, performance.now());
  let isDead = false;
  let served = 0;
  let throttled = 0;
  let lost = 0;
  let lateMs = 0;
  const busiest = createBusiestSecond();
  let arrivedAt = performance.now();

  const ask = async (request: IncomingMessage, body: Buffer): Promise<Recording> => {
    const headers = passedOn.flatMap((name): [string, string][] => {
      const value = request.headers[name];
      return typeof value === "string" ? [[name, value]] : [];
    });
    const method = request.method ?? "GET";
    const response = await fetch(`${emulator.url}${request.url ?? "/"}`, {
      method,
      headers,
      ...(body.length === 0 ? {} : { body: new Uint8Array(body) }),
    });
    return {
      status: response.status,
      headers: { "content-type": response.headers.get("content-type") ?? "application/json" },
      body: Buffer.from(await response.arrayBuffer()),
    };
  };
  const recall = (request: IncomingMessage, body: Buffer): Promise<Recording> => {
    const question = `${request.method} ${request.url} ${body.toString("latin1")}`;
    const known = recordings.get(question) ?? ask(request, body);
    recordings.set(question, known);
    return known;
  };
  const write = (response: ServerResponse, { status, headers, body }: Recording): void => {
    response.writeHead(status, { ...headers, "content-length": body.length }).end(body);
  };
  /** Resolves, after the time of one way, to when that was to be: a late timer is no late arrival. */
  const travel = (): Promise<number> => {
    const ms = leastMs + Math.random() * (mostMs - leastMs);
    const due = performance.now() + ms;
    return new Promise((resolve) => {
      setTimeout(() => {
        lateMs = Math.max(lateMs, performance.now() - due);
        resolve(due);
      }, ms);
    });
  };
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await bodyOf(request);
    if (request.url?.startsWith("/identity/") === true) {
      write(response, await ask(request, body));
      return;
    }
    arrivedAt = Math.max(arrivedAt, await travel());
    if (isDead) {
      lost += 1;
      request.socket.destroy();
      return;
    }
    busiest.arrive(arrivedAt);
    const isServed = judge.admit(arrivedAt);
    if (isServed) served += 1;
    else throttled += 1;
    const recording = isServed ? await recall(request, body) : refusal;
    await travel();
    write(response, recording);
  };

  const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    answer(request, response).catch(() => request.socket.destroy());
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port was given");
  return {
    url: `http://127.0.0.1:${address.port}`,
    instanceId: emulator.instanceId,
    apiKey: emulator.apiKey,
    keyId: await createRootKey(emulator),
    counts() {
      const at = performance.now();
      const counts = { at, served, throttled, lost, lateMs, busiestSecond: busiest.take() };
      lateMs = 0;
      return counts;
    },
    setQuota(perSecond) {
      judge = createQuotaJudge(shape, perSecond, arrivedAt);
    },
    setDead(dead) {
      isDead = dead;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => void server.close(() => resolve()));
      await emulator[Symbol.asyncDispose]();
    },
  };
}
