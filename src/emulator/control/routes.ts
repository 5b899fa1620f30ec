/**
 * The control routes, which drive the emulator over HTTP. They need no token, no fault applies to
 * them and they do not appear in the request log. `routeList` below describes each of them.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { booleanField, stringField } from "../api/json-fields.ts";
import type { JsonObject } from "../api/json-fields.ts";
import { VendorError } from "../api/vendor-error.ts";
import type { Controls } from "./controls.ts";
import { numberField, objectBody, readBody, required } from "./json-body.ts";
import { parseFault } from "./parse-fault.ts";
import type { RequestFilter, Service } from "./request-log.ts";

const routeList = {
  "GET /emulator": "this list",
  "GET /emulator/state": "instances, users, clock, faults and quotas",
  "POST /emulator/clock": '{"advanceSeconds": 3600} or {"advanceMs": 250}',
  "GET /emulator/faults": "the faults, with how often each was applied (struck)",
  "POST /emulator/faults":
    '{"match": {"service", "method", "path", "operation", "instanceId"}, "times", "skip", "probability", "delayMs", "action": {"kind", …}}',
  "DELETE /emulator/faults": "all faults, or ?id= of one",
  "GET /emulator/requests":
    "the request log; ?operation= ?service= ?correlationId= select requests",
  "DELETE /emulator/requests": "clears the request log",
  "POST /emulator/tokens/revoke": "revokes every access token",
  "POST /emulator/cr-tokens": '{"token": "…", "profileId": "Profile-…", "accepted": true}',
  "PUT /emulator/quota":
    '{"ratePerSecond": 10, "burst": 5, "retryAfterSeconds": 1, "instanceId": "…"}',
  "DELETE /emulator/quota": "removes all quotas",
  "PUT /emulator/latency": '{"ms": 20}',
  "POST /emulator/registrations":
    '{"keyId": "…", "resourceCrn": "crn:…", "preventsDeletion": false}',
  "POST /emulator/kmip-objects":
    '{"adapter": "…", "state": 2, "certificate": "…", "recoverable": true, "instanceId": "…"}',
  "POST /emulator/reset": "resets the emulator to its first state",
} as const;

type ControlRoute = (body: JsonObject | readonly unknown[], query: URLSearchParams) => unknown;

/** Tells whether a URL belongs to the control routes. */
export function isControlPath(url: string | undefined): boolean {
  return url !== undefined && /^\/emulator(?:[/?]|$)/.test(url);
}

/**
 * Creates the function that answers requests to the control routes. Bad requests get 400, unknown
 * routes 404.
 */
export function createControl(
  emulator: Controls,
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
    "POST /emulator/cr-tokens": (body) => {
      putCrToken(emulator, objectBody(body));
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
    "POST /emulator/kmip-objects": (body) => ({ id: plantObject(emulator, objectBody(body)) }),
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

function stateOf(emulator: Controls): object {
  return {
    url: emulator.url,
    instanceIds: emulator.instanceIds,
    users: emulator.users.map(({ subject, roles }) => ({ subject, roles })),
    trustedProfiles: emulator.trustedProfiles.list.map(({ id, name, crn }) => ({ id, name, crn })),
    clock: { now: new Date(emulator.clock.now()).toISOString(), offsetMs: emulator.clock.offsetMs },
    tokensIssued: emulator.tokens.issued,
    requests: emulator.requests.count(),
    faults: emulator.faults.list(),
    quotas: emulator.quota.rules(),
    openConnections: emulator.openConnections,
  };
}

function plantObject(emulator: Controls, fields: JsonObject): string {
  const state = numberField(fields, "state");
  const certificate = stringField(fields, "certificate");
  const recoverable = booleanField(fields, "recoverable");
  const instanceId = stringField(fields, "instanceId");
  return emulator.plantKmipObject({
    adapter: required(stringField(fields, "adapter"), "adapter"),
    ...(state === undefined ? {} : { state }),
    ...(certificate === undefined ? {} : { certificate }),
    ...(recoverable === undefined ? {} : { recoverable }),
    ...(instanceId === undefined ? {} : { instanceId }),
  });
}

function putCrToken({ trustedProfiles }: Controls, fields: JsonObject): void {
  const token = required(stringField(fields, "token"), "token");
  const isAccepted = booleanField(fields, "accepted") ?? true;
  if (isAccepted) trustedProfiles.linkCrToken(token, stringField(fields, "profileId"));
  else trustedProfiles.unlinkCrToken(token);
}

function putQuota(emulator: Controls, fields: JsonObject): void {
  const burst = numberField(fields, "burst");
  const retryAfterSeconds = numberField(fields, "retryAfterSeconds");
  const rule = {
    ratePerSecond: required(numberField(fields, "ratePerSecond"), "ratePerSecond"),
    ...(burst === undefined ? {} : { burst }),
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
  };
  emulator.quota.set(rule, stringField(fields, "instanceId"));
}

function filterOf(query: URLSearchParams): RequestFilter {
  const service = query.get("service");
  const operation = query.get("operation");
  const correlationId = query.get("correlationId");
  return {
    ...(isService(service) ? { service } : {}),
    ...(operation === null ? {} : { operation }),
    ...(correlationId === null ? {} : { correlationId }),
  };
}

const isService = (name: string | null): name is Service =>
  name === "iam" || name === "metadata" || name === "keyprotect";
