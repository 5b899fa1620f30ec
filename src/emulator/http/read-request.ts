/** Parses received requests. */
import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Service } from "../control/request-log.ts";
import { metadataOperation } from "../iam/metadata.ts";
import { isIamPath } from "../iam/routes.ts";
import type { RouteMatch, Router } from "./router.ts";
import { isUuid } from "../api/route.ts";
import { rejection } from "../api/vendor-error.ts";

/** A parsed request with its whole body. */
export interface ReceivedRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  /** The undecoded query, without the question mark. */
  readonly queryText: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
  readonly service: Service;
  /** `undefined` if the request is for IAM or the metadata service. */
  readonly match: RouteMatch | undefined;
  /** The caller's correlation ID if it is a UUID, otherwise a new one. */
  readonly correlationId: string;
}

/** Parses the request line and the headers, and routes the request. */
export function readRequest(
  request: IncomingMessage,
  body: Buffer,
  route: Router,
): ReceivedRequest {
  const url = request.url ?? "/";
  const queryAt = url.indexOf("?");
  const path = queryAt < 0 ? url : url.slice(0, queryAt);
  const queryText = queryAt < 0 ? "" : url.slice(queryAt + 1);
  const query = new URLSearchParams(queryText);
  const method = request.method ?? "GET";
  const service = serviceOf(path);
  const given = request.headers["correlation-id"];
  return {
    method,
    path,
    query,
    queryText,
    headers: request.headers,
    body,
    service,
    match: service === "keyprotect" ? route(method, path, query) : undefined,
    correlationId: typeof given === "string" && isUuid(given) ? given : randomUUID(),
  };
}

function serviceOf(path: string): Service {
  if (isIamPath(path)) return "iam";
  return metadataOperation(path) === undefined ? "keyprotect" : "metadata";
}

/** Returns the name of the operation, `getToken` for IAM, or `unknown`. */
export function operationName({ match, path }: Pick<ReceivedRequest, "match" | "path">): string {
  if (match === undefined) return metadataOperation(path) ?? "getToken";
  return match.kind === "operation" ? match.operation : "unknown";
}

/**
 * Decodes a JSON body. Returns `undefined` for an empty body and for `null`. Rejects text that is
 * no JSON with BAD_BODY_ERR.
 */
export function parseBody(body: Buffer): unknown {
  if (body.length === 0) return undefined;
  const text = body.toString("utf8");
  if (text.trim() === "") return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return value ?? undefined;
  } catch {
    throw rejection("BAD_BODY_ERR", { detail: "the body is not JSON" });
  }
}
