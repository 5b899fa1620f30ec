import { LinkedList, type Linked } from "./queue-list.ts";
import type { Ticket } from "./queue-ticket.ts";

/** The calls of one caller that wait in one class, oldest first. */
class Line implements Linked<Line> {
  previous: Line | undefined;
  next: Line | undefined;
  readonly caller: string;
  readonly tickets = new LinkedList<Ticket>();

  constructor(caller: string) {
    this.caller = caller;
  }
}

/** What waits in one priority class: served round robin by caller, and in order of arrival for each caller. */
export interface ClassQueue {
  /** Calls that wait. */
  readonly size: number;
  /** Callers with a call that waits. */
  readonly callers: number;
  /** Calls of one caller that wait. */
  sizeOf(caller: string): number;
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
  const turns = new LinkedList<Line>();
  let size = 0;

  const lineOf = (caller: string): Line => {
    const known = lines.get(caller);
    if (known !== undefined) return known;
    const line = new Line(caller);
    lines.set(caller, line);
    turns.append(line);
    return line;
  };
  const leave = (line: Line, ticket: Ticket): void => {
    line.tickets.remove(ticket);
    size -= 1;
    if (line.tickets.size > 0) return;
    turns.remove(line);
    lines.delete(line.caller);
  };

  return {
    get size() {
      return size;
    },
    get callers() {
      return lines.size;
    },
    sizeOf: (caller) => lines.get(caller)?.tickets.size ?? 0,
    add(ticket, place) {
      const { tickets } = lineOf(ticket.call.caller);
      if (place === "head") tickets.prepend(ticket);
      else tickets.append(ticket);
      size += 1;
    },
    remove(ticket) {
      const line = lines.get(ticket.call.caller);
      if (line !== undefined) leave(line, ticket);
    },
    next: () => turns.first?.tickets.first,
    take() {
      const line = turns.first;
      const ticket = line?.tickets.first;
      if (line === undefined || ticket === undefined) return;
      leave(line, ticket);
      if (line.tickets.size === 0) return;
      turns.remove(line);
      turns.append(line);
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
