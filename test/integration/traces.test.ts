/** Spans of calls, as a collector gets them: one trace over caller, queue, attempts and IAM. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { credentials, Metadata } from "@grpc/grpc-js";
import { expect, test, vi } from "vitest";
import { KeysServiceClient } from "../../src/gen/keyprotect/v1/keys_service.ts";
import { attributeTable, eventTable, spanTable } from "../../src/tracing/span-table.ts";
import { createCertificateAuthority } from "../support/certificates.ts";
import { eventually } from "../support/eventually.ts";
import { startOtlpSink, type OtlpSink, type SeenSpan } from "../support/otlp-sink.ts";
import { allKeys, createKeyId, createKeyRequest, wrapKeyRequest } from "../support/requests.ts";
import {
  startTestGateway,
  type TestGateway,
  type TestGatewayOptions,
} from "../support/start-gateway.ts";

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
const callersSpan = "00f067aa0ba902b7";
const sampled = { traceparent: `00-${traceId}-${callersSpan}-01` };
const unsampled = { traceparent: `00-${traceId}-${callersSpan}-00` };

interface Traced extends AsyncDisposable {
  readonly gateway: TestGateway;
  readonly sink: OtlpSink;
}

/** A gateway whose spans arrive soon. Its end fails if a secret has arrived with them. */
async function startTraced(options: TestGatewayOptions = {}): Promise<Traced> {
  const sink = await startOtlpSink();
  const gateway = await startTestGateway({ ...options, sink });
  return {
    gateway,
    sink,
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]();
      seen.push(...sink.spans());
      await sink[Symbol.asyncDispose]();
    },
  };
}

/** All spans that any test has seen. */
const seen: SeenSpan[] = [];

const isCall = (method: string, of = traceId) => {
  return ({ name, kind, traceId: id }: SeenSpan): boolean =>
    kind === "SERVER" && name.endsWith(`/${method}`) && id === of;
};
const childrenOf = (sink: OtlpSink, { spanId, traceId: id }: SeenSpan): SeenSpan[] =>
  sink
    .spans()
    .filter((span) => span.parentId === spanId && span.traceId === id)
    .toSorted((a, b) => Number(a.start - b.start));
const toMs = (at: bigint | undefined): number => Number((at ?? 0n) / 1_000_000n);
const kindOf = ({ name, kind }: SeenSpan): string =>
  name === spanTable.token.name ? "token" : kind === "SERVER" ? "call" : "attempt";
const eventNames = ({ events }: SeenSpan): string[] => events.map(({ name }) => name);
const delay = (gateway: TestGateway, delayMs: number): void =>
  void gateway.emulator.faults.add({ match: { service: "keyprotect" }, delayMs });

test("the span of a call continues the caller's trace, and its attempt is its child", async () => {
  await using traced = await startTraced();
  const { gateway, sink } = traced;
  const keyId = await createKeyId(gateway);
  await gateway.call(
    gateway.clients.actions,
    "wrapKey",
    wrapKeyRequest(keyId, gateway.secrets.bytes(32), []),
    { metadata: { ...sampled, tracestate: "vendor=a1", "x-kp-key-ring": "default" } },
  );
  const call = await sink.find(isCall("WrapKey"));
  const line = gateway.log().find(({ method }) => String(method).endsWith("/WrapKey"));

  expect(call).toMatchObject({
    name: "keyprotect.v1.KeyActionsService/WrapKey",
    parentId: callersSpan,
    state: "vendor=a1",
    isError: false,
    message: "",
  });
  expect(call.attributes).toEqual({
    "rpc.system.name": "grpc",
    "rpc.method": "keyprotect.v1.KeyActionsService/WrapKey",
    "rpc.status_code": "OK",
    "network.transport": "tcp",
    "network.peer.address": "127.0.0.1",
    "network.peer.port": expect.any(Number),
    "server.address": "127.0.0.1",
    "server.port": Number(gateway.address.split(":")[1]),
    "keyprotect.caller": "anonymous",
    "keyprotect.instance": "default",
    "keyprotect.key_ring": "default",
    "keyprotect.attempts": 1,
    "keyprotect.correlation_id": line?.["correlationId"],
  });
  expect(line).toMatchObject({ traceId, spanId: call.spanId });
  expect(call.resource).toMatchObject({
    "service.name": "keyprotect-gateway",
    "service.version": expect.stringMatching(/^\d+\.\d+\.\d+/),
  });

  await eventually(() => childrenOf(sink, call).length > 0);
  const [attempt, ...others] = childrenOf(sink, call);
  expect(others).toEqual([]);
  const { hostname, port, origin } = new URL(gateway.emulator.url);
  const template = "/api/v2/keys/{id}/actions/wrap";
  expect(attempt).toMatchObject({ name: `POST ${template}`, kind: "CLIENT", isError: false });
  expect(attempt?.attributes).toEqual({
    "http.request.method": "POST",
    "http.response.status_code": 200,
    "network.protocol.version": "1.1",
    "server.address": hostname,
    "server.port": Number(port),
    "url.full": `${origin}${template}`,
    "url.template": template,
    "keyprotect.instance": "default",
    "keyprotect.attempt.outcome": "2xx",
  });
  expect(attempt?.state).toBe("vendor=a1");
});

