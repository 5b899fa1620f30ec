import { LinkedList, type Linked } from "./linked-list.ts";
import type { Ticket } from "./waiter.ts";

/** The calls of one caller that wait in one class, oldest first. */
class Line implements Linked<Line> {
  previous: Line | undefined;
  next: Line | undefined;
  readonly caller: string;
  readonly tickets = new LinkedList<Ticket>();
  /** Whether it has not been served since it began to wait. */
  isFresh = true;

  constructor(caller: string) {
    this.caller = caller;
  }
}

/**
 * What waits in one priority class: served round robin by caller, and in order of arrival for each caller. A caller that
 * was not served lately has its first turn before those who were: who asks seldom does not wait for a whole round of
 * those who ask all the time. It has one such turn per round, so that nobody gains by asking in small portions.
 */
export interface ClassQueue {
  /** Calls that wait. */
  readonly size: number;
  /** Calls that are served before the next one that is added for a caller, or before its oldest one. */
  ahead(caller: string, place: "head" | "tail"): number;
  /** Adds a call behind those of its caller, or before them. */
  add(ticket: Ticket, place: "head" | "tail"): void;
  /** Takes out a call that waits. */
  remove(ticket: Ticket): void;
  /** Whose turn it is. */
  next(): Ticket | undefined;
  /** Takes out the call whose turn it is; its caller's next turn comes after that of all others. */
  take(): void;
  /** The newest call of the caller that has most waiting. */
  newestOfGreediest(): Ticket | undefined;
  /** The newest call of a caller. */
  newestOf(caller: string): Ticket | undefined;
  /** All that wait, in no particular order. A snapshot. */
  all(): Ticket[];
}

/** An empty queue. */
export function createClassQueue(): ClassQueue {
  const lines = new Map<string, Line>();
  const fresh = new LinkedList<Line>();
  /** Those that were served. Who has no call left keeps the place until its turn comes. */
  const served = new LinkedList<Line>();
  let size = 0;
  /** Lines with a call. */
  let callers = 0;

  const lineOf = (caller: string): Line => {
    const known = lines.get(caller);
    if (known !== undefined) return known;
    const line = new Line(caller);
    lines.set(caller, line);
    fresh.append(line);
    return line;
  };
  const listOf = (line: Line): LinkedList<Line> => (line.isFresh ? fresh : served);
  const drop = (line: Line): void => {
    listOf(line).remove(line);
    lines.delete(line.caller);
  };
  const leave = (line: Line, ticket: Ticket): void => {
    line.tickets.remove(ticket);
    size -= 1;
    if (line.tickets.size > 0) return;
    callers -= 1;
    if (line.isFresh) drop(line);
    // Nobody is left to be fair to.
    else if (size === 0) while (served.first !== undefined) drop(served.first);
  };
  const current = (): Line | undefined => {
    if (fresh.first !== undefined) return fresh.first;
    for (let line = served.first; line !== undefined; line = served.first) {
      if (line.tickets.size > 0) return line;
      // Its turn has come, and it has nothing to send.
      drop(line);
    }
    return undefined;
  };

  return {
    get size() {
      return size;
    },
    ahead(caller, place) {
      const line = lines.get(caller);
      if (line === undefined) return fresh.size;
      const own = line.tickets.size;
      const before = place === "head" ? 0 : own;
      const others = callers - (own > 0 ? 1 : 0);
      // Each other caller has a turn for each turn of this one, as long as it has calls waiting.
      return Math.min(size, before + (before + 1) * others);
    },
    add(ticket, place) {
      const { tickets } = lineOf(ticket.call.caller);
      if (tickets.size === 0) callers += 1;
      if (place === "head") tickets.prepend(ticket);
      else tickets.append(ticket);
      size += 1;
    },
    remove(ticket) {
      const line = lines.get(ticket.call.caller);
      if (line !== undefined) leave(line, ticket);
    },
    next: () => current()?.tickets.first,
    take() {
      const line = current();
      const ticket = line?.tickets.first;
      if (line === undefined || ticket === undefined) return;
      listOf(line).remove(line);
      line.isFresh = false;
      served.append(line);
      leave(line, ticket);
    },
    newestOfGreediest() {
      let greediest: Line | undefined;
      for (const line of lines.values()) {
        if (greediest === undefined || line.tickets.size > greediest.tickets.size) greediest = line;
      }
      return greediest?.tickets.last;
    },
    newestOf: (caller) => lines.get(caller)?.tickets.last,
    all() {
      const tickets: Ticket[] = [];
      for (const line of lines.values()) {
        for (let at = line.tickets.first; at !== undefined; at = at.next) tickets.push(at);
      }
      return tickets;
    },
  };
}
