import type { Dispatcher } from "undici";
import type { Clock, Timer } from "../../platform/clock.ts";
import { toUpstreamError } from "./transport-error.ts";
import { callEndedError, UpstreamError } from "../error.ts";
import type { UpstreamRequest, UpstreamResponse } from "../layer.ts";
import type { Dispatch } from "./pool.ts";

type Controller = Dispatcher.DispatchController;
type ResponseHeaders = Parameters<NonNullable<Dispatcher.DispatchHandler["onResponseStart"]>>[2];

const noBody: Buffer = Buffer.alloc(0);
const noHeaders: Readonly<Record<string, string>> = {};

/** Whether no header came more than once, which undici would give as a list. */
function isFlat(headers: ResponseHeaders): headers is Record<string, string> {
  for (const name in headers) if (typeof headers[name] !== "string") return false;
  return true;
}

/** Headers with those joined that came more than once. Nearly always they are taken as they are: copying costs a microsecond. */
function joinRepeated(headers: ResponseHeaders): Readonly<Record<string, string>> {
  if (isFlat(headers)) return headers;
  const joined: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) joined[name] = typeof value === "string" ? value : value.join(", ");
  }
  return joined;
}

/** What `new Promise` hands out. */
export interface Settle {
  readonly resolve: (response: UpstreamResponse) => void;
  readonly reject: (error: Error) => void;
}

/** How long things may take, in milliseconds. */
export interface ExchangeTimes {
  /** From the beginning to the last byte of the answer. */
  readonly attemptMs: number;
  /** From the caller's cancellation until the connection is given up. */
  readonly lingerMs: number;
}

/**
 * One HTTP exchange: undici's handler, the timer and the listener on the call's end in one object.
 *
 * It settles first and aborts then. undici acts on an abort only once a request has a connection, so a caller that waited
 * for undici would wait for a hanging TLS handshake or for the request ahead to end. A request that was given up while it
 * waited is refused when its turn comes and never written.
 */
export class Exchange implements Dispatcher.DispatchHandler {
  readonly #request: UpstreamRequest;
  readonly #clock: Clock;
  readonly #times: ExchangeTimes;
  readonly #settle: Settle;
  #timer: Timer;
  #controller: Controller | undefined;
  #isSettled = false;
  #onFreed: (() => void) | undefined;
  #sentAt = 0;
  #status = 0;
  #headers: Readonly<Record<string, string>> = noHeaders;
  #chunks: Buffer[] = [];
  #receivedBytes = 0;

  constructor(request: UpstreamRequest, settle: Settle, clock: Clock, times: ExchangeTimes) {
    this.#request = request;
    this.#settle = settle;
    this.#clock = clock;
    this.#times = times;
    this.#timer = clock.after(times.attemptMs, () => this.#timedOut());
  }

  /** Puts the request on a connection. To be called once, at once: the time of the attempt is running. */
  begin(dispatcher: Dispatch): void {
    const request = this.#request;
    request.call.signal.addEventListener("abort", this);
    request.call.attemptLog.attempts += 1;
    dispatcher.dispatch(
      {
        method: request.method,
        path: request.path,
        headers: request.headers,
        body: request.body ?? null,
      },
      this,
    );
  }