test("a call that waits for a connection has the events `queued` and `permit`", async () => {
  await using traced = await startTraced({ env: { GATEWAY_UPSTREAM_CONNECTIONS: "1" } });
  const { gateway, sink } = traced;
  const keyId = await createKeyId(gateway);
  delay(gateway, 150);
  const read = () => gateway.call(gateway.clients.keys, "getKey", { keyId });
  const wrap = (metadata = {}) =>
    gateway.call(
      gateway.clients.actions,
      "wrapKey",
      wrapKeyRequest(keyId, gateway.secrets.bytes(32), []),
      { metadata },
    );
  await Promise.all([read(), wrap(sampled)]);
  const call = await sink.find(isCall("WrapKey"));
  expect(eventNames(call)).toEqual(["queued", "permit"]);
  const [queued, permit] = call.events;
  expect(permit?.attributes["keyprotect.queue.wait_ms"]).toBeGreaterThan(50);
  expect((permit?.at ?? 0n) - (queued?.at ?? 0n)).toBeGreaterThan(50_000_000n);
  // The attempt begins with its permit: its span has no part of the wait.
  const [attempt] = childrenOf(sink, call);
  // The clocks of two spans agree to about a millisecond.
  expect(toMs(attempt?.start)).toBeGreaterThanOrEqual(toMs(permit?.at) - 1);
});

test("after a 401 the trace shows both attempts, and a link to the exchange with IAM that lay between", async () => {
  await using traced = await startTraced();
  const { gateway, sink } = traced;
  const keyId = await createKeyId(gateway);
  gateway.emulator.tokens.revokeAll();
  gateway.emulator.faults.add({ match: { service: "iam" }, delayMs: 100 });
  const plaintext = gateway.secrets.bytes(32);
  await gateway.call(gateway.clients.actions, "wrapKey", wrapKeyRequest(keyId, plaintext, []), {
    metadata: sampled,
  });
  const call = await sink.find(isCall("WrapKey"));
  const attempts = childrenOf(sink, call);
  expect(attempts.map(({ attributes }) => attributes["http.response.status_code"])).toEqual([
    401, 200,
  ]);
  expect(attempts.map(({ isError }) => isError)).toEqual([true, false]);
  expect(attempts.map(({ attributes }) => attributes["http.request.resend_count"])).toEqual([
    undefined,
    1,
  ]);
  const exchange = await sink.find(
    ({ name, links }) => name === "IAM token exchange" && links[0]?.spanId === call.spanId,
  );
  expect(exchange).toMatchObject({ parentId: "", kind: "CLIENT", isError: false });
  expect(exchange.traceId).not.toBe(traceId);
  expect(exchange.links).toEqual([{ traceId, spanId: call.spanId }]);
  expect(call.links).toEqual([{ traceId: exchange.traceId, spanId: exchange.spanId }]);
  expect(exchange.attributes).toEqual({
    "keyprotect.iam.auth_type": "iam",
    "server.address": "127.0.0.1",
    "server.port": Number(new URL(gateway.emulator.url).port),
  });
  const [first, second] = attempts;
  expect(toMs(exchange.end) - toMs(exchange.start)).toBeGreaterThanOrEqual(95);
  expect(toMs(exchange.start)).toBeGreaterThanOrEqual(toMs(first?.end) - 1);
  expect(toMs(exchange.end)).toBeLessThanOrEqual(toMs(second?.start) + 1);
});

