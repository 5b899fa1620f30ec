/** Maps request lines to operations. */
import { operations, operationsByAction } from "../api/operations.ts";
import type { Operation } from "../api/operations.ts";

/** The result of routing a request. */
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

/** Finds the operation for a method, a path and a query. */
export type Router = (method: string, path: string, query: URLSearchParams) => RouteMatch;

/** Creates the router for all operations. */
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
      // In the API of 2019 an action has the path of its key and is named by the query.
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
