/**
 * Calls that hold memory before anything is known of their caller: unary calls whose request is not
 * complete, and open streams of the health and reflection services. Their bytes are bounded, all
 * together, and so is the time in which a message must arrive. Most requests arrive in one turn of
 * the event loop and are never listed.
 */
import type { Clock, Timer } from "../../../platform/clock.ts";
import { groupOfPeer } from "../connections/peer-group.ts";

/** Why a call that is being received is refused: its bytes are needed, or it took too long. */
export type ReceiveRefusal = "bytes" | "time";

/** A call whose request is being received. */
export interface ReceivingCall {
  /** Whether the call has to be listed: a part of the request is missing, or it is a stream. */
  readonly isReceiving: boolean;
  /** Whether a message has begun, or must begin, to arrive, so that it must arrive in time. */
  readonly isTimed: boolean;
  /** Bytes that the call has in memory. */
  readonly heldBytes: number;
  /** Address of the peer, as grpc-js writes it. */
  readonly peer: string;
  /** Identifies the connection. */
  readonly session: object | undefined;
  /** The entry of the list, if the call is in it. Only the list writes it. */
  entry: ReceivingEntry | undefined;
  /**
   * Ends the call: with a status that gives the reason, or else by a reset, which clients report as
   * RESOURCE_EXHAUSTED and which costs a fraction of it.
   */
  refuse(why: ReceiveRefusal, isExplained: boolean): void;
  /**
   * Tells the client of an answered call that the rest of its request is not needed (RFC 9113
   * section 8.1). grpc-js leaves the stream open until the client ends it.
   */
  stopReceiving(): void;
}

/** The place of a call in the list. */
export interface ReceivingEntry {
  readonly call: ReceivingCall;
  readonly connection: Holder;
  /** When the message began to arrive, in milliseconds of the monotonic clock. */
  since: number;
  bytes: number;
}

/** A connection with calls that are being received. */
interface Holder {
  readonly group: string;
  readonly key: object;
  /** The oldest first. */
  readonly entries: Set<ReceivingEntry>;
  bytes: number;
}

/** Bounds of `createReceivingCalls`. */
export interface ReceiveLimits {
  /** Most bytes of all incomplete requests together. */
  readonly maxBytes: number;
  /** Longest time in which a request must arrive, in milliseconds. */
  readonly timeoutMs: number;
}

/** Options of `createReceivingCalls`. */
export interface ReceivingCallsOptions extends ReceiveLimits {
  readonly clock: Pick<Clock, "now" | "after">;
  readonly onRefused?: (why: ReceiveRefusal) => void;
}

/** The calls that are being received. */
export interface ReceivingCalls {
  /** Bytes of all incomplete requests, with the overhead of their calls. */
  readonly bytes: number;
  /** Lists a call that is still incomplete when the present turn of the event loop ends. */
  began(call: ReceivingCall): void;
  /** Adds bytes to a listed call. May refuse this or another call. */
  grew(entry: ReceivingEntry, bytes: number): void;
  /** Takes bytes from a listed stream whose message is complete. */
  shrank(entry: ReceivingEntry, bytes: number): void;
  /** Removes a call that is complete or over. Does nothing to a call that is not listed. */
  ended(call: ReceivingCall): void;
  /** A call was answered before its request was complete. It is stopped a second later. */
  answered(call: ReceivingCall): void;
}

/** Bytes that a call takes besides its request: the stream, the call, its timers (measured). */
export const callOverheadBytes = 8_192;

/**
 * Time from the answer of a call until its stream is reset, in milliseconds. A reset overtakes an
 * answer that waits for an earlier write. Most clients end the stream themselves.
 */
const stopMs = 1_000;

/**
 * Calls that are refused with a status in one turn of the event loop. Further ones are reset, so
 * that a flood of incomplete requests does not hold up the other callers.
 */
const explainedPerTurn = 32;

