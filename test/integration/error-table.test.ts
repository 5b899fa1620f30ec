/**
 * The status table, row by row over sockets: a response of Key Protect and the status that the
 * caller gets.
 */
import { randomUUID } from "node:crypto";
import { createServer as createTlsServer } from "node:https";
import { describe, expect, test } from "vitest";
import { systemClock } from "../../src/platform/clock.ts";
import { ReturnPreference } from "../../src/gen/keyprotect/v1/key.ts";
import { createCertificateAuthority } from "../support/certificates.ts";
import { expectStatus } from "../support/error-table-check.ts";
import {
  answering,
  bodyRows,
  errorRows,
  type ErrorRow,
  type ExpectedStatus,
} from "../support/error-table-rows.ts";
import { listening, startAnswering } from "../support/error-table-servers.ts";
import { eventually } from "../support/eventually.ts";
import {
  absentKeyId,
  goldenRequests as golden,
  wireClient,
  type WireRequest,
} from "../support/golden-requests.ts";
import {
  startTestGateway,
  type TestGateway,
  type TestGatewayOptions,
} from "../support/start-gateway.ts";

/**
 * Short time-outs for rows in which Key Protect does not respond. The other rows must not fail on a
 * busy machine.
 */
const impatient = {
  GATEWAY_UPSTREAM_CONNECT_TIMEOUT_MS: "1000",
  GATEWAY_UPSTREAM_ATTEMPT_TIMEOUT_MS: "1000",
};

/** Makes one call with Key Protect behaving as in the row, and checks the status. */
async function expectRow({ rpc, action, expected, dialect, times }: ErrorRow): Promise<void> {
  await using gateway = await startTestGateway({
    dialect: dialect ?? "current",
    env: action.kind === "hang" || action.kind === "stall" ? impatient : {},
  });
  gateway.emulator.faults.add({
    match: { service: "keyprotect" },
    action,
    ...(times === undefined ? {} : { times }),
  });
  const { path, message } = golden[rpc]();
  const correlationId = randomUUID();

  const failure = await gateway.failure(wireClient(gateway.clients.keys, path), "send", message, {
    metadata: { "x-correlation-id": correlationId },
  });

  const asked = gateway.emulator.requests.list({ service: "keyprotect" });
  expect(asked.length).toBeGreaterThan(0);
  expect(new Set(asked.map((request) => request.correlationId))).toEqual(new Set([correlationId]));
  expectStatus(failure, expected, {
    method: path.slice(1),
    correlationId,
    attempts: asked.length,
  });
  // A change that may have been executed is requested once.
  if (expected.mayHaveExecuted === true) expect(asked).toHaveLength(1);
}

const named = (rows: readonly ErrorRow[]): [string, ErrorRow][] =>
  rows.map((row) => [`${row.title} → ${row.expected.code} ${row.expected.reason}`, row]);

describe("answers of Key Protect", () => {
  test.each(named(errorRows))(
    "an answer of Key Protect has its status: %s",
    (_, row) => expectRow(row),
    60_000,
  );
});

describe("error bodies", () => {
  test.each(named(bodyRows))(
    "an error is read from its body: %s",
    (_, row) => expectRow(row),
    60_000,
  );
});

test.each([404, 410])("DeleteKey with allow_missing succeeds for HTTP %d", async (status) => {
  await using gateway = await startTestGateway();
  gateway.emulator.faults.add({ match: { service: "keyprotect" }, action: answering(status) });
  const deleted = await gateway.call(gateway.clients.keys, "deleteKey", {
    keyId: absentKeyId,
    returnPreference: ReturnPreference.MINIMAL,
    allowMissing: true,
    force: false,
  });
  expect(deleted.key?.id).toBe(absentKeyId);
});

test.each([
  [404, "text/html", "default backend - 404"],
  [404, "application/json", '{"error":"not found"}'],
  [404, "text/plain", ""],
  [410, "text/html", "<h1>Gone</h1>"],
  [410, "text/plain", ""],
])(
  "DeleteKey with allow_missing does not succeed for HTTP %d of a proxy (%s, %j)",
  async (status, contentType, body) => {
    await using gateway = await startTestGateway();
    gateway.emulator.faults.add({
      match: { service: "keyprotect" },
      action: { kind: "respond", status, contentType, body },
    });
    const failure = await gateway.failure(gateway.clients.keys, "deleteKey", {
      keyId: absentKeyId,
      returnPreference: ReturnPreference.MINIMAL,
      allowMissing: true,
      force: false,
    });
    expect(failure.reason).toBe("UPSTREAM_BAD_RESPONSE");
  },
);

/**
 * Makes one call and checks the status. `attempts` is the number of requests begun to Key Protect.
 */
