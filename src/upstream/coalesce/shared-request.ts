import { CallLifetime } from "../../platform/call-signal.ts";
import { UpstreamError } from "../error.ts";
import type { UpstreamErrorCode } from "../error.ts";
import { callEndedError } from "../error.ts";
import type { AttemptLog } from "../../platform/attempt-log.ts";
import type { Send, UpstreamRequest, UpstreamResponse } from "../layer.ts";

/** What `new Promise` hands out. */
interface Settle {
  readonly resolve: (response: UpstreamResponse) => void;
  readonly reject: (error: unknown) => void;
}

/** Refusals that are about the call in whose name the request was to be sent, not about the request. */
const personal: ReadonlySet<UpstreamErrorCode> = new Set([
  "CALLER_LIMIT",
  "DEADLINE_IN_QUEUE",
  "DEADLINE_TOO_SHORT",
]);

/** What a shared is made of. */
export interface SharedRequestOptions {
  readonly send: Send;
  /** Told once when nobody may join any more. */
  readonly onEnd: () => void;
}

/**
 * One exchange that several calls wait for.
 *
 * It is made in the name of the call that came first, the leader, but does not end with it: only when all its participants
 * have gone. Each gets an answer of its own, body included, because bodies are zeroed by their readers.
 */
export class SharedRequest {
  /** The exchange's own. Not ended if the shared ended with an answer or error. */
  readonly #lifetime = new CallLifetime();
  readonly #options: SharedRequestOptions;
  readonly #participants = new Set<Participant>();
  readonly #attemptLog: AttemptLog = { attempts: 0, httpStatus: undefined };
  /** As long as the most patient of the participants waits; the layers inside read it as they go. */
  #call: { deadline: number } | undefined;
  #deadline = Number.NEGATIVE_INFINITY;

  constructor(options: SharedRequestOptions) {
    this.#options = options;
  }

  /** Takes a call on whose signal has not been aborted. */
  join(request: UpstreamRequest, settle: Settle): void {
    this.#participants.add(new Participant(this, request, settle));
    this.#deadline = Math.max(this.#deadline, request.call.deadline);
    if (this.#call !== undefined) this.#call.deadline = this.#deadline;
  }

  /** Lets go of a call that ended. When none is left, the exchange ends for the same reason. */
  leave(participant: Participant): void {
    const { signal } = participant.request.call;
    this.#participants.delete(participant);
    participant
      .settle(this.#attemptLog)
      .reject(callEndedError(signal, { sent: this.#attemptLog.attempts > 0 }));
    if (this.#participants.size > 0) return;
    this.#lifetime.end(signal.reason);
    this.#options.onEnd();
  }

  /** Makes the exchange. To be called once, when the leader has joined. Never rejects. */
  async send(): Promise<void> {
    for (const leader of this.#participants) {
      const request = this.#requestOf(leader);
      try {
        this.#share(await this.#options.send(request), undefined);
      } catch (error) {
        // Refused for the leader's sake: the exchange is made in the name of the next, if there is one.
        if (this.#isDismissed(leader, error)) continue;
        this.#share(undefined, error);
      } finally {
        request.body?.fill(0);
      }
      return;
    }
  }

  #requestOf({ request }: Participant): UpstreamRequest {
    const call = {
      ...request.call,
      signal: this.#lifetime,
      attemptLog: this.#attemptLog,
      deadline: this.#deadline,
    };
    this.#call = call;
    this.#attemptLog.sentAs = call.correlationId;
    // The leader's own body is zeroed when the leader goes, which may be before the exchange ends.
    const body = request.body === undefined ? undefined : Buffer.from(request.body);
    return { ...request, body, call };
  }

  /** Whether the leader was refused for its own sake and others wait. The leader, if it still waits, is told. */
  #isDismissed(leader: Participant, error: unknown): boolean {
    if (!(error instanceof UpstreamError) || !personal.has(error.code)) return false;
    if (this.#participants.size === (this.#participants.has(leader) ? 1 : 0)) return false;
    if (this.#participants.delete(leader)) leader.settle(this.#attemptLog).reject(error);
    return true;
  }

  #share(response: UpstreamResponse | undefined, error: unknown): void {
    let waiting = this.#participants.size;
    if (waiting === 0) {
      response?.body.fill(0);
      return;
    }
    this.#options.onEnd();
    for (const participant of this.#participants) {
      waiting -= 1;
      const { resolve, reject } = participant.settle(this.#attemptLog);
      if (response === undefined) reject(error);
      else resolve(waiting === 0 ? response : withOwnBody(response));
    }
    this.#participants.clear();
  }
}

const withOwnBody = (response: UpstreamResponse): UpstreamResponse => ({
  ...response,
  body: Buffer.from(response.body),
});

/** One call that waits for the answer of a shared. */
class Participant {
  readonly #shared: SharedRequest;
  readonly #settle: Settle;
  readonly request: UpstreamRequest;

  constructor(shared: SharedRequest, request: UpstreamRequest, settle: Settle) {
    this.#shared = shared;
    this.#settle = settle;
    this.request = request;
    request.call.signal.addEventListener("abort", this);
  }

  /** The call ended: cancelled, out of time, or because the gateway goes. */
  handleEvent(): void {
    this.#shared.leave(this);
  }

  /** Notes what was sent for the call and gives what its promise is settled with. */
  settle(attemptLog: AttemptLog): Settle {
    const { call } = this.request;
    call.signal.removeEventListener("abort", this);
    call.attemptLog.attempts += attemptLog.attempts;
    call.attemptLog.httpStatus = attemptLog.httpStatus;
    if (attemptLog.sentAs !== call.correlationId) call.attemptLog.sentAs = attemptLog.sentAs;
    if (attemptLog.credential !== undefined) call.attemptLog.credential = attemptLog.credential;
    return this.#settle;
  }
}