test("a failed exchange with IAM is an error, linked from the call that fails for it", async () => {
  await using traced = await startTraced();
  const { gateway, sink } = traced;
  const keyId = await createKeyId(gateway);
  gateway.emulator.tokens.revokeAll();
  gateway.emulator.faults.add({
    match: { service: "iam" },
    action: { kind: "respond", status: 429, headers: { "retry-after": "5" } },
  });
  await gateway.failure(gateway.clients.keys, "getKey", { keyId }, { metadata: sampled });
  const exchange = await sink.find(({ attributes }) => attributes["error.type"] === "THROTTLED");
  expect(exchange.attributes["http.response.status_code"]).toBe(429);
  const call = await sink.find(isCall("GetKey"));
  expect(call).toMatchObject({ isError: true, message: "" });
  expect(call.attributes).toMatchObject({
    "rpc.status_code": "UNAVAILABLE",
    "error.type": "UNAVAILABLE",
    "keyprotect.reason": "IAM_UNAVAILABLE",
  });
  expect(call.links.map(({ spanId }) => spanId)).toEqual([exchange.spanId]);
});

test("each repeat of a request is a span of its own, and says why the one before failed", async () => {
  await using traced = await startTraced();
  const { gateway, sink } = traced;
  const keyId = await createKeyId(gateway);
  const match = { service: "keyprotect" } as const;
  gateway.emulator.faults.add({ match, times: 1, action: { kind: "respond", status: 503 } });
  gateway.emulator.faults.add({
    match,
    times: 1,
    action: { kind: "reset", when: "before-processing" },
  });
  await gateway.call(gateway.clients.keys, "getKey", { keyId }, { metadata: sampled });
  const call = await sink.find(isCall("GetKey"));
  expect(call).toMatchObject({ isError: false, attributes: { "keyprotect.attempts": 3 } });
  expect(eventNames(call)).toEqual(["permit", "permit", "permit"]);
  expect(
    childrenOf(sink, call).map(({ attributes }) => [
      attributes["http.request.resend_count"],
      attributes["keyprotect.attempt.outcome"],
      attributes["error.type"],
    ]),
  ).toEqual([
    [undefined, "5xx", "503"],
    [1, "RESET", "RESET"],
    [2, "2xx", undefined],
  ]);
});

test("a call that joins the request of another has no attempt, and a link to the span that has it", async () => {
  await using traced = await startTraced();
  const { gateway, sink } = traced;
  const keyId = await createKeyId(gateway);
  gateway.emulator.requests.clear();
  delay(gateway, 300);
  const other = `00-${"a".repeat(32)}-${callersSpan}-01`;
  const read = (traceparent: string) =>
    gateway.call(gateway.clients.keys, "getKey", { keyId }, { metadata: { traceparent } });
  const first = read(sampled.traceparent);
  await eventually(() => gateway.upstreamRequests().length > 0);
  await Promise.all([first, read(other)]);
  const sender = await sink.find(isCall("GetKey"));
  const joined = await sink.find(isCall("GetKey", "a".repeat(32)));
  expect(eventNames(joined)).toEqual(["joined"]);
  expect(joined.links).toEqual([{ traceId, spanId: sender.spanId }]);
  expect(joined.attributes).toMatchObject({
    "keyprotect.coalesced": true,
    "keyprotect.upstream_correlation_id": sender.attributes["keyprotect.correlation_id"],
    "keyprotect.attempts": 1,
  });
  expect(childrenOf(sink, joined)).toEqual([]);
  expect(childrenOf(sink, sender)).toHaveLength(1);
  expect(sender.attributes["keyprotect.coalesced"]).toBeUndefined();
});

