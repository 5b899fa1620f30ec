/** Finds the operation that a request line names. */
import { operations, operationsByAction } from "../api/operations.ts";
import type { Operation } from "../api/operations.ts";

/** The outcome of routing. */
export type RouteMatch =
  | {
      readonly kind: "operation";
      readonly operation: Operation;
      readonly params: Readonly<Record<string, string>>;
    }
  | { readonly kind: "unknown-action" }
  | { readonly kind: "wrong-method" }
  | { readonly kind: "not-found" };

interface Pattern {
  readonly method: string;
  readonly operation: Operation;
  readonly segments: readonly string[];
}

const basePath = "/api/v2/";

function isOperation(name: string): name is Operation {
  return Object.hasOwn(operations, name);
}

/** Maps a method, a path and its query to an operation. */
export type Router = (method: string, path: string, query: URLSearchParams) => RouteMatch;

/** Creates the router over all operations. */
export function createRouter(): Router {
  const byLength = new Map<number, Pattern[]>();
  for (const [operation, { method, path }] of Object.entries(operations)) {
    if (!isOperation(operation)) continue;
    const segments = path.slice(1).split("/");
    const patterns = byLength.get(segments.length) ?? [];
    patterns.push({ method, operation, segments });
    byLength.set(segments.length, patterns);
  }

  return (method, path, query) => {
    if (!path.startsWith(basePath)) return { kind: "not-found" };
    const segments = path.slice(basePath.length).split("/");
    let isKnownPath = false;
    for (const pattern of byLength.get(segments.length) ?? []) {
      const params = paramsOf(pattern.segments, segments);
      if (params === undefined) continue;
      if (pattern.method === method) {
        return { kind: "operation", operation: pattern.operation, params };
      }
      isKnownPath = true;
      // The 2019 form of an action: the same path as the key, told apart by its query.
      if (pattern.operation === "getKey" && method === "POST") {
        const operation = operationsByAction.get(query.get("action") ?? "");
        if (operation === undefined) return { kind: "unknown-action" };
        return { kind: "operation", operation, params };
      }
    }
    return { kind: isKnownPath ? "wrong-method" : "not-found" };
  };
}

function paramsOf(
  pattern: readonly string[],
  segments: readonly string[],
): Record<string, string> | undefined {
  for (let index = 0; index < pattern.length; index += 1) {
    const expected = pattern[index];
    const isWildcard = expected?.startsWith("{") === true;
    if (isWildcard ? segments[index] === "" : segments[index] !== expected) return undefined;
  }
  const params: Record<string, string> = {};
  for (const [index, expected] of pattern.entries()) {
    if (expected.startsWith("{"))
      params[expected.slice(1, -1)] = decodeSegment(segments[index] ?? "");
  }
  return params;
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