async function expectFailure(
  gateway: TestGateway,
  { path, message }: WireRequest,
  expected: ExpectedStatus,
  { attempts = 0, metadata = {} }: { attempts?: number; metadata?: Record<string, string> } = {},
): Promise<void> {
  const correlationId = randomUUID();
  const failure = await gateway.failure(wireClient(gateway.clients.keys, path), "send", message, {
    metadata: { ...metadata, "x-correlation-id": correlationId },
  });
  expectStatus(failure, expected, { method: path.slice(1), correlationId, attempts });
}

/** Does the same with its own gateway. No request reaches the emulator. */
async function expectOwn(
  options: TestGatewayOptions,
  request: WireRequest,
  expected: ExpectedStatus,
  more: { attempts?: number; metadata?: Record<string, string> } = {},
): Promise<void> {
  await using gateway = await startTestGateway(options);
  await expectFailure(gateway, request, expected, more);
  expect(gateway.upstreamRequests()).toEqual([]);
}

const before = { httpStatus: "", upstreamReason: "" } as const;

describe("rejections by the gateway", () => {
  test("the gateway rejects an invalid request", () =>
    expectOwn({}, golden.GetKey({ keyId: "../x" }), {
      code: "INVALID_ARGUMENT",
      reason: "REQUEST_INVALID",
      details: "BR",
      fields: ["key_id"],
      ...before,
    }));

  test("the gateway rejects metadata that is too large", () =>
    expectOwn(
      {},
      golden.CreateKey(),
      { code: "RESOURCE_EXHAUSTED", reason: "METADATA_TOO_LARGE", details: "", ...before },
      { metadata: { "x-large": "x".repeat(17_000) } },
    ));

  test("the gateway rejects an instance that is not configured", () =>
    expectOwn(
      {},
      golden.CreateKey(),
      { code: "INVALID_ARGUMENT", reason: "INSTANCE_UNKNOWN", details: "", ...before },
      { metadata: { "x-kp-instance": "other" } },
    ));

  test("the gateway rejects a malformed page token", () =>
    expectOwn({}, golden.ListKeys({ pageToken: "garbled" }), {
      code: "INVALID_ARGUMENT",
      reason: "PAGE_TOKEN_INVALID",
      details: "BR",
      fields: ["page_token"],
      ...before,
    }));

  test("the gateway rejects a caller that no rule allows, with the same text for any key", async () => {
    const policy = `policy:
  rules:
    - callers: [anonymous]
      methods: [KeysService/CountKeys]
`;
    await using gateway = await startTestGateway({
      env: { GATEWAY_CONFIG: "/gateway.yaml" },
      files: { "/gateway.yaml": policy },
    });
    const expected = {
      code: "PERMISSION_DENIED",
      reason: "CALLER_NOT_AUTHORIZED",
      details: "RS",
      ...before,
    };
    for (const request of [golden.GetKey(), golden.GetKey({ keyId: "../x" }), golden.CreateKey()]) {
      await expectFailure(gateway, request, expected);
    }
    expect(gateway.upstreamRequests()).toEqual([]);
    await gateway.call(gateway.clients.keys, "countKeys", {});
  });

  test("a defect of the gateway is reported with a fixed text", async () => {
    let isArmed = false;
    let readings = 0;
    const wallNow = (): number => {
      if (!isArmed) return systemClock.wallNow();
      readings += 1;
      // The call reads the clock first when it arrives and then during validation.
      if (readings === 2) throw new TypeError("http://internal.example canary");
      return systemClock.wallNow();
    };
    await using gateway = await startTestGateway({ deps: { clock: { ...systemClock, wallNow } } });
    await gateway.call(gateway.clients.keys, "countKeys", {});
    gateway.emulator.requests.clear();
    isArmed = true;
    const { path, message } = golden.CreateKey();
    const failure = await gateway.failure(wireClient(gateway.clients.keys, path), "send", message);
    isArmed = false;
    expectStatus(
      failure,
      { code: "INTERNAL", reason: "GATEWAY_INTERNAL", details: "", ...before },
      { method: path.slice(1), correlationId: failure.correlationId, attempts: 0 },
    );
    expect(failure.message).toBe("internal error of the gateway");
    expect(gateway.upstreamRequests()).toEqual([]);
  });
});

describe("deadlines", () => {
  // The gateway sets the deadline. Callers send none, so that their library never answers first.
  const env = { GATEWAY_MAX_DEADLINE_MS: "1000" };
  const expected = { code: "DEADLINE_EXCEEDED", reason: "DEADLINE_UPSTREAM" };

  test.each([
    ["WrapKey", false],
    ["CreateKey", true],
    ["RotateKey", true],
    ["DeleteKey", true],
  ] as const)(
    "a deadline that passes during %s reports mayHaveExecuted %j",
    async (rpc, mayHaveExecuted) => {
      await using gateway = await startTestGateway({ env });
      gateway.emulator.faults.add({ match: { service: "keyprotect" }, action: { kind: "hang" } });
      await expectFailure(
        gateway,
        golden[rpc](),
        { ...expected, details: mayHaveExecuted ? "never" : "", mayHaveExecuted, ...before },
        {
          attempts: 1,
        },
      );
    },
  );
});

