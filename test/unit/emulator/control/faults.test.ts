import { connect } from "node:net";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { startEmulator } from "../../../support/start-emulator.ts";
import type { Emulator } from "../../../../src/emulator/emulator.ts";
import type { FaultAction } from "../../../../src/emulator/control/faults.ts";
import { createRestClient, send } from "../rest-client.ts";
import type { RestAnswer, RestClient } from "../rest-client.ts";

let emulator: Emulator;
let client: RestClient;

beforeAll(async () => {
  emulator = await startEmulator();
  client = createRestClient(emulator);
});
beforeEach(() => emulator.reset());
afterAll(() => emulator[Symbol.asyncDispose]());

const addOnce = (action: FaultAction): number => emulator.faults.add({ times: 1, action });

async function statuses(count: number, request: () => Promise<RestAnswer>): Promise<number[]> {
  const seen: number[] = [];
  for (let index = 0; index < count; index += 1) seen.push((await request()).status);
  return seen;
}

test("a fault skips `skip` requests and then applies to `times` requests", async () => {
  emulator.faults.add({ skip: 1, times: 2, action: { kind: "respond", status: 503 } });
  expect(await statuses(5, () => client.call("GET", "/keys"))).toEqual([200, 503, 503, 200, 200]);
  expect(emulator.faults.list()).toMatchObject([{ struck: 2 }]);
});

test("the first matching fault applies, and the next one when the first is used up", async () => {
  addOnce({ kind: "respond", status: 500 });
  addOnce({ kind: "respond", status: 429 });
  expect(await statuses(3, () => client.call("GET", "/keys"))).toEqual([500, 429, 200]);
});

test("a fault applies only to requests that match it", async () => {
  const id = await client.createKey();
  emulator.faults.add({
    match: { operation: "wrapKey" },
    action: { kind: "respond", status: 500 },
  });
  emulator.faults.add({ match: { path: "*/policies" }, action: { kind: "respond", status: 501 } });
  emulator.faults.add({
    match: { path: /versions$/, method: "get" },
    action: { kind: "respond", status: 502 },
  });
  emulator.faults.add({ match: { service: "iam" }, action: { kind: "respond", status: 503 } });
  const status = async (method: string, path: string) => (await client.call(method, path)).status;
  expect(await status("POST", `/keys/${id}/actions/wrap`)).toBe(500);
  expect(await status("POST", `/keys/${id}?action=wrap`)).toBe(500);
  expect(await status("GET", `/keys/${id}/policies`)).toBe(501);
  expect(await status("GET", `/keys/${id}/versions`)).toBe(502);
  expect(await status("GET", `/keys/${id}`)).toBe(200);
  const iam = await send(`${emulator.url}/identity/token`, "POST", {}, "");
  expect([iam.status, iam.body.at("errorCode")]).toEqual([503, "BXNIM0100E"]);
});

test("a fault with a probability applies to a random part of the requests", async () => {
  const draws = [0.1, 0.9, 0.4];
  await using chancy = await startEmulator({ random: () => draws.shift() ?? 1 });
  const chancyClient = createRestClient(chancy);
  chancy.faults.add({ probability: 0.5, action: { kind: "respond", status: 500 } });
  expect(await statuses(4, () => chancyClient.call("GET", "/keys"))).toEqual([500, 200, 500, 200]);
});

test("a scripted answer has the service's error body unless the fault gives a body", async () => {
  addOnce({ kind: "respond", status: 429, headers: { "Retry-After": "7" } });
  const own = await client.call("GET", "/keys");
  expect(own.headers["retry-after"]).toBe("7");
  expect(own.body.text("resources", 0, "errorMsg")).toMatch(/^Too Many Requests: /);
  addOnce({ kind: "respond", status: 502, body: "<html>Bad Gateway</html>" });
  const html = await client.call("GET", "/keys");
  expect([html.headers["content-type"], html.text]).toEqual([
    "text/html",
    "<html>Bad Gateway</html>",
  ]);
  addOnce({ kind: "respond", status: 500, body: "" });
  expect((await client.call("GET", "/keys")).text).toBe("");
  addOnce({ kind: "respond", status: 200, body: { strange: true } });
  expect((await client.call("GET", "/keys")).body.value).toEqual({ strange: true });
  addOnce({
    kind: "respond",
    status: 302,
    headers: { Location: "https://example.com/" },
    body: "",
  });
  expect((await client.call("GET", "/keys")).headers["location"]).toBe("https://example.com/");
});

test("a reset before processing changes nothing, and a reset after processing leaves the change", async () => {
  const body = {
    metadata: { collectionTotal: 1 },
    resources: [{ name: "doomed", extractable: false }],
  };
  addOnce({ kind: "reset", when: "before-processing" });
  await expect(client.call("POST", "/keys", body)).rejects.toMatchObject({ code: "ECONNRESET" });
  expect((await client.call("HEAD", "/keys")).headers["key-total"]).toBe("0");
  addOnce({ kind: "reset", when: "after-processing" });
  await expect(client.call("POST", "/keys", body)).rejects.toMatchObject({ code: "ECONNRESET" });
  expect((await client.call("HEAD", "/keys")).headers["key-total"]).toBe("1");
  expect(emulator.requests.list({ operation: "createKey" })).toMatchObject([
    { isExecuted: false, status: undefined, fault: "reset" },
    { isExecuted: true, status: undefined, fault: "reset" },
  ]);
});

