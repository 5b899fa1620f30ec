/**
 * The emulator's own routes. They need no token, are never struck by faults and do not appear in the request log.
 *
 *   GET    /emulator                 this list
 *   GET    /emulator/state           instances, users' subjects, clock, faults, quotas
 *   POST   /emulator/clock           {"advanceSeconds": 3600} or {"advanceMs": 250}
 *   GET    /emulator/faults          the script, with how often each fault struck
 *   POST   /emulator/faults          a fault (or a list): {"match": {"operation": "wrapKey"}, "times": 2, "action": {…}}
 *   DELETE /emulator/faults[?id=1]   one fault, or all
 *   GET    /emulator/requests        the request log; ?operation= &service= &correlationId= narrow it
 *   DELETE /emulator/requests        clears the log
 *   POST   /emulator/tokens/revoke   makes every access token worthless
 *   PUT    /emulator/quota           {"ratePerSecond": 10, "burst": 5, "retryAfterSeconds": 1, "instanceId": "…"}
 *   DELETE /emulator/quota           lifts all quotas
 *   PUT    /emulator/latency         {"ms": 20}
 *   POST   /emulator/registrations   {"keyId": "…", "resourceCrn": "crn:…", "preventsDeletion": true}
 *   POST   /emulator/reset           back to the first state
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Emulator } from "../emulator.ts";
import { booleanField, fieldOf, isJsonObject, stringField } from "../http/json-fields.ts";
import type { JsonObject } from "../http/json-fields.ts";
import { parseFault } from "./parse-fault.ts";
import { VendorError } from "../api/vendor-error.ts";

const routeList = {
  "GET /emulator": "this list",
  "GET /emulator/state": "instances, users, clock, faults and quotas",
  "POST /emulator/clock": '{"advanceSeconds": 3600} or {"advanceMs": 250}',
  "GET /emulator/faults": "the script, with how often each fault struck",
  "POST /emulator/faults":
    '{"match": {"service", "method", "path", "operation", "instanceId"}, "times", "skip", "probability", "delayMs", "action": {"kind", …}}',
  "DELETE /emulator/faults": "all faults, or ?id= of one",
  "GET /emulator/requests": "the request log; ?operation= ?service= ?correlationId= narrow it",
  "DELETE /emulator/requests": "clears the request log",
  "POST /emulator/tokens/revoke": "makes every access token worthless",
  "PUT /emulator/quota":
    '{"ratePerSecond": 10, "burst": 5, "retryAfterSeconds": 1, "instanceId": "…"}',
  "DELETE /emulator/quota": "lifts all quotas",
  "PUT /emulator/latency": '{"ms": 20}',
  "POST /emulator/registrations":
    '{"keyId": "…", "resourceCrn": "crn:…", "preventsDeletion": false}',
  "POST /emulator/reset": "back to the first state",
} as const;

type ControlRoute = (body: JsonObject | readonly unknown[], query: URLSearchParams) => unknown;

/** Tells whether a request is for the emulator itself. */
export function isControlPath(url: string | undefined): boolean {
  return url !== undefined && /^\/emulator(?:[/?]|$)/.test(url);
}

