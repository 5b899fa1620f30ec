/** One HTTP exchange with the upstream, from dispatch to the last byte. */
import type { Dispatcher } from "undici";
import type { Clock, Timer } from "../../platform/clock.ts";
import { toUpstreamError } from "./transport-error.ts";
import { callEndedError, UpstreamError } from "../error.ts";
import type { Settle, UpstreamRequest, UpstreamResponse } from "../layer.ts";
import type { Dispatch } from "./pool.ts";
import { ResponseBody } from "./response-body.ts";

type Controller = Dispatcher.DispatchController;
type ResponseHeaders = Parameters<NonNullable<Dispatcher.DispatchHandler["onResponseStart"]>>[2];

const noBody: Buffer = Buffer.alloc(0);
const noHeaders: Readonly<Record<string, string>> = {};

/** Whether no header was repeated; undici gives a repeated one as a list. */
function isFlat(headers: ResponseHeaders): headers is Record<string, string> {
  for (const name in headers) if (typeof headers[name] !== "string") return false;
  return true;
}

/**
 * Joins the values of repeated headers. Most responses have none and are used as they are, since a
 * copy costs a microsecond.
 */
function joinRepeated(headers: ResponseHeaders): Readonly<Record<string, string>> {
  if (isFlat(headers)) return headers;
  const joined: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) joined[name] = typeof value === "string" ? value : value.join(", ");
  }
  return joined;
}

/** Time-outs of an exchange, in milliseconds. */
export interface ExchangeTimes {
  /** From dispatch to the last byte of the response. */
  readonly attemptMs: number;
  /** From the caller's cancellation until the connection is closed. */
  readonly lingerMs: number;
}

/**
 * One HTTP exchange: undici's handler, the attempt's timer and the listener on the call's end in
 * one object.
 *
 * It settles its promise first and aborts undici then. undici acts on an abort only once a request
 * has a connection, so waiting for undici could mean waiting for a hanging TLS handshake or for the
 * previous request to end. A request that was given up while it waited is rejected when undici
 * turns to it, and is never written.
 */
export class Exchange implements Dispatcher.DispatchHandler {
  readonly #request: UpstreamRequest;
  readonly #clock: Clock;
  readonly #times: ExchangeTimes;
  readonly #settle: Settle<UpstreamResponse>;
  #timer: Timer;
  /** Present once undici has begun to write the request. */
  #controller: Controller | undefined;
  #isSettled = false;
  /** Resolves `connectionFreed` of the error, if there is one. */
  #onFreed: (() => void) | undefined;
  #sentAt = 0;
  #status = 0;
  #headers: Readonly<Record<string, string>> = noHeaders;
  readonly #body = new ResponseBody();
  /** `content-length`, if the response has it. */
  #announcedBytes: number | undefined;

  constructor(
    request: UpstreamRequest,
    settle: Settle<UpstreamResponse>,
    clock: Clock,
    times: ExchangeTimes,
  ) {
    this.#request = request;
    this.#settle = settle;
    this.#clock = clock;
    this.#times = times;
    this.#timer = clock.after(times.attemptMs, () => this.#timedOut());
  }

  /**
   * Dispatches the request. To be called once, right after creation: the attempt's timer is
   * running.
   */
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

  /** The call ended: the caller cancelled, its deadline passed, or the gateway shuts down. */
  handleEvent(): void {
    const { signal } = this.#request.call;
    const error = callEndedError(signal, {
      sent: this.#controller !== undefined,
      connectionFreed: this.#connectionFreed(),
    });
    this.#fail(error);
    if (this.#controller === undefined) return;
    // An abort closes the connection. After a cancellation it waits, as the response may be near.
    if (error.code === "CANCELLED") {
      this.#timer = this.#clock.after(this.#times.lingerMs, () => this.#abort(error));
    } else {
      this.#abort(error);
    }
  }

  onRequestStart(controller: Controller): void {
    // A throw drops the request and keeps the connection, which `controller.abort` would destroy.
    // With a controller, undici is about to write the request again; only the retry layer may do
    // so.
    if (this.#isSettled || this.#controller !== undefined) {
      this.#onFreed?.();
      throw new Error("the exchange was given up before its request was written");
    }
    this.#controller = controller;
    this.#sentAt = this.#clock.now();
    this.#request.onSent?.();
  }

  onResponseStart(_controller: Controller, status: number, headers: ResponseHeaders): void {
    if (this.#isSettled || status < 200) return;
    const { call, method, maxResponseBytes } = this.#request;
    call.attemptLog.httpStatus = status;
    this.#status = status;
    this.#headers = joinRepeated(headers);
    const encoding = this.#headers["content-encoding"];
    if (encoding !== undefined && encoding.toLowerCase() !== "identity") {
      this.#rejectBody("the answer is compressed although compression was not requested");
      return;
    }
    const announced = this.#headers["content-length"];
    if (method === "HEAD" || announced === undefined) return;
    this.#announcedBytes = Number(announced);
    if (this.#announcedBytes > maxResponseBytes) {
      this.#rejectBody("the answer announces a body larger than allowed");
    }
  }

  onResponseData(_controller: Controller, chunk: Buffer): void {
    if (this.#isSettled) {
      chunk.fill(0);
      return;
    }
    this.#body.add(chunk, this.#announcedBytes);
    if (this.#body.length > this.#request.maxResponseBytes) {
      this.#rejectBody("the body of the answer is larger than allowed");
    }
  }

  onResponseEnd(): void {
    this.#timer.cancel();
    this.#onFreed?.();
    if (this.#isSettled) return;
    this.#release();
    this.#resolve(this.#body.join());
  }

  onResponseError(_controller: Controller | undefined, error: Error): void {
    this.#timer.cancel();
    this.#onFreed?.();
    if (!this.#isSettled)
      this.#endWithoutBody(toUpstreamError(error, this.#controller !== undefined));
  }

  #timedOut(): void {
    const error = new UpstreamError(
      "ATTEMPT_TIMEOUT",
      `no complete answer within ${this.#times.attemptMs} ms`,
      { sent: this.#controller !== undefined, connectionFreed: this.#connectionFreed() },
    );
    this.#endWithoutBody(error);
    this.#abort(error);
  }

  /**
   * Resolves when the request neither occupies a connection nor waits for one. Call it while it
   * does.
   */
  #connectionFreed(): Promise<void> {
    return new Promise((resolve) => {
      this.#onFreed = resolve;
    });
  }

  #rejectBody(text: string): void {
    const error = new UpstreamError("BAD_RESPONSE", text, {
      sent: true,
      connectionFreed: this.#connectionFreed(),
    });
    this.#endWithoutBody(error);
    this.#abort(error);
  }

  /**
   * The body will not be complete. A success is lost then. For an error response, status and
   * headers are enough, so it is returned with an empty body.
   */
  #endWithoutBody(error: Error): void {
    if (this.#status < 400) {
      this.#fail(error);
    } else {
      this.#release();
      this.#body.zeroize();
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
    this.#body.zeroize();
    this.#settle.reject(error);
  }

  #release(): void {
    this.#isSettled = true;
    this.#timer.cancel();
    this.#request.call.signal.removeEventListener("abort", this);
  }
}