test("a scripted answer after processing leaves the change", async () => {
  const id = await client.createKey();
  addOnce({ kind: "respond", when: "after-processing", status: 429, body: "<html>" });
  expect((await client.call("DELETE", `/keys/${id}`)).text).toBe("<html>");
  expect((await client.call("DELETE", `/keys/${id}`)).status).toBe(410);
  expect(emulator.requests.list({ operation: "deleteKey" })[0]).toMatchObject({
    isExecuted: true,
    status: 429,
    fault: "respond",
  });
});

test("a truncated body is shorter than its Content-Length", async () => {
  addOnce({ kind: "truncate", afterBytes: 10 });
  await expect(client.call("GET", "/keys")).rejects.toThrow("aborted");
});

test("a garbled answer is not JSON, and an oversized answer is as large as requested", async () => {
  addOnce({ kind: "garble" });
  const garbled = await client.call("GET", "/keys");
  expect(garbled.status).toBe(200);
  expect(() => JSON.parse(garbled.text)).toThrow(SyntaxError);
  for (const isChunked of [true, false]) {
    addOnce({ kind: "oversize", bytes: 300_000, isChunked });
    const large = await client.call("GET", "/keys");
    expect(large.text.length).toBeGreaterThan(300_000);
    expect(large.headers["content-length"] === undefined).toBe(isChunked);
    expect(large.body.at("metadata", "collectionTotal")).toBe(0);
  }
});

test("a fault can rewrite an answer by a merge patch or by a function", async () => {
  const id = await client.createKey();
  addOnce({ kind: "rewrite", patch: { metadata: { collectionTotal: 99, collectionType: null } } });
  expect((await client.call("GET", "/keys")).body.at("metadata")).toEqual({ collectionTotal: 99 });
  addOnce({
    kind: "rewrite",
    patch: () => ({ plaintext: "not base64!" }),
    headers: { "X-Odd": "yes" },
  });
  const odd = await client.call("POST", `/keys/${id}/actions/wrap`);
  expect([odd.body.value, odd.headers["x-odd"]]).toEqual([{ plaintext: "not base64!" }, "yes"]);
  addOnce({ kind: "rewrite", status: 418 });
  expect((await client.call("GET", "/keys")).status).toBe(418);
});

test("an answer that is sent in small pieces arrives complete", async () => {
  addOnce({ kind: "drip", chunkBytes: 16, intervalMs: 1 });
  expect((await client.call("GET", "/keys")).body.at("metadata", "collectionTotal")).toBe(0);
  addOnce({ kind: "drip-head", intervalMs: 0 });
  expect((await client.call("GET", "/keys")).body.at("metadata", "collectionTotal")).toBe(0);
});

/** Sends a request on a plain socket and returns the received text when `isEnough` accepts it. */
function firstBytes(isEnough: (text: string) => boolean): Promise<string> {
  return new Promise((resolve, reject) => {
    const [user] = emulator.users;
    if (user === undefined) throw new Error("there is a user");
    const socket = connect(emulator.port, "127.0.0.1");
    let text = "";
    socket.on("error", reject);
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString("latin1");
      if (!isEnough(text)) return;
      socket.destroy();
      resolve(text);
    });
    const token = emulator.tokens.issue(user).accessToken;
    const headers = `Authorization: Bearer ${token}\r\nBluemix-Instance: ${emulator.instanceId}\r\n`;
    socket.write(`GET /api/v2/keys HTTP/1.1\r\nHost: x\r\n${headers}\r\n`);
  });
}

test("a stalled answer sends its head and the beginning of its body", async () => {
  addOnce({ kind: "stall", afterBytes: 5 });
  const text = await firstBytes(
    (received) => received.includes("\r\n\r\n") && received.endsWith('{"met'),
  );
  expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  expect(text).toMatch(/Content-Length: \d\d+\r\n/);
});

test("a hanging request is logged without a status and does not keep the emulator from closing", async () => {
  const short = await startEmulator();
  short.faults.add({ action: { kind: "hang" } });
  const hanging = createRestClient(short).call("GET", "/keys");
  const failed = expect(hanging).rejects.toMatchObject({ code: "ECONNRESET" });
  while (short.requests.count() === 0) await new Promise((resolve) => setImmediate(resolve));
  expect(short.requests.list()).toMatchObject([
    { status: undefined, isExecuted: false, fault: "hang" },
  ]);
  await short[Symbol.asyncDispose]();
  await failed;
});

test("a fault with only a delay delays the answer and does not change it", async () => {
  emulator.faults.add({ times: 1, delayMs: 60 });
  const startedAt = performance.now();
  expect((await client.call("GET", "/keys")).status).toBe(200);
  // Timers may fire a little early by the other clock.
  expect(performance.now() - startedAt).toBeGreaterThan(50);
  expect(emulator.requests.list()).toMatchObject([{ fault: "delay", isExecuted: true }]);
});

test("closing the emulator ends delays in progress", async () => {
  const short = await startEmulator();
  short.faults.add({ delayMs: 3_600_000 });
  const held = createRestClient(short).call("GET", "/keys");
  const failed = expect(held).rejects.toThrow();
  while (short.requests.count() === 0) await new Promise((resolve) => setImmediate(resolve));
  await short[Symbol.asyncDispose]();
  await failed;
});
