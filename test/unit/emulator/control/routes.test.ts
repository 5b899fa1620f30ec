import { expect, test } from "vitest";
import { startEmulator } from "../../../support/start-emulator.ts";
import type { Emulator } from "../../../../src/emulator/emulator.ts";
import { createRestClient, send } from "../rest-client.ts";
import type { RestAnswer } from "../rest-client.ts";

function control(
  emulator: Emulator,
  method: string,
  path: string,
  body?: object,
): Promise<RestAnswer> {
  const text = body === undefined ? undefined : JSON.stringify(body);
  return send(`${emulator.url}/emulator${path}`, method, {}, text);
}

test("GET /emulator lists every route, and each of them exists", async () => {
  await using emulator = await startEmulator();
  const listed = Object.keys(Object((await control(emulator, "GET", "")).body.at("routes")));
  expect(listed.length).toBeGreaterThan(10);
  for (const route of listed) {
    const [method = "", path = ""] = route.split(" ");
    const answer = await send(`${emulator.url}${path}`, method, {}, undefined);
    expect([route, answer.status]).not.toEqual([route, 404]);
  }
  expect((await control(emulator, "GET", "/nothing")).status).toBe(404);
});

test("advancing the clock over HTTP makes tokens expire", async () => {
  await using emulator = await startEmulator();
  const [user] = emulator.users;
  if (user === undefined) throw new Error("there is a user");
  const authorization = `Bearer ${emulator.tokens.issue(user).accessToken}`;
  const headers = { authorization, "bluemix-instance": emulator.instanceId };
  const list = () => send(`${emulator.url}/api/v2/keys`, "GET", headers, undefined);
  expect((await list()).status).toBe(200);
  const moved = await control(emulator, "POST", "/clock", { advanceSeconds: 3600 });
  expect(moved.body.at("offsetMs")).toBe(3_600_000);
  expect((await list()).status).toBe(401);
  expect((await control(emulator, "POST", "/clock", { advanceMs: -1 })).status).toBe(400);
});

test("faults can be added, listed and removed over HTTP", async () => {
  await using emulator = await startEmulator();
  const client = createRestClient(emulator);
  const fault = {
    match: { operation: "getKeys" },
    times: 1,
    action: { kind: "respond", status: 503 },
  };
  const added = await control(emulator, "POST", "/faults", fault);
  expect(added.body.value).toEqual({ ids: [1] });
  expect((await client.call("GET", "/keys")).status).toBe(503);
  const shown = await control(emulator, "GET", "/faults");
  expect(shown.body.value).toEqual({ faults: [{ id: 1, fault, struck: 1 }] });
  expect((await control(emulator, "DELETE", "/faults?id=2")).status).toBe(400);
  expect((await control(emulator, "DELETE", "/faults?id=1")).body.value).toEqual({ faults: [] });
});

test.each<[string, object]>([
  ["an unknown field", { tmies: 1 }],
  ["an unknown kind", { action: { kind: "explode" } }],
  ["a missing field", { action: { kind: "respond" } }],
  ["a wrong type", { action: { kind: "respond", status: "503" } }],
  ["an unknown match", { match: { verb: "GET" } }],
  ["an unknown place of a reset", { action: { kind: "reset", when: "later" } }],
  ["a drip of nothing", { action: { kind: "drip", chunkBytes: 0, intervalMs: 1 } }],
])("a fault with %s is rejected over HTTP", async (_, fault) => {
  await using emulator = await startEmulator();
  const refused = await control(emulator, "POST", "/faults", fault);
  expect(refused.status).toBe(400);
  expect(refused.body.text("error")).not.toBe("");
  expect(emulator.faults.list()).toEqual([]);
});

test("the request log can be read and cleared over HTTP, and contains no credential", async () => {
  await using emulator = await startEmulator();
  const client = createRestClient(emulator);
  await client.createKey();
  await client.call("GET", "/keys?limit=3");
  const log = await control(emulator, "GET", "/requests?operation=getKeys");
  expect(log.body.at("requests", 0)).toMatchObject({
    method: "GET",
    path: "/api/v2/keys",
    query: "limit=3",
    operation: "getKeys",
    status: 200,
    isExecuted: true,
  });
  expect(log.body.text("requests", 0, "headers", "authorization")).toMatch(
    /^Bearer sha256:[0-9a-f]{12}$/,
  );
  const everything = await control(emulator, "GET", "/requests");
  expect(everything.text).not.toContain("eyJ");
  await control(emulator, "DELETE", "/requests");
  expect(emulator.requests.count()).toBe(0);
});

test("tokens can be revoked, quotas set and resources registered over HTTP", async () => {
  await using emulator = await startEmulator();
  const [user] = emulator.users;
  if (user === undefined) throw new Error("there is a user");
  const { accessToken } = emulator.tokens.issue(user);
  await control(emulator, "POST", "/tokens/revoke");
  expect(emulator.tokens.check(accessToken)).toEqual({ kind: "rejected" });

  const client = createRestClient(emulator);
  const keyId = await client.createKey();
  const resourceCrn = "crn:v1:bluemix:public:databases:us-south:a/1:2::";
  await control(emulator, "POST", "/registrations", { keyId, resourceCrn, preventsDeletion: true });
  const refused = await client.call("DELETE", `/keys/${keyId}?force=true`);
  expect(refused.body.at("resources", 0, "reasons", 0, "code")).toBe("PREV_KEY_DEL_ERR");

  await control(emulator, "PUT", "/quota", { ratePerSecond: 0.001, burst: 1 });
  const statuses = [await client.call("GET", "/keys"), await client.call("GET", "/keys")];
  expect(statuses.map(({ status }) => status)).toEqual([200, 429]);
  await control(emulator, "DELETE", "/quota");
  expect((await client.call("GET", "/keys")).status).toBe(200);
});

test("a reset restores the emulator's first state", async () => {
  await using emulator = await startEmulator();
  const client = createRestClient(emulator);
  await client.createKey();
  emulator.clock.advance(1000);
  emulator.faults.add({ match: { service: "iam" }, action: { kind: "hang" } });
  await control(emulator, "POST", "/reset");
  const state = (await control(emulator, "GET", "/state")).body;
  expect(state.at("clock", "offsetMs")).toBe(0);
  expect([state.at("requests"), state.at("faults")]).toEqual([0, []]);
  expect((await client.call("HEAD", "/keys")).headers["key-total"]).toBe("0");
});