test("a cancelled call ends its span and that of its attempt, and the call's is no error", async () => {
  await using traced = await startTraced();
  const { gateway, sink } = traced;
  const keyId = await createKeyId(gateway);
  gateway.emulator.requests.clear();
  delay(gateway, 2_000);
  const metadata = new Metadata();
  metadata.set("traceparent", sampled.traceparent);
  const cancelled = gateway.clients.keys.getKey({ keyId }, metadata, () => undefined);
  await eventually(() => gateway.upstreamRequests().length > 0);
  cancelled.cancel();
  const call = await sink.find(isCall("GetKey"));
  expect(call.attributes["rpc.status_code"]).toBe("CANCELLED");
  expect(call.attributes["error.type"]).toBeUndefined();
  expect(call.isError).toBe(false);
  const [attempt] = childrenOf(sink, call);
  expect(attempt?.attributes).toMatchObject({
    "error.type": "CANCELLED",
    "keyprotect.attempt.outcome": "CANCELLED",
  });
});

test("a mistake of the caller is no error of the gateway's span, but one of the attempt's", async () => {
  await using traced = await startTraced();
  const { gateway, sink } = traced;
  const keyId = "00000000-0000-4000-8000-000000000000";
  await gateway.failure(gateway.clients.keys, "getKey", { keyId }, { metadata: sampled });
  const call = await sink.find(isCall("GetKey"));
  expect(call.isError).toBe(false);
  expect(call.attributes).toMatchObject({
    "rpc.status_code": "NOT_FOUND",
    "keyprotect.reason": "KEY_NOT_FOUND",
  });
  expect(call.attributes["error.type"]).toBeUndefined();
  const [attempt] = childrenOf(sink, call);
  expect(attempt).toMatchObject({ isError: true, attributes: { "error.type": "404" } });
});

test("a change that may have happened although its call failed is marked", async () => {
  await using traced = await startTraced();
  const { gateway, sink } = traced;
  gateway.emulator.faults.add({
    match: { service: "keyprotect" },
    action: { kind: "reset", when: "after-processing" },
  });
  await gateway.failure(gateway.clients.keys, "createKey", createKeyRequest(), {
    metadata: sampled,
  });
  const call = await sink.find(isCall("CreateKey"));
  expect(call.attributes["keyprotect.may_have_executed"]).toBe(true);
});

test("a call over a Unix socket says so, and has no address of its caller", async () => {
  const folder = await mkdtemp(join(tmpdir(), "traces-"));
  const path = join(folder, "gateway.sock");
  try {
    await using traced = await startTraced({
      env: { GATEWAY_LISTEN: `127.0.0.1:0,unix:${path}` },
    });
    const client = new KeysServiceClient(`unix:${path}`, credentials.createInsecure());
    await traced.gateway.call(client, "countKeys", {}, { metadata: sampled });
    client.close();
    const { attributes } = await traced.sink.find(isCall("CountKeys"));
    expect(attributes).toMatchObject({ "network.transport": "unix", "keyprotect.caller": "unix" });
    expect(attributes["network.peer.address"]).toBeUndefined();
  } finally {
    await rm(folder, { recursive: true });
  }
});

test.each([
  ["a call that its caller does not record", {}, unsampled],
  [
    "a call outside of the ratio",
    { OTEL_TRACES_SAMPLER: "parentbased_traceidratio", OTEL_TRACES_SAMPLER_ARG: "0" },
    undefined,
  ],
  ["a call that the sampler refuses", { OTEL_TRACES_SAMPLER: "always_off" }, sampled],
])("%s leaves no span, and its line has the caller's trace only", async (_name, env, metadata) => {
  const traced = await startTraced({ env });
  const { gateway, sink } = traced;
  await gateway.call(gateway.clients.keys, "countKeys", {}, metadata && { metadata });
  const line = gateway.log().find(({ msg }) => msg === "call");
  expect(line?.["traceId"]).toBe(metadata && traceId);
  expect(line?.["spanId"]).toBeUndefined();
  // The drain sends the last spans.
  await traced[Symbol.asyncDispose]();
  expect(sink.spans().filter(({ kind }) => kind === "SERVER")).toEqual([]);
  expect(sink.spans().filter(({ traceId: id }) => id === traceId)).toEqual([]);
});

test.each([
  ["twice", [sampled.traceparent, `00-${"b".repeat(32)}-${callersSpan}-01`]],
  ["in capitals", [sampled.traceparent.toUpperCase()]],
  ["without a span", [`00-${traceId}-${"0".repeat(16)}-01`]],
  ["of another form", ["00-1-2-01"]],
])("a call with a traceparent %s begins a trace of its own", async (_name, values) => {
  await using traced = await startTraced();
  const { gateway, sink } = traced;
  const metadata = new Metadata();
  for (const value of values) metadata.add("traceparent", value);
  await new Promise<void>((resolve, reject) => {
    gateway.clients.keys.countKeys(allKeys, metadata, (error) =>
      error === null ? resolve() : reject(error),
    );
  });
  const call = await sink.find(({ name }) => name.endsWith("/CountKeys"));
  expect(call.parentId).toBe("");
  expect([traceId, "b".repeat(32)]).not.toContain(call.traceId);
});