  /** The call ended: the caller cancelled, its time is over, or the gateway shuts down. */
  handleEvent(): void {
    const { signal } = this.#request.call;
    const error = callEndedError(signal, {
      sent: this.#controller !== undefined,
      connectionFreed: this.#connectionFreed(),
    });
    this.#fail(error);
    if (this.#controller === undefined) return;
    // Aborting costs the connection. A caller that merely lost interest does not need that if the answer is near.
    if (error.code === "CANCELLED") {
      this.#timer = this.#clock.after(this.#times.lingerMs, () => this.#abort(error));
    } else {
      this.#abort(error);
    }
  }

  onRequestStart(controller: Controller): void {
    // Throwing drops the request and keeps the connection; `controller.abort` would destroy it. The second half makes
    // sure that a request is never written twice without the retry layer's knowledge.
    if (this.#isSettled || this.#controller !== undefined) {
      this.#onFreed?.();
      throw new Error("the exchange was given up before its request was written");
    }
    this.#controller = controller;
    this.#sentAt = this.#clock.now();
  }

  onResponseStart(_controller: Controller, status: number, headers: ResponseHeaders): void {
    if (this.#isSettled || status < 200) return;
    const { call, method, maxResponseBytes } = this.#request;
    call.attemptLog.httpStatus = status;
    this.#status = status;
    this.#headers = joinRepeated(headers);
    const encoding = this.#headers["content-encoding"];
    if (encoding !== undefined && encoding.toLowerCase() !== "identity") {
      this.#unread("the answer is compressed, which nobody asked for");
    } else if (method !== "HEAD" && Number(this.#headers["content-length"]) > maxResponseBytes) {
      this.#unread("the answer announces a body larger than allowed");
    }
  }

  onResponseData(_controller: Controller, chunk: Buffer): void {
    this.#receivedBytes += chunk.length;
    if (this.#isSettled) {
      chunk.fill(0);
      return;
    }
    this.#chunks.push(chunk);
    if (this.#receivedBytes > this.#request.maxResponseBytes) {
      this.#unread("the body of the answer is larger than allowed");
    }
  }

  onResponseEnd(): void {
    this.#timer.cancel();
    this.#onFreed?.();
    if (this.#isSettled) return;
    this.#release();
    this.#resolve(this.#joined());
  }

  onResponseError(_controller: Controller | undefined, error: Error): void {
    this.#timer.cancel();
    this.#onFreed?.();
    if (!this.#isSettled) this.#cutOff(toUpstreamError(error, this.#controller !== undefined));
  }

  #timedOut(): void {
    const error = new UpstreamError(
      "ATTEMPT_TIMEOUT",
      `no complete answer within ${this.#times.attemptMs} ms`,
      { sent: this.#controller !== undefined, connectionFreed: this.#connectionFreed() },
    );
    this.#cutOff(error);
    this.#abort(error);
  }

  /** To be asked for while the request is on a connection, or waits for one: resolves when it no longer does. */
  #connectionFreed(): Promise<void> {
    return new Promise((resolve) => {
      this.#onFreed = resolve;
    });
  }

  #unread(text: string): void {
    const error = new UpstreamError("BAD_RESPONSE", text, {
      sent: true,
      connectionFreed: this.#connectionFreed(),
    });
    this.#cutOff(error);
    this.#abort(error);
  }

  /** The body will not be had. That spoils a success; of a refusal, status and headers say what matters. */
  #cutOff(error: Error): void {
    if (this.#status < 400) {
      this.#fail(error);
    } else {
      this.#release();
      this.#wipeChunks();
      this.#resolve(noBody);
    }
  }

  #resolve(body: Buffer): void {
    const sentAt = this.#sentAt;
    this.#settle.resolve({ status: this.#status, headers: this.#headers, body, sentAt });
  }

  #abort(error: UpstreamError): void {
    this.#controller?.abort(error);
  }

  #fail(error: Error): void {
    this.#release();
    this.#wipeChunks();
    this.#settle.reject(error);
  }

  #wipeChunks(): void {
    for (const chunk of this.#chunks) chunk.fill(0);
    this.#chunks = [];
  }

  #release(): void {
    this.#isSettled = true;
    this.#timer.cancel();
    this.#request.call.signal.removeEventListener("abort", this);
  }

  /** The body in one piece. What it was copied from is zeroed: one copy of key material is enough to look after. */
  #joined(): Buffer {
    const [first = noBody] = this.#chunks;
    if (this.#chunks.length <= 1) return first;
    const body = Buffer.concat(this.#chunks, this.#receivedBytes);
    for (const chunk of this.#chunks) chunk.fill(0);
    return body;
  }
}
