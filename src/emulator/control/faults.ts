/** Scripted misbehaviour: which requests it befalls, how often, and what then happens instead of a proper answer. */
import type { JsonObject } from "../api/json-fields.ts";
import { globPattern } from "../api/route.ts";

/** What a fault does. Without an action it only delays. */
export type FaultAction =
  /**
   * Answers without executing the request. `body`: text is sent as it is, an object as JSON, "" means empty; absent means the
   * service's own error body for the status.
   */
  | {
      readonly kind: "respond";
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string | JsonObject;
      readonly contentType?: string;
    }
  /** Cuts the connection with a TCP reset, before the request is executed or after. */
  | { readonly kind: "reset"; readonly when: "before-processing" | "after-processing" }
  /** Never answers; the request is not executed. */
  | { readonly kind: "hang" }
  /** Executes, sends the head and `afterBytes` of the body (default: half), then falls silent. */
  | { readonly kind: "stall"; readonly afterBytes?: number }
  /** Executes, then sends the body in pieces. */
  | { readonly kind: "drip"; readonly chunkBytes: number; readonly intervalMs: number }
  /** Executes, then sends the head of the answer one character at a time. */
  | { readonly kind: "drip-head"; readonly intervalMs: number }
  /** Executes, announces the full length, sends `afterBytes` (default: half) and closes. */
  | { readonly kind: "truncate"; readonly afterBytes?: number }
  /** Executes, then answers with JSON that does not parse. */
  | { readonly kind: "garble" }
  /** Executes, then answers with a body of at least `bytes`; `isChunked`: without announcing the length. */
  | { readonly kind: "oversize"; readonly bytes: number; readonly isChunked?: boolean }
  /** Executes, then changes the answer: a merge patch (RFC 7396), or a function in code. May change status and headers too. */
  | {
      readonly kind: "rewrite";
      readonly patch?: JsonObject | ((body: unknown) => unknown);
      readonly status?: number;
      readonly headers?: Readonly<Record<string, string>>;
    };

/** Which requests a fault befalls. Every given field has to fit; an empty match fits all but the control routes. */
export interface FaultMatch {
  readonly service?: "iam" | "keyprotect";
  readonly method?: string;
  /** The path without its query. In text, `*` stands for any characters. */
  readonly path?: string | RegExp;
  /** Name of the operation, such as `wrapKey`, in both dialects. */
  readonly operation?: string;
  readonly instanceId?: string;
}

export interface Fault {
  readonly match?: FaultMatch;
  /** How often it strikes. Default: until it is removed. */
  readonly times?: number;
  /** Matching requests that pass unharmed before it strikes. Default 0. */
  readonly skip?: number;
  /** Chance that a matching request is struck, from 0 to 1. Default 1. */
  readonly probability?: number;
  /** Real milliseconds that pass before anything else happens. Default 0. */
  readonly delayMs?: number;
  readonly action?: FaultAction;
}

/** What a fault is matched against. */
export interface FaultSubject {
  readonly service: "iam" | "keyprotect";
  readonly method: string;
  readonly path: string;
  readonly operation: string;
  readonly instanceId: string | undefined;
}

/** A fault in the script. */
export interface ScriptedFault {
  readonly id: number;
  readonly fault: Fault;
  /** How often it struck. */
  readonly struck: number;
}

export interface Faults {
  /** Adds a fault behind the others; the first that fits a request strikes. Returns its ID. */
  add(fault: Fault): number;
  remove(id: number): boolean;
  clear(): void;
  list(): readonly ScriptedFault[];
  /** Picks the fault for a request and counts it. */
  take(subject: FaultSubject): Fault | undefined;
}

interface Entry {
  readonly id: number;
  readonly fault: Fault;
  readonly fits: (subject: FaultSubject) => boolean;
  skipsLeft: number;
  struck: number;
}

/** Creates an empty script. `random` decides about probabilities. */
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
