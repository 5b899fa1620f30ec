/**
 * Key Protect with a quota and network latency. It is cheap, so that it does not limit the
 * measurement: it asks the emulator once per distinct request and then repeats the answer.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { startEmulator } from "../../src/emulator/emulator.ts";
import { generateTransportKeys } from "../../src/emulator/lockers/transport-key.ts";
import { createQuotaJudge, type QuotaShape } from "./quota-judge.ts";
import { createRootKey } from "./root-key.ts";
import { createBusiestSecond } from "./busiest-second.ts";

/** Options of the upstream. */
export interface QuotaUpstreamOptions {
  readonly shape: QuotaShape;
  /** Quota of the instance, in requests per second. */
  readonly perSecond: number;
  /** Network latency in each direction, in milliseconds, uniformly distributed. Default 8 to 14. */
  readonly oneWayMs?: readonly [least: number, most: number];
}

/** Counts of the requests so far. */
export interface ArrivalCounts {
  /** Time of the counts, in milliseconds of the upstream's clock. */
  readonly at: number;
  readonly served: number;
  readonly throttled: number;
  /** Requests that arrived while the service was dead. */
  readonly lost: number;
  /** Most arrivals, served or rejected, in a second that ended since the last counts. */
  readonly busiestSecond: number;
  /**
   * Greatest delay of a timer since the last counts, in ms. Arrivals in a delay are processed
   * together.
   */
  readonly lateMs: number;
}

/** A listening upstream. Requests to IAM go to the emulator, on the same port, and use no quota. */
export interface QuotaUpstream extends AsyncDisposable {
  readonly url: string;
  readonly instanceId: string;
  readonly apiKey: string;
  /** ID of an existing root key. */
  readonly keyId: string;
  /** Returns the counts, and resets `busiestSecond` and `lateMs`. */
  counts(): ArrivalCounts;
  /** Changes the quota, in requests per second. */
  setQuota(perSecond: number): void;
  /**
   * Sets whether the service is dead: it then closes each connection on which a request arrives.
   */
  setDead(isDead: boolean): void;
}

/** A recorded answer. */
interface Recording {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

const tooManyRequests: Recording = {
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

/** Starts an upstream on a free port of loopback, with its own emulator. */
export async function startQuotaUpstream(options: QuotaUpstreamOptions): Promise<QuotaUpstream> {
  const { shape, oneWayMs: [leastMs, mostMs] = [8, 14] } = options;
  const emulator = await startEmulator({
    requestLogCapacity: 1,
    // On demand, so that no pair is made during a measurement.
    transportKeys: generateTransportKeys,
  });
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
  /**
   * Waits for one network latency. Resolves to the due time, so that a late timer is no late
   * arrival.
   */
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
    const recording = isServed ? await recall(request, body) : tooManyRequests;
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