const headersUpstream = (gateway: TestGateway) =>
  gateway.emulator.requests.list({ service: "keyprotect" }).map(({ headers }) => ({
    parent: headers["traceparent"],
    state: headers["tracestate"],
    baggage: headers["baggage"],
  }));

test("Key Protect gets no header of a trace unless GATEWAY_TRACE_UPSTREAM says so, and baggage never", async () => {
  const metadata = { ...sampled, tracestate: "vendor=a1", baggage: "user=1" };
  await using silent = await startTraced();
  await silent.gateway.call(silent.gateway.clients.keys, "countKeys", {}, { metadata });
  const none = { parent: undefined, state: undefined, baggage: undefined };
  expect(headersUpstream(silent.gateway)).toEqual([none]);

  await using open = await startTraced({ env: { GATEWAY_TRACE_UPSTREAM: "true" } });
  const { keys } = open.gateway.clients;
  await open.gateway.call(keys, "countKeys", {}, { metadata });
  const call = await open.sink.find(isCall("CountKeys"));
  await eventually(() => childrenOf(open.sink, call).length > 0);
  const [attempt] = childrenOf(open.sink, call);
  await open.gateway.call(keys, "countKeys", {}, { metadata: { ...metadata, ...unsampled } });
  expect(headersUpstream(open.gateway)).toEqual([
    { ...none, parent: `00-${traceId}-${attempt?.spanId}-01`, state: "vendor=a1" },
    // Not recorded: the caller's span stays the parent.
    { ...none, parent: unsampled.traceparent, state: "vendor=a1" },
  ]);
});