/** An unsigned IAM token that expires at `expiry`, in seconds since the Unix epoch. */
const tokenUntil = (expiry: number): string =>
  [{ alg: "none" }, { iam_id: "IBMid-1", exp: Math.floor(expiry) }, {}]
    .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
    .join(".");

describe("callers' own tokens", () => {
  const env = { GATEWAY_CREDENTIALS: "caller", IBMCLOUD_API_KEY: "", IAM_AUTH_URL: "" };
  const rejected = { code: "UNAUTHENTICATED", reason: "CALLER_TOKEN_REJECTED", details: "H" };

  test.each<[string, Record<string, string>]>([
    ["no token", {}],
    ["a token of another scheme", { authorization: "Basic YTpi" }],
    ["a token of two words", { authorization: "Bearer a b" }],
  ])("a call with %s instead of the caller's token is rejected", (_, metadata) =>
    expectOwn({ env }, golden.GetKey(), { ...rejected, ...before }, { metadata }),
  );

  const denied = {
    code: "PERMISSION_DENIED",
    reason: "UPSTREAM_ACCESS_DENIED",
    details: "H RS",
    metadata: { principal: "caller" },
  };
  const tokens = {
    opaque: () => "callers-own-token-of-some-length",
    expired: () => tokenUntil(Date.now() / 1_000 - 1),
    "about to expire": () => tokenUntil(Date.now() / 1_000 + 30),
    current: () => tokenUntil(Date.now() / 1_000 + 3_600),
  } as const;

  test.each<[keyof typeof tokens, number, string, typeof rejected | typeof denied]>([
    ["opaque", 401, "no reason", rejected],
    ["current", 401, "no reason", rejected],
    ["current", 400, "BEARER_SUB_EXTRACTION_ERR", rejected],
    ["opaque", 401, "UNAUTHORIZED_ERR", rejected],
    ["expired", 401, "UNAUTHORIZED_ERR", rejected],
    ["about to expire", 401, "UNAUTHORIZED_ERR", rejected],
    ["current", 401, "UNAUTHORIZED_ERR", denied],
    ["expired", 403, "CONFIG_RULE_CONFLICT_ERR", rejected],
    ["expired", 403, "no reason", rejected],
    ["about to expire", 403, "no reason", denied],
    ["opaque", 403, "no reason", denied],
    ["current", 403, "no reason", denied],
    // The service of 2019 answers an expired token so, with the text "Token is expired".
    ["expired", 400, "no reason", rejected],
    [
      "current",
      400,
      "no reason",
      { code: "INVALID_ARGUMENT", reason: "REQUEST_INVALID", details: "" },
    ],
    [
      "expired",
      404,
      "KEY_NOT_FOUND_ERR",
      { code: "NOT_FOUND", reason: "KEY_NOT_FOUND", details: "RS" },
    ],
  ])(
    "a call whose own token is %s, and which Key Protect answers %s with %s, gets %o",
    async (age, httpStatus, upstreamReason, expected) => {
      const code = upstreamReason === "no reason" ? undefined : upstreamReason;
      await using gateway = await startTestGateway({ env });
      gateway.emulator.faults.add({ action: answering(httpStatus, code) });
      const token = gateway.secrets.markText(tokens[age]());
      await expectFailure(
        gateway,
        golden.GetKey(),
        {
          ...expected,
          httpStatus: String(httpStatus),
          ...(code === undefined ? {} : { upstreamReason: code }),
        },
        { attempts: 1, metadata: { authorization: `Bearer ${token}` } },
      );
    },
  );
});