/** Creates an empty list. */
export function createReceivingCalls(options: ReceivingCallsOptions): ReceivingCalls {
  const { clock, maxBytes, timeoutMs, onRefused } = options;
  /** Calls that began in this turn. */
  let fresh: ReceivingCall[] = [];
  /** Calls whose message must arrive in time, the oldest first. */
  const timed = new Set<ReceivingEntry>();
  const holders = new Map<object, Holder>();
  let bytes = 0;
  /** Calls that were refused with a status in this turn. */
  let explained = 0;
  let timer: Timer | undefined;
  /** Answered calls that are to be stopped, the earliest answer first. */
  let answered: { readonly call: ReceivingCall; readonly due: number }[] = [];

  const holderOf = (call: ReceivingCall): Holder => {
    // Without a session the connection is gone; the call's end follows.
    const key = call.session ?? call;
    const known = holders.get(key);
    if (known !== undefined) return known;
    const group = groupOfPeer(call.peer);
    const holder = { group, key, entries: new Set<ReceivingEntry>(), bytes: 0 };
    holders.set(key, holder);
    return holder;
  };
  const add = (entry: ReceivingEntry, more: number): void => {
    entry.bytes += more;
    entry.connection.bytes += more;
    bytes += more;
  };
  const remove = (entry: ReceivingEntry): void => {
    const { call, connection } = entry;
    call.entry = undefined;
    timed.delete(entry);
    add(entry, -entry.bytes);
    connection.entries.delete(entry);
    if (connection.entries.size === 0) holders.delete(connection.key);
  };
  const refuse = (entry: ReceivingEntry, why: ReceiveRefusal): void => {
    remove(entry);
    onRefused?.(why);
    if (explained === 0) setImmediate(() => (explained = 0));
    const isExplained = explained < explainedPerTurn;
    if (isExplained) explained += 1;
    entry.call.refuse(why, isExplained);
  };
  /** The connection that holds most, of the peer that holds most. */
  const largest = (): Holder | undefined => {
    const byGroup = new Map<string, number>();
    for (const { group, bytes: held } of holders.values()) {
      byGroup.set(group, (byGroup.get(group) ?? 0) + held);
    }
    let found: Holder | undefined;
    let most = 0;
    for (const holder of holders.values()) {
      const ofGroup = byGroup.get(holder.group) ?? 0;
      if (ofGroup < most || (ofGroup === most && holder.bytes <= (found?.bytes ?? 0))) continue;
      found = holder;
      most = ofGroup;
    }
    return found;
  };
  const keepWithinBytes = (): void => {
    if (bytes <= maxBytes) return;
    for (let victim = largest(); victim !== undefined; victim = largest()) {
      // Up to half of them at once, because the search costs time.
      const least = victim.bytes / 2;
      for (const entry of victim.entries) {
        refuse(entry, "bytes");
        if (bytes <= maxBytes) return;
        if (victim.bytes <= least) break;
      }
    }
  };
  const schedule = (): void => {
    const [oldest] = timed;
    if (timer !== undefined || oldest === undefined) return;
    timer = clock.after(Math.max(0, oldest.since + timeoutMs - clock.now()), () => {
      timer = undefined;
      const latest = clock.now() - timeoutMs;
      for (const entry of timed) {
        if (entry.since > latest) break;
        refuse(entry, "time");
      }
      schedule();
    });
  };
  const list = (call: ReceivingCall): void => {
    const connection = holderOf(call);
    const entry = { call, connection, since: clock.now(), bytes: 0 };
    call.entry = entry;
    connection.entries.add(entry);
    add(entry, call.heldBytes + callOverheadBytes);
    if (!call.isTimed) return;
    timed.add(entry);
    schedule();
  };
  const endTurn = (): void => {
    const begun = fresh;
    fresh = [];
    for (const call of begun) {
      if (call.isReceiving && call.entry === undefined) list(call);
    }
    keepWithinBytes();
  };

  const stopDue = (): void => {
    const now = clock.now();
    const first = answered.findIndex(({ due }) => due > now);
    const due = first < 0 ? answered : answered.slice(0, first);
    answered = first < 0 ? [] : answered.slice(first);
    const [next] = answered;
    if (next !== undefined) clock.after(next.due - now, stopDue);
    for (const { call } of due) call.stopReceiving();
  };

  return {
    get bytes() {
      return bytes;
    },
    began(call) {
      if (fresh.length === 0) setImmediate(endTurn);
      fresh.push(call);
    },
    grew(entry, more) {
      add(entry, more);
      if (!timed.has(entry)) {
        entry.since = clock.now();
        timed.add(entry);
        schedule();
      }
      keepWithinBytes();
    },
    shrank(entry, less) {
      add(entry, -less);
      timed.delete(entry);
    },
    ended({ entry }) {
      if (entry !== undefined) remove(entry);
    },
    answered(call) {
      answered.push({ call, due: clock.now() + stopMs });
      if (answered.length === 1) clock.after(stopMs, stopDue);
    },
  };
}
