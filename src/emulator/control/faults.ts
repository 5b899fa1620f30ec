/** Scripted faults: the requests that a fault applies to, how often, and its effect. */
import type { JsonObject } from "../api/json-fields.ts";
import { globPattern } from "../api/route.ts";
import type { Service } from "./request-log.ts";

/** When a fault takes effect: before or after the request is executed. */
export type ProcessingMoment = "before-processing" | "after-processing";

/** The effect of a fault. A fault without an action only delays. */
export type FaultAction =
  /**
   * Answers without executing the request, or `after-processing` with another answer than its own,
   * as a proxy does that loses the answer. A `body` that is text is sent as it is ("" sends no
   * body), an object is sent as JSON. Default: the service's own error body for the status.
   */
  | {
      readonly kind: "respond";
      readonly status: number;
      readonly when?: ProcessingMoment;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string | JsonObject;
      readonly contentType?: string;
    }
  /** Closes the connection with a TCP reset, before or after executing the request. */
  | { readonly kind: "reset"; readonly when: ProcessingMoment }
  /** Never answers and does not execute the request. */
  | { readonly kind: "hang" }
  /** Executes, sends the head and `afterBytes` of the body (default: half), then sends nothing. */
  | { readonly kind: "stall"; readonly afterBytes?: number }
  /** Executes, then sends the body in pieces of `chunkBytes`, with a pause after each. */
  | { readonly kind: "drip"; readonly chunkBytes: number; readonly intervalMs: number }
  /** Executes, then sends the head of the answer one character at a time. */
  | { readonly kind: "drip-head"; readonly intervalMs: number }
  /** Executes, declares the full length, sends `afterBytes` (default: half) and closes. */
  | { readonly kind: "truncate"; readonly afterBytes?: number }
  /** Executes, then answers with JSON that does not parse. */
  | { readonly kind: "garble" }
  /**
   * Executes, then answers with a body of at least `bytes`. `isChunked` (default false) sends it
   * without a Content-Length.
   */
  | { readonly kind: "oversize"; readonly bytes: number; readonly isChunked?: boolean }
  /**
   * Executes, then changes the body by a merge patch (RFC 7396) or, in code, by a function. Can
   * change status and headers too.
   */
  | {
      readonly kind: "rewrite";
      readonly patch?: JsonObject | ((body: unknown) => unknown);
      readonly status?: number;
      readonly headers?: Readonly<Record<string, string>>;
    };

/**
 * The requests that a fault applies to. Every given field must match. An empty match applies to all
 * requests except those to the control routes.
 */
export interface FaultMatch {
  readonly service?: Service;
  readonly method?: string;
  /** The path without the query. In a string, `*` stands for any characters. */
  readonly path?: string | RegExp;
  /** Name of the operation, such as `wrapKey`, in both dialects. */
  readonly operation?: string;
  readonly instanceId?: string;
}

/** A scripted fault. */
export interface Fault {
  readonly match?: FaultMatch;
  /** How many requests the fault applies to. Default: unlimited. */
  readonly times?: number;
  /** Number of matching requests to leave alone first. Default 0. */
  readonly skip?: number;
  /** Probability, from 0 to 1, that the fault applies to a matching request. Default 1. */
  readonly probability?: number;
  /** Delay before the action or the normal answer, in real milliseconds. Default 0. */
  readonly delayMs?: number;
  readonly action?: FaultAction;
}

/** The properties of a request that a `FaultMatch` is compared with. */
export interface FaultSubject {
  readonly service: Service;
  readonly method: string;
  readonly path: string;
  readonly operation: string;
  readonly instanceId: string | undefined;
}

/** A fault that has been added, with its ID. */
export interface ScriptedFault {
  readonly id: number;
  readonly fault: Fault;
  /** How often the fault was applied. */
  readonly struck: number;
}

/** The faults of an emulator, in the order in which they were added. */
export interface Faults {
  /** Adds a fault at the end and returns its ID. The first fault that matches is applied. */
  add(fault: Fault): number;
  /** Removes a fault. Returns `false` if the ID is unknown. */
  remove(id: number): boolean;
  /** Removes all faults. */
  clear(): void;
  list(): readonly ScriptedFault[];
  /** Returns the fault for a request and counts the application. */
  take(subject: FaultSubject): Fault | undefined;
}

interface Entry {
  readonly id: number;
  readonly fault: Fault;
  readonly fits: (subject: FaultSubject) => boolean;
  skipsLeft: number;
  struck: number;
}

/** Creates an empty list of faults. `random` gives numbers from 0 to 1 for the probabilities. */
export function createFaults(random: () => number): Faults {
  let entries: readonly Entry[] = [];
  let lastId = 0;

  return {
    add(fault) {
      lastId += 1;
      const fits = compileMatch(fault.match ?? {});
      const entry = { id: lastId, fault, fits, skipsLeft: fault.skip ?? 0, struck: 0 };
      entries = [...entries, entry];
      return lastId;
    },
    remove(id) {
      const before = entries.length;
      entries = entries.filter((entry) => entry.id !== id);
      return entries.length < before;
    },
    clear() {
      entries = [];
    },
    list: () => entries.map(({ id, fault, struck }) => ({ id, fault, struck })),
    take(subject) {
      for (const entry of entries) {
        const { fault } = entry;
        if (entry.struck >= (fault.times ?? Number.POSITIVE_INFINITY)) continue;
        if (!entry.fits(subject)) continue;
        if (entry.skipsLeft > 0) {
          entry.skipsLeft -= 1;
          continue;
        }
        if (fault.probability !== undefined && random() >= fault.probability) continue;
        entry.struck += 1;
        return fault;
      }
      return undefined;
    },
  };
}

function compileMatch(match: FaultMatch): (subject: FaultSubject) => boolean {
  const { service, operation, instanceId } = match;
  const method = match.method?.toUpperCase();
  const path = typeof match.path === "string" ? globPattern(match.path) : match.path;
  return (subject) =>
    (service === undefined || service === subject.service) &&
    (method === undefined || method === subject.method) &&
    (operation === undefined || operation === subject.operation) &&
    (instanceId === undefined || instanceId === subject.instanceId) &&
    (path === undefined || subject.path.search(path) >= 0);
}
