/** Answers a stream of items, in bounded memory and so that the caller can go on after any end. */
import type { MessageStream } from "../../grpc/call/streams/message-stream.ts";
import type { CallContext } from "../../grpc/call/call-context.ts";
import { callEndedStatus } from "../../grpc/status/call-ended-status.ts";
import { streamEndedStatus } from "../../grpc/status/stream-status.ts";
import type { Reason } from "../../grpc/status/status-error.ts";
import type { StreamProgress } from "../../platform/attempt-log.ts";
import type { Timer } from "../../platform/clock.ts";
import type { StreamTimes } from "../service-deps.ts";
import { Item, type ItemOptions, type ItemRequest, type ItemResult } from "./item.ts";

/** Most items of one stream that are read and whose answers are not yet taken. */
const itemsAtOnce = 64;
/** Most bytes of their requests; one item may exceed it. */
const bytesAtOnce = 262_144;
/** Rejections that concern no item: the same item will be taken when they are over. */
const passingReasons: ReadonlySet<Reason> = new Set([
  "OVERLOADED",
  "CALLER_RATE_LIMITED",
  "CIRCUIT_OPEN",
  "IAM_UNAVAILABLE",
  "UPSTREAM_RATE_LIMITED",
  "UPSTREAM_UNAVAILABLE",
  "UPSTREAM_UNREACHABLE",
]);
/** How often a stream looks at the time and at its connection, in milliseconds. */
const tickMs = 1_000;
/** How long a peer may leave answers of a closed stream, in milliseconds. */
const takingMs = 5_000;

/** The answer to an item, as a message of the stream. */
export interface StreamAnswer<Res> {
  index: number;
  itemId: string;
  outcome?: ItemResult<Res> | undefined;
}

/** One item of a stream. */
export interface StreamItem<Req> {
  readonly request: Req;
  /** The ID that the answer repeats. */
  readonly itemId: string;
  /** Size of the request in bytes, about. */
  readonly bytes: number;
}

/** Reads the meaning of a message. Throws a `StatusError` for a message that ends the stream. */
export type ReadMessage<Message, Req> = (
  message: Message,
  isFirst: boolean,
) => { readonly item: StreamItem<Req> } | { readonly isInOrder: boolean };

/** How a stream is answered. */
export interface ItemStreamOptions<Message, Req, Res> extends Omit<
  ItemOptions<Req, Res>,
  "isPassing"
> {
  readonly readMessage: ReadMessage<Message, Req>;
  readonly times: StreamTimes;
}

/** The messages of a stream, as far as they are used. */
export type ItemMessages<Message, Res> = Pick<
  MessageStream<Message, StreamAnswer<Res>>,
  "read" | "write" | "close" | "closing" | "closeWithConnection" | "reset"
>;

/** An item that is not yet answered, or whose answer is not yet taken. */
interface Entry<Req extends ItemRequest, Res> {
  readonly index: number;
  readonly itemId: string;
  readonly bytes: number;
  readonly item: Item<Req, Res>;
  isAnswered: boolean;
}

/** One stream of items. */
export class ItemStream<Message, Req extends ItemRequest, Res> {
  readonly #options: ItemStreamOptions<Message, Req, Res>;
  readonly #messages: ItemMessages<Message, Res>;
  readonly #context: CallContext;
  readonly #itemOptions: ItemOptions<Req, Res>;
  readonly #progress: StreamProgress = { answeredItems: 0, lastItemId: "" };
  /** Items whose answers were taken, behind one whose answer was not: their IDs by index. */
  readonly #ahead = new Map<number, string>();
  /** Items in the order of the stream whose answers were not yet written. */
  readonly #unwritten = new Set<Entry<Req, Res>>();
  #isInOrder = true;
  #read = 0;
  /** Items that Key Protect, or the queue before it, has not answered. */
  #inProgress = 0;
  /** Items that are read and whose answers are not taken. */
  #held = 0;
  #heldBytes = 0;
  /** When a message was read or an answer taken, in milliseconds of the monotonic clock. */
  #movedAt: number;
  #wake: () => void = () => {};
  #timer: Timer | undefined;

