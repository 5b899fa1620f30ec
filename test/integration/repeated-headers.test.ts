/**
 * Headers that a call may have once. Node drops the second value of some and joins the values of
 * others, so that a check behind Node does not see that there were two.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { goldenRequests as golden } from "../support/golden-requests.ts";
import { connectFrames, frameTypes } from "../support/http2-frames.ts";
import { startTestGateway, type TestGateway } from "../support/start-gateway.ts";

const portOf = ({ address }: TestGateway): number => Number(address.split(":").at(-1));

type Line = Readonly<Record<string, unknown>>;
type Headers = readonly [string, string][];

/** Makes a call with headers as they are, and returns its line in the log. */
async function lineOf(
  gateway: TestGateway,
  { path, message }: { readonly path: string; readonly message: Buffer },
  headers: Headers,
): Promise<Line> {
  const before = gateway.log().length;
  const since = (): readonly Line[] => gateway.log().slice(before);
  using client = await connectFrames(portOf(gateway));
  client.call(1, path, message, headers);
  await eventually(() => since().some(({ msg }) => msg === "call"));
  return since().find(({ msg }) => msg === "call") ?? {};
}

const twice = (name: string, first: string, second: string = first): Headers => [
  [name, first],
  [name, second],
];

describe("a gateway that passes callers' tokens through", () => {
  let gateway: TestGateway;
  let token: string;
  beforeAll(async () => {
    gateway = await startTestGateway({
      env: { GATEWAY_CREDENTIALS: "caller", IBMCLOUD_API_KEY: "" },
    });
    const { apiKey } = gateway.emulator;
    const answer = await fetch(`${gateway.emulator.url}/identity/token`, {
      method: "POST",
      body: new URLSearchParams({
        grant_type: "urn:ibm:params:oauth:grant-type:apikey",
        apikey: apiKey,
      }),
    });
    ({ access_token: token } = JSON.parse(await answer.text()));
  }, 60_000);
  afterAll(() => gateway[Symbol.asyncDispose](), 60_000);

  test("a call with one authorization succeeds", async () => {
    const headers: Headers = [["authorization", `Bearer ${token}`]];
    expect(await lineOf(gateway, golden.CountKeys(), headers)).toMatchObject({ code: "OK" });
  });

  test.each([
    ["a good and a bad token", () => twice("authorization", `Bearer ${token}`, "Bearer other")],
    ["a bad and a good token", () => twice("authorization", "Bearer other", `Bearer ${token}`)],
    ["the same token twice", () => twice("authorization", `Bearer ${token}`)],
    ["a token and an empty value", () => twice("authorization", `Bearer ${token}`, "")],
  ])("a call with %s is refused, and nothing is sent", async (_, headers) => {
    gateway.emulator.requests.clear();
    expect(await lineOf(gateway, golden.CountKeys(), headers())).toMatchObject({
      code: "UNAUTHENTICATED",
      reason: "CALLER_TOKEN_REJECTED",
    });
    expect(gateway.upstreamRequests()).toEqual([]);
  });
});

describe("headers of the gateway", () => {
  const id = "3a1ad73b-4fe3-4a5c-9b7c-6e1ad5bd5b55";
  const other = "0d3f4a0e-52a6-4b53-8a0c-3a4b8f9a2c11";
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await startTestGateway();
  }, 60_000);
  afterAll(() => gateway[Symbol.asyncDispose](), 60_000);

  test.each<[string, Headers, Line]>([
    [
      "two instances",
      twice("x-kp-instance", "default"),
      { code: "INVALID_ARGUMENT", reason: "INSTANCE_UNKNOWN" },
    ],
    [
      "two key rings",
      twice("x-kp-key-ring", "default"),
      { code: "INVALID_ARGUMENT", reason: "REQUEST_INVALID" },
    ],
    [
      "two priorities",
      twice("x-kp-priority", "bulk"),
      { code: "INVALID_ARGUMENT", reason: "REQUEST_INVALID" },
    ],
  ])("a call with %s is refused, and nothing is sent", async (_, headers, expected) => {
    gateway.emulator.requests.clear();
    expect(await lineOf(gateway, golden.CountKeys(), headers)).toMatchObject(expected);
    expect(gateway.upstreamRequests()).toEqual([]);
  });

  test.each(["x-correlation-id", "correlation-id"])(
    "a call with two values of %s gets an ID of the gateway's",
    async (name) => {
      for (const headers of [twice(name, id, other), twice(name, id)]) {
        const { code, correlationId } = await lineOf(gateway, golden.CountKeys(), headers);
        expect(code).toBe("OK");
        expect([id, other]).not.toContain(correlationId);
      }
    },
  );

  test("values of one name count as one metadata entry each", async () => {
    const headers = Array.from({ length: 70 }, (): [string, string] => ["x-many", "v"]);
    expect(await lineOf(gateway, golden.CountKeys(), headers)).toMatchObject({
      code: "RESOURCE_EXHAUSTED",
      reason: "METADATA_TOO_LARGE",
    });
  });

  test.each<[string, Headers]>([
    ["grpc-timeout", twice("grpc-timeout", "10S", "1S")],
    ["content-type", [["content-type", "application/grpc"]]],
  ])("a call with two values of %s does not reach Key Protect", async (_, headers) => {
    gateway.emulator.requests.clear();
    using client = await connectFrames(portOf(gateway));
    const { path, message } = golden.CountKeys();
    client.call(1, path, message, headers);
    client.call(3, path, message);
    // Calls are begun in their order.
    await eventually(() => client.received.filter(({ stream }) => stream === 3).length > 2);
    const answered = client.received.filter(({ stream }) => stream === 1);
    expect(answered[0]?.type).toBe(frameTypes.headers);
    expect(answered.map(({ type }) => type)).not.toContain(frameTypes.data);
    expect(gateway.upstreamRequests()).toEqual(["HEAD /api/v2/keys"]);
  });
});