test("the collector gets its headers, which appear nowhere else", async () => {
  const sink = await startOtlpSink();
  const key = `collector-key-${"k9".repeat(12)}`;
  const gateway = await startTestGateway({
    env: {
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${sink.url}/custom/path`,
      OTEL_EXPORTER_OTLP_HEADERS: `Authorization=Bearer%20${key},x-tenant=all`,
      OTEL_EXPORTER_OTLP_TRACES_HEADERS: "x-tenant=traces",
      OTEL_EXPORTER_OTLP_COMPRESSION: "gzip",
      OTEL_SERVICE_NAME: "orders-keys",
      OTEL_BSP_SCHEDULE_DELAY: "20",
    },
  });
  gateway.secrets.markText(key);
  await gateway.call(gateway.clients.keys, "countKeys", {});
  await eventually(() => sink.requests.length > 0);
  sink.answerWith(401);
  await gateway.call(gateway.clients.keys, "countKeys", {});
  await eventually(() => gateway.log().some(({ msg }) => msg === lost));
  expect(sink.requests[0]).toMatchObject({
    path: "/custom/path",
    headers: {
      authorization: `Bearer ${key}`,
      "x-tenant": "traces",
      "content-encoding": "gzip",
      "content-type": "application/x-protobuf",
    },
  });
  await gateway[Symbol.asyncDispose]();
  await sink[Symbol.asyncDispose]();
});

const lost = "spans did not reach the collector";

const counted = async (gateway: TestGateway, result: string): Promise<number> => {
  const text = await gateway.metrics();
  const pattern = new RegExp(
    `^keyprotect_gateway_trace_spans_total\\{result="${result}"\\} (\\d+)$`,
    "m",
  );
  return Number(pattern.exec(text)?.[1]);
};

test("a collector that refuses spans disturbs no call; it is logged once, and the spans are counted", async () => {
  await using traced = await startTraced();
  const { gateway, sink } = traced;
  await gateway.call(gateway.clients.keys, "countKeys", {});
  await eventually(async () => (await counted(gateway, "sent")) >= 2);
  sink.answerWith(400);
  for (let call = 0; call < 3; call++) {
    await gateway.call(gateway.clients.keys, "countKeys", {});
    const failed = 2 * (call + 1);
    await eventually(async () => (await counted(gateway, "failed")) === failed);
  }
  const lines = gateway.log().filter(({ msg }) => msg === lost);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatchObject({ level: "warn", code: "REFUSED", httpStatus: 400 });
  expect(await counted(gateway, "dropped")).toBe(0);
});

test("a collector with TLS is believed only if the configured authority has issued its certificate", async () => {
  const authority = createCertificateAuthority();
  const { cert, key } = authority.issue({ ipAddresses: ["127.0.0.1"] });
  const folder = await mkdtemp(join(tmpdir(), "traces-"));
  const [right, wrong] = [join(folder, "right.pem"), join(folder, "wrong.pem")];
  await writeFile(right, authority.cert);
  await writeFile(wrong, createCertificateAuthority().cert);
  const files = { [right]: authority.cert, [wrong]: createCertificateAuthority().cert };
  // Node would otherwise trust everything with this variable.
  vi.stubEnv("NODE_TLS_REJECT_UNAUTHORIZED", "0");
  try {
    for (const [caFile, result] of [
      [right, "sent"],
      [wrong, "failed"],
    ] as const) {
      await using sink = await startOtlpSink({ cert, key });
      await using gateway = await startTestGateway({
        sink,
        files,
        env: { OTEL_EXPORTER_OTLP_CERTIFICATE: caFile, OTEL_EXPORTER_OTLP_TIMEOUT: "500" },
      });
      await gateway.call(gateway.clients.keys, "countKeys", {});
      await eventually(async () => (await counted(gateway, result)) > 0);
      expect(sink.spans().length > 0).toBe(result === "sent");
    }
  } finally {
    vi.unstubAllEnvs();
    await rm(folder, { recursive: true });
  }
});

test("spans beyond the queue are dropped and counted, and no call waits for the collector", async () => {
  await using traced = await startTraced({
    env: {
      OTEL_BSP_MAX_QUEUE_SIZE: "4",
      OTEL_BSP_MAX_EXPORT_BATCH_SIZE: "2",
      OTEL_EXPORTER_OTLP_TIMEOUT: "200",
      OTEL_BSP_EXPORT_TIMEOUT: "600000",
      GATEWAY_DRAIN_GRACE_MS: "1000",
    },
  });
  const { gateway, sink } = traced;
  sink.answerWith(undefined);
  for (let call = 0; call < 10; call++) await gateway.call(gateway.clients.keys, "countKeys", {});
  await eventually(async () => (await counted(gateway, "dropped")) > 0);
});

test("the drain sends the last spans, and ends in its time if the collector does not answer", async () => {
  const env = { OTEL_BSP_SCHEDULE_DELAY: "600000", GATEWAY_DRAIN_GRACE_MS: "1500" };
  const good = await startTraced({ env });
  await good.gateway.call(good.gateway.clients.keys, "countKeys", {}, { metadata: sampled });
  expect(good.sink.spans()).toEqual([]);
  await good[Symbol.asyncDispose]();
  expect(good.sink.spans().map(({ kind }) => kind)).toEqual(
    expect.arrayContaining(["SERVER", "CLIENT"]),
  );

  const bad = await startTraced({ env });
  bad.sink.answerWith(undefined);
  await bad.gateway.call(bad.gateway.clients.keys, "countKeys", {}, { metadata: sampled });
  const startedAt = Date.now();
  await bad[Symbol.asyncDispose]();
  expect(Date.now() - startedAt).toBeLessThan(5_000);
});

test("the tables of docs/telemetry.md list exactly the spans, events and attributes that occur", () => {
  const found = new Set(
    seen.flatMap((span) => [
      ...Object.keys(span.attributes).map((name) => `${name} on ${kindOf(span)}`),
      ...span.events.flatMap(({ name, attributes }) => [
        `event ${name} on ${kindOf(span)}`,
        ...Object.keys(attributes).map((attribute) => `${attribute} on ${name}`),
      ]),
    ]),
  );
  const documented = [
    ...Object.entries(attributeTable).flatMap(([name, { on }]) =>
      on.map((place) => `${name} on ${place}`),
    ),
    ...Object.keys(eventTable).map((name) => `event ${name} on call`),
  ];
  expect([...found].toSorted()).toEqual(documented.toSorted());
});