  constructor(
    options: ItemStreamOptions<Message, Req, Res>,
    messages: ItemMessages<Message, Res>,
    context: CallContext,
  ) {
    this.#options = options;
    this.#messages = messages;
    this.#context = context;
    context.attemptLog.progress = this.#progress;
    this.#movedAt = options.deps.clock.now();
    this.#itemOptions = {
      ...options,
      // While the stream is open, its caller would only come back with the same item.
      isPassing: (reason) => passingReasons.has(reason) && messages.closing === undefined,
    };
  }

  /** Answers the stream. Rejects with the status if the caller did not end it. */
  async run(): Promise<void> {
    const { signal } = this.#context;
    const stop = (): void => {
      this.#messages.close("drain");
      this.#wake();
    };
    signal.addEventListener("abort", stop);
    this.#tick();
    try {
      await this.#readAll();
    } catch (error) {
      // The items before it are answered, but not tried again and again.
      this.#messages.close("drain");
      throw error;
    } finally {
      await this.#until(() => this.#held === 0);
      this.#timer?.cancel();
      signal.removeEventListener("abort", stop);
    }
    if (signal.aborted) throw callEndedStatus(this.#context);
    const { closing } = this.#messages;
    if (closing !== undefined) throw streamEndedStatus(closing);
  }

  async #readAll(): Promise<void> {
    for (let isFirst = true; ; isFirst = false) {
      await this.#until(() => this.#held < itemsAtOnce && this.#heldBytes < bytesAtOnce);
      const message = await this.#messages.read();
      if (message === undefined || this.#context.signal.aborted) return;
      this.#movedAt = this.#options.deps.clock.now();
      const meaning = this.#options.readMessage(message, isFirst);
      if ("item" in meaning) this.#begin(meaning.item);
      else this.#isInOrder = meaning.isInOrder;
    }
  }

  /** Resolves when the condition holds, or the call has ended. */
  async #until(isMet: () => boolean): Promise<void> {
    while (!isMet() && !this.#context.signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #begin({ request, itemId, bytes }: StreamItem<Req>): void {
    const { deps, times } = this.#options;
    const deadline = Math.min(this.#context.deadline, deps.clock.now() + times.itemMs);
    const item = new Item(this.#itemOptions, request, this.#context, deadline);
    const entry = { index: this.#read, itemId, bytes, item, isAnswered: false };
    this.#read += 1;
    this.#held += 1;
    this.#heldBytes += bytes;
    this.#inProgress += 1;
    this.#unwritten.add(entry);
    void item.run().then(() => this.#answered(entry));
  }

  #answered(entry: Entry<Req, Res>): void {
    this.#inProgress -= 1;
    // The item ended with the stream, so it has no answer of its own.
    if (this.#context.signal.aborted) return;
    entry.isAnswered = true;
    if (!this.#isInOrder) return this.#write(entry);
    for (const next of this.#unwritten) {
      if (!next.isAnswered) return;
      this.#write(next);
    }
  }

  #write(entry: Entry<Req, Res>): void {
    const { index, itemId, item } = entry;
    this.#unwritten.delete(entry);
    const answer = { index, itemId, outcome: item.resultAt("item") };
    this.#messages.write(answer, this.#context, () => this.#taken(entry));
  }

  #taken({ index, itemId, bytes }: Entry<Req, Res>): void {
    this.#movedAt = this.#options.deps.clock.now();
    this.#held -= 1;
    this.#heldBytes -= bytes;
    this.#ahead.set(index, itemId);
    const progress = this.#progress;
    for (;;) {
      const next = this.#ahead.get(progress.answeredItems);
      if (next === undefined) break;
      this.#ahead.delete(progress.answeredItems);
      progress.answeredItems += 1;
      progress.lastItemId = next;
    }
    this.#wake();
  }

  /** Looks from time to time whether the caller still takes part, and its connection lasts. */
  #tick(): void {
    const { deps, times } = this.#options;
    const messages = this.#messages;
    messages.closeWithConnection();
    const stillMs = deps.clock.now() - this.#movedAt;
    if (this.#inProgress === 0) {
      if (stillMs >= times.idleMs) messages.close("idle");
      const isStuck = messages.closing !== undefined && this.#held > 0 && stillMs >= takingMs;
      if (isStuck) return messages.reset();
    }
    this.#timer = deps.clock.after(Math.min(tickMs, times.idleMs), () => this.#tick());
  }
}