describe("tokens from IAM", () => {
  const unavailable = { code: "UNAVAILABLE", reason: "IAM_UNAVAILABLE", details: "RI", ...before };
  const rejected = {
    code: "INTERNAL",
    reason: "UPSTREAM_CREDENTIALS_REJECTED",
    details: "",
    ...before,
  };

  test.each<[string, number, Record<string, string>, ExpectedStatus]>([
    ["500", 500, {}, unavailable],
    ["503", 503, {}, unavailable],
    ["408", 408, {}, unavailable],
    ["429", 429, { "Retry-After": "9" }, unavailable],
    ["a redirect", 302, { Location: "http://127.0.0.1:1/" }, unavailable],
    ["200 without a token", 200, {}, unavailable],
    ["400 without IAM's code", 400, {}, unavailable],
    ["401 without IAM's code", 401, {}, unavailable],
    ["403 without IAM's code", 403, {}, unavailable],
    ["407 without IAM's code", 407, {}, unavailable],
  ])("an answer of IAM has its status: %s", async (_, status, headers, expected) => {
    await using iam = await startAnswering(status, headers);
    for (const request of [golden.WrapKey(), golden.CreateKey()]) {
      await expectOwn({ env: { IAM_AUTH_URL: iam.origin } }, request, expected);
    }
  });

  test("an IAM that is unreachable gives IAM_UNAVAILABLE", async () => {
    const gone = await startAnswering(200);
    await gone[Symbol.asyncDispose]();
    await expectOwn({ env: { IAM_AUTH_URL: gone.origin } }, golden.CreateKey(), unavailable);
  });

  test("an API key that IAM does not know gives UPSTREAM_CREDENTIALS_REJECTED", () =>
    expectOwn({ env: { IBMCLOUD_API_KEY: "a-key-of-nobody" } }, golden.CreateKey(), rejected));
});

describe("wrong service URLs", () => {
  const rpcs = ["WrapKey", "CreateKey", "CountKeys"] as const;

  test("a service URL on which no server listens gives UPSTREAM_UNREACHABLE", async () => {
    const gone = await startAnswering(200);
    await gone[Symbol.asyncDispose]();
    for (const rpc of rpcs) {
      await expectOwn(
        { env: { KP_SERVICE_URL: gone.origin } },
        golden[rpc](),
        { code: "UNAVAILABLE", reason: "UPSTREAM_UNREACHABLE", details: "RI", ...before },
        { attempts: 3 },
      );
    }
  });

  test("a service URL whose host name does not exist gives UPSTREAM_UNREACHABLE", () =>
    expectOwn(
      { env: { KP_SERVICE_URL: "https://keyprotect.invalid" } },
      golden.CreateKey(),
      { code: "UNAVAILABLE", reason: "UPSTREAM_UNREACHABLE", details: "RI", ...before },
      { attempts: 3 },
    ));

  test("a service URL of another server that answers 404 gives UPSTREAM_BAD_RESPONSE", async () => {
    await using other = await startAnswering(
      404,
      { "Content-Type": "text/html" },
      "<h1>nginx</h1>",
    );
    const foreign = { reason: "UPSTREAM_BAD_RESPONSE", httpStatus: "404" } as const;
    for (const rpc of ["CreateKey", "CountKeys", "ListKeys", "CreateLocker"] as const) {
      await expectOwn(
        { env: { KP_SERVICE_URL: other.origin } },
        golden[rpc](),
        rpc.startsWith("Create")
          ? { code: "INTERNAL", ...foreign, details: "never", mayHaveExecuted: true }
          : { code: "UNAVAILABLE", ...foreign, details: "RI" },
        { attempts: 1 },
      );
    }
  });

  test("a certificate of an untrusted authority gives UPSTREAM_TLS_FAILURE", async () => {
    const issued = createCertificateAuthority().issue({ ipAddresses: ["127.0.0.1"] });
    await using impostor = await listening("https", createTlsServer({ ...issued }));
    for (const rpc of rpcs) {
      await expectOwn(
        { env: { KP_SERVICE_URL: impostor.origin } },
        golden[rpc](),
        { code: "INTERNAL", reason: "UPSTREAM_TLS_FAILURE", details: "", ...before },
        { attempts: 1 },
      );
    }
    expect(impostor.requests).toEqual([]);
  });
});

test("a gateway that shuts down reports SHUTTING_DOWN, or OUTCOME_UNKNOWN for a creation", async () => {
  const gateway = await startTestGateway({ env: { GATEWAY_DRAIN_GRACE_MS: "0" } });
  gateway.emulator.faults.add({ match: { service: "keyprotect" }, action: { kind: "hang" } });
  const wrapping = expectFailure(
    gateway,
    golden.WrapKey(),
    { code: "UNAVAILABLE", reason: "SHUTTING_DOWN", details: "RI", retryDelayMs: 0, ...before },
    { attempts: 1 },
  );
  const creating = expectFailure(
    gateway,
    golden.CreateKey(),
    {
      code: "UNKNOWN",
      reason: "OUTCOME_UNKNOWN",
      details: "never",
      mayHaveExecuted: true,
      ...before,
    },
    { attempts: 1 },
  );
  await eventually(() => gateway.upstreamRequests().length === 2);
  const text = await gateway.metrics();
  await gateway.gateway.drain();
  await Promise.all([wrapping, creating]);
  // The gateway has already stopped, and disposing of it would read its metrics.
  for (const client of Object.values(gateway.clients)) client.close();
  await gateway.emulator[Symbol.asyncDispose]();
  expect(gateway.secrets.tracesIn(`${text}${JSON.stringify(gateway.log())}`)).toEqual([]);
}, 60_000);