/** Creates the function that answers control requests. */
export function createControl(
  emulator: Emulator,
): (request: IncomingMessage, response: ServerResponse, body: Buffer) => Promise<void> {
  const routes: Readonly<Record<keyof typeof routeList, ControlRoute>> = {
    "GET /emulator": () => ({ routes: routeList }),
    "GET /emulator/state": () => stateOf(emulator),
    "POST /emulator/clock": (body) => {
      const fields = objectBody(body);
      const ms =
        numberField(fields, "advanceMs") ?? 1000 * (numberField(fields, "advanceSeconds") ?? 0);
      emulator.clock.advance(ms);
      return {
        now: new Date(emulator.clock.now()).toISOString(),
        offsetMs: emulator.clock.offsetMs,
      };
    },
    "GET /emulator/faults": () => ({ faults: emulator.faults.list() }),
    "POST /emulator/faults": (body) => {
      const faults = (Array.isArray(body) ? body : [body]).map(parseFault);
      return { ids: faults.map((fault) => emulator.faults.add(fault)) };
    },
    "DELETE /emulator/faults": (_body, query) => {
      const id = query.get("id");
      if (id === null) emulator.faults.clear();
      else if (!emulator.faults.remove(Number(id))) throw new RangeError(`there is no fault ${id}`);
      return { faults: emulator.faults.list() };
    },
    "GET /emulator/requests": (_body, query) => ({
      requests: emulator.requests.list(filterOf(query)),
    }),
    "DELETE /emulator/requests": () => {
      emulator.requests.clear();
      return {};
    },
    "POST /emulator/tokens/revoke": () => {
      emulator.tokens.revokeAll();
      return {};
    },
    "PUT /emulator/quota": (body) => {
      putQuota(emulator, objectBody(body));
      return { quotas: emulator.quota.rules() };
    },
    "DELETE /emulator/quota": () => {
      emulator.quota.clear();
      return {};
    },
    "PUT /emulator/latency": (body) => {
      emulator.setLatency(required(numberField(objectBody(body), "ms"), "ms"));
      return {};
    },
    "POST /emulator/registrations": (body) => {
      const fields = objectBody(body);
      const instanceId = stringField(fields, "instanceId");
      emulator.register({
        ...(instanceId === undefined ? {} : { instanceId }),
        keyId: required(stringField(fields, "keyId"), "keyId"),
        resourceCrn: required(stringField(fields, "resourceCrn"), "resourceCrn"),
        preventsDeletion: booleanField(fields, "preventsDeletion") ?? false,
      });
      return {};
    },
    "POST /emulator/reset": () => {
      emulator.reset();
      return {};
    },
  };

  const isRoute = (name: string): name is keyof typeof routes => Object.hasOwn(routes, name);

  return async (request, response, body) => {
    const [path = "", search = ""] = (request.url ?? "").split("?", 2);
    const name = `${request.method ?? "GET"} ${path.replace(/\/$/, "")}`;
    const send = (status: number, content: unknown): void => {
      response.writeHead(status, { "Content-Type": "application/json" });
      response.end(`${JSON.stringify(content, undefined, 2)}\n`);
    };
    if (!isRoute(name)) {
      send(404, { error: `there is no ${name}`, routes: routeList });
      return;
    }
    try {
      send(200, routes[name](readBody(body), new URLSearchParams(search)));
    } catch (error) {
      if (
        !(
          error instanceof RangeError ||
          error instanceof SyntaxError ||
          error instanceof VendorError
        )
      ) {
        throw error;
      }
      send(400, { error: error.message });
    }
  };
}

function stateOf(emulator: Emulator): object {
  return {
    url: emulator.url,
    instanceIds: emulator.instanceIds,
    users: emulator.users.map(({ subject, roles }) => ({ subject, roles })),
    clock: { now: new Date(emulator.clock.now()).toISOString(), offsetMs: emulator.clock.offsetMs },
    tokensIssued: emulator.tokens.issued,
    requests: emulator.requests.count(),
    faults: emulator.faults.list(),
    quotas: emulator.quota.rules(),
    openConnections: emulator.openConnections,
  };
}

function putQuota(emulator: Emulator, fields: JsonObject): void {
  const burst = numberField(fields, "burst");
  const retryAfterSeconds = numberField(fields, "retryAfterSeconds");
  const rule = {
    ratePerSecond: required(numberField(fields, "ratePerSecond"), "ratePerSecond"),
    ...(burst === undefined ? {} : { burst }),
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
  };
  emulator.quota.set(rule, stringField(fields, "instanceId"));
}

function filterOf(query: URLSearchParams): Parameters<Emulator["requests"]["list"]>[0] {
  const service = query.get("service");
  const operation = query.get("operation");
  const correlationId = query.get("correlationId");
  return {
    ...(service === "iam" || service === "keyprotect" ? { service } : {}),
    ...(operation === null ? {} : { operation }),
    ...(correlationId === null ? {} : { correlationId }),
  };
}

function readBody(body: Buffer): JsonObject | readonly unknown[] {
  if (body.length === 0) return {};
  const value: unknown = JSON.parse(body.toString("utf8"));
  if (isJsonObject(value) || Array.isArray(value)) return value;
  throw new RangeError("the body is neither an object nor a list");
}

function objectBody(body: JsonObject | readonly unknown[]): JsonObject {
  if (isJsonObject(body)) return body;
  throw new RangeError("the body is not an object");
}

function numberField(fields: JsonObject, name: string): number | undefined {
  const value = fieldOf(fields, name);
  if (value === undefined || typeof value === "number") return value;
  throw new RangeError(`${name} is not a number`);
}

function required<Value>(value: Value | undefined, name: string): Value {
  if (value === undefined) throw new RangeError(`${name} is missing`);
  return value;
}
