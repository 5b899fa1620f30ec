/**
 * All spans, events and attributes. docs/telemetry.md is generated from these tables, and code that
 * writes an attribute can only use a name in them.
 */

/** A span or a link between two spans. */
export interface SpanRow {
  /** The name, or an example of it. */
  readonly name: string;
  readonly kind: "SERVER" | "CLIENT";
  readonly meaning: string;
}

/** The kinds of spans. */
export const spanTable = {
  call: {
    name: "keyprotect.v1.KeyActionsService/WrapKey",
    kind: "SERVER",
    meaning:
      "A call, from its arrival to its answer. Continues the trace of the caller's `traceparent`, or begins one.",
  },
  attempt: {
    name: "POST /api/v2/keys/{id}/actions/wrap",
    kind: "CLIENT",
    meaning:
      "One request to Key Protect. A repeat, after a 401, a 429 or a failure, is a span of its own. Child of the call that sends it.",
  },
  token: {
    name: "IAM token exchange",
    kind: "CLIENT",
    meaning:
      "One exchange of the credential for an access token. All calls share the token, so the span is no child of one: it has a trace of its own, with a link to each recorded call that waits for it, and each of these has a link back.",
  },
} as const satisfies Readonly<Record<string, SpanRow>>;

/** A kind of span. */
export type SpanId = keyof typeof spanTable;

/** The names of events, and their meanings. All are on the span of the call. */
export const eventTable = {
  queued: "An attempt has to wait for quota or for a connection.",
  permit: "An attempt may be sent. Without `queued` before, it did not wait.",
  joined:
    "The call joined the identical request of another call and sends none itself. If that call is recorded, a link leads to its span, below which the attempts are.",
} as const satisfies Readonly<Record<string, string>>;

/** The name of an event. */
export type EventName = keyof typeof eventTable;

/** Where the meaning of an attribute is defined. */
export type Convention = "stable" | "development" | "own";

/** An attribute. */
export interface AttributeRow {
  readonly on: readonly (SpanId | EventName)[];
  /** `stable` and `development`: OpenTelemetry's conventions, 1.45. `own`: this gateway's. */
  readonly convention: Convention;
  readonly meaning: string;
}

/** The attributes by name. */
export const attributeTable = {
  "rpc.system.name": { on: ["call"], convention: "stable", meaning: "`grpc`" },
  "rpc.method": {
    on: ["call"],
    convention: "stable",
    meaning: "The RPC with its service, as in the name of the span",
  },
  "rpc.status_code": {
    on: ["call"],
    convention: "stable",
    meaning: "The status, such as `OK` or `NOT_FOUND`",
  },
  "network.transport": { on: ["call"], convention: "stable", meaning: "`tcp` or `unix`" },
  "network.peer.address": {
    on: ["call"],
    convention: "stable",
    meaning: "The caller's address; absent for a Unix socket",
  },
  "network.peer.port": { on: ["call"], convention: "stable", meaning: "The caller's port" },
  "keyprotect.caller": {
    on: ["call"],
    convention: "own",
    meaning: "The caller as in the log: a SPIFFE ID, `unix` or `anonymous`",
  },
  "keyprotect.instance": {
    on: ["call", "attempt"],
    convention: "own",
    meaning: "Alias of the Key Protect instance",
  },
  "keyprotect.key_ring": {
    on: ["call"],
    convention: "own",
    meaning: "The key ring that the call names",
  },
  "keyprotect.correlation_id": {
    on: ["call"],
    convention: "own",
    meaning: "The ID of the call in the log, in the answer and at Key Protect",
  },
  "keyprotect.reason": {
    on: ["call"],
    convention: "own",
    meaning: "The [reason](errors.md) of a failure",
  },
  "keyprotect.attempts": {
    on: ["call"],
    convention: "own",
    meaning: "Requests to Key Protect for the call, also by the request that it joined",
  },
  "keyprotect.coalesced": {
    on: ["call"],
    convention: "own",
    meaning: "`true` if the call joined the request of another one",
  },
  "keyprotect.upstream_correlation_id": {
    on: ["call"],
    convention: "own",
    meaning: "With `keyprotect.coalesced`: the correlation ID of the other call",
  },
  "keyprotect.may_have_executed": {
    on: ["call"],
    convention: "own",
    meaning: "`true` if the call failed although its change may have happened",
  },
  "http.request.method": { on: ["attempt"], convention: "stable", meaning: "The HTTP method" },
  "http.request.resend_count": {
    on: ["attempt"],
    convention: "stable",
    meaning: "How often the call has sent this request before; absent the first time",
  },
  "http.response.status_code": {
    on: ["attempt", "token"],
    convention: "stable",
    meaning: "The HTTP status; absent without a complete response. On `token` only if it failed.",
  },
  "network.protocol.version": { on: ["attempt"], convention: "stable", meaning: "`1.1`" },
  "server.address": {
    on: ["call", "attempt", "token"],
    convention: "stable",
    meaning: "Host of Key Protect or IAM. On `call`: the gateway as the caller names it",
  },
  "server.port": { on: ["call", "attempt", "token"], convention: "stable", meaning: "Its port" },
  "url.full": {
    on: ["attempt"],
    convention: "stable",
    meaning: "The URL, with `{id}` in place of each ID and name, without the query",
  },
  "url.template": { on: ["attempt"], convention: "development", meaning: "Its path" },
  "keyprotect.attempt.outcome": {
    on: ["attempt"],
    convention: "own",
    meaning:
      "As in `keyprotect_gateway_upstream_attempts_total`: class of the status, 429 or error code",
  },
  "keyprotect.iam.auth_type": {
    on: ["token"],
    convention: "own",
    meaning: "Kind of the credential (`KP_AUTH_TYPE`)",
  },
  "error.type": {
    on: ["call", "attempt", "token"],
    convention: "stable",
    meaning: "Present if the span is an error: the gRPC status, the HTTP status or an error code",
  },
  "keyprotect.queue.wait_ms": {
    on: ["permit"],
    convention: "own",
    meaning: "How long the attempt waited, in milliseconds",
  },
} as const satisfies Readonly<Record<string, AttributeRow>>;

/** Values by attribute; `undefined` leaves one out. */
export type Attributes = {
  readonly [Name in keyof typeof attributeTable]?: string | number | boolean | undefined;
};
