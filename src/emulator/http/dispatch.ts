/** Handles requests: log entry, fault, authorization, quota, route, answer. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { operationName, parseBody, readRequest } from "./read-request.ts";
import type { ReceivedRequest } from "./read-request.ts";
import type { Grant } from "../iam/authorize.ts";
import type { Answer, Route } from "../api/route.ts";
import type { FaultAction, Faults } from "../control/faults.ts";
import { iamRejection } from "../iam/routes.ts";
import type { IamRequest } from "../iam/routes.ts";
import { operations } from "../api/operations.ts";
import type { Operation } from "../api/operations.ts";
import type { Profile } from "../profile.ts";
import type { Quota } from "../control/quota.ts";
import { createHeaderCopy } from "../control/request-log.ts";
import type { OpenRequest, RequestRecorder } from "../control/request-log.ts";
import { sendFaulty, sendReply, toReply } from "./respond.ts";
import type { Router } from "./router.ts";
import { VendorError, errorBody, plainRejection } from "../api/vendor-error.ts";
import type { EmulatorClock } from "../clock.ts";

/** The parts of the emulator that the dispatcher uses. */
export interface DispatchDeps {
  readonly profile: Profile;
  readonly clock: EmulatorClock;
  readonly faults: Faults;
  readonly quota: Quota;
  readonly log: RequestRecorder;
  readonly route: Router;
  readonly authorize: (headers: IncomingMessage["headers"], operation: Operation) => Grant;
  readonly routes: Readonly<Record<Operation, Route>>;
  readonly iam: (request: IamRequest) => Answer;
  readonly metadata: (request: IamRequest) => Answer;
  /** Shortest time of an answer of Key Protect, in real milliseconds. */
  readonly latencyMs: () => number;
  readonly pause: (ms: number) => Promise<void>;
  readonly connectionOf: (request: IncomingMessage) => number;
}

const errorType = "application/vnd.ibm.kms.error+json";

/** Creates the function that answers a request whose body has been read. */
export function createDispatch(
  deps: DispatchDeps,
): (request: IncomingMessage, response: ServerResponse, body: Buffer) => Promise<void> {
  const { clock, faults, log, profile } = deps;
  const copyHeaders = createHeaderCopy();

  return async (request, response, body) => {
    const startedAt = performance.now();
    const received = readRequest(request, body, deps.route);
    const { method, path, headers, match } = received;
    const instanceId = headers["bluemix-instance"];
    const sentCorrelationId = headers["correlation-id"];
    const subject = {
      service: received.service,
      method,
      path,
      operation: operationName(received),
      instanceId: typeof instanceId === "string" ? instanceId : undefined,
    };
    const entry = log.open({
      ...subject,
      query: received.queryText,
      correlationId: typeof sentCorrelationId === "string" ? sentCorrelationId : undefined,
      headers: copyHeaders(headers),
      bodyBytes: body.length,
      receivedAt: clock.now(),
      connection: deps.connectionOf(request),
    });
    response.once("close", () => {
      entry.durationMs = performance.now() - startedAt;
      if (response.headersSent) entry.status = response.statusCode;
    });

    const fault = faults.take(subject);
    if (fault !== undefined) {
      entry.fault = fault.action?.kind ?? "delay";
      if (fault.delayMs !== undefined) await deps.pause(fault.delayMs);
    }
    const latencyMs = match === undefined ? 0 : deps.latencyMs();
    if (latencyMs > 0) await deps.pause(latencyMs);
    if (fault?.action !== undefined) {
      await applyFault(received, response, entry, fault.action);
      return;
    }
    sendReply(response, toReply(await execute(received, entry)));
  };

  async function execute(received: ReceivedRequest, entry: OpenRequest): Promise<Answer> {
    if (received.match === undefined) {
      entry.isExecuted = true;
      return received.service === "iam" ? deps.iam(received) : deps.metadata(received);
    }
    const { match } = received;
    const what =
      match.kind === "operation"
        ? operations[match.operation].failure
        : "Request could not be performed";
    let answer: Answer;
    try {
      answer = await perform(received, entry);
    } catch (error) {
      if (!(error instanceof VendorError)) throw error;
      answer = {
        status: error.status,
        mediaType: errorType,
        body: errorBody(error, what, profile),
      };
    }
    const correlated = { ...answer.headers, "Correlation-Id": received.correlationId };
    return { ...answer, headers: correlated };
  }

  function perform(received: ReceivedRequest, entry: OpenRequest): Answer | Promise<Answer> {
    const { match, headers, query } = received;
    if (match === undefined || match.kind === "not-found")
      throw plainRejection(404, "The requested path does not exist.");
    if (match.kind === "wrong-method")
      throw plainRejection(405, "The method is not allowed for this path.");
    if (match.kind === "unknown-action") {
      throw plainRejection(400, "The query_param 'action' must be: the name of a key action");
    }
    const { user, instance } = deps.authorize(headers, match.operation);
    const now = clock.now();
    const exceeded = deps.quota.exceeded(instance.id, now);
    if (exceeded !== undefined) return throttled(exceeded.retryAfterSeconds);
    entry.isExecuted = true;
    const route = deps.routes[match.operation];
    return route({
      instance,
      user,
      params: match.params,
      query,
      headers,
      body: parseBody(received.body),
      now,
    });
  }

  function throttled(retryAfterSeconds: number | undefined): Answer {
    const headers: Record<string, string> =
      retryAfterSeconds === undefined ? {} : { "Retry-After": String(retryAfterSeconds) };
    return {
      status: 429,
      mediaType: errorType,
      headers,
      body: errorBody(plainRejection(429), "", profile),
    };
  }

  async function applyFault(
    received: ReceivedRequest,
    response: ServerResponse,
    entry: OpenRequest,
    action: FaultAction,
  ): Promise<void> {
    switch (action.kind) {
      case "respond":
        if (action.when === "after-processing") await execute(received, entry);
        sendReply(response, toReply(scriptedAnswer(received, action)));
        return;
      case "hang":
        return;
      case "reset":
        if (action.when === "after-processing") await execute(received, entry);
        response.socket?.resetAndDestroy();
        return;
      case "stall":
      case "drip":
      case "drip-head":
      case "truncate":
      case "garble":
      case "oversize":
      case "rewrite":
        await sendFaulty(response, await execute(received, entry), action, deps.pause);
    }
  }

  function scriptedAnswer(
    received: ReceivedRequest,
    action: Extract<FaultAction, { kind: "respond" }>,
  ): Answer {
    const { status } = action;
    const headers: Record<string, string> = { ...action.headers };
    if (received.match !== undefined) headers["Correlation-Id"] ??= received.correlationId;
    if (action.body === undefined) {
      if (received.match === undefined) {
        const rejected = iamRejection(received, status, "BXNIM0100E", "The request failed");
        return { ...rejected, headers: { ...rejected.headers, ...headers } };
      }
      const body = errorBody(plainRejection(status), "", profile);
      return { status, headers, mediaType: errorType, body };
    }
    const mediaType =
      action.contentType ?? (typeof action.body === "string" ? "text/html" : "application/json");
    return { status, headers, mediaType, body: action.body };
  }
}
