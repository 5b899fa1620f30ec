/** A request as the emulator reads it off the wire. */
import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { isIamPath } from "../iam/routes.ts";
import type { IamRequest } from "../iam/routes.ts";
import type { RouteMatch, Router } from "./router.ts";
import { isUuid } from "../api/route.ts";
import { refusal } from "../api/vendor-error.ts";

/** A request that has come in whole. */
export interface Arrival {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  /** The query as it came, without its question mark. */
  readonly queryText: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
  /** `undefined`: the request is for the identity service. */
  readonly match: RouteMatch | undefined;
  /** The caller's, if it is a UUID; otherwise a fresh one. */
  readonly correlationId: string;
}

/** Reads a request line, its headers and the body that came with it. */
export function readArrival(request: IncomingMessage, body: Buffer, route: Router): Arrival {
  const url = request.url ?? "/";
  const queryAt = url.indexOf("?");
  const path = queryAt < 0 ? url : url.slice(0, queryAt);
  const queryText = queryAt < 0 ? "" : url.slice(queryAt + 1);
  const query = new URLSearchParams(queryText);
  const method = request.method ?? "GET";
  const given = request.headers["correlation-id"];
  return {
    method,
    path,
    query,
    queryText,
    headers: request.headers,
    body,
    match: isIamPath(path) ? undefined : route(method, path, query),
    correlationId: typeof given === "string" && isUuid(given) ? given : randomUUID(),
  };
}

/** Names the operation that a request is for. */
export function operationName(match: RouteMatch | undefined): string {
  if (match === undefined) return "getToken";
  return match.kind === "operation" ? match.operation : "unknown";
}

/** Shows a request as the identity service sees it. */
export function iamRequestOf({ method, headers, body }: Arrival): IamRequest {
  return { method, userAgent: headers["user-agent"], body };
}

/** Decodes a JSON body; `undefined` for none and for `null`. Refuses what is no JSON with BAD_BODY_ERR. */
export function parseBody(body: Buffer): unknown {
  if (body.length === 0) return undefined;
  const text = body.toString("utf8");
  if (text.trim() === "") return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return value ?? undefined;
  } catch {
    throw refusal("BAD_BODY_ERR", { detail: "the body is not JSON" });
  }
}
