import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { startEmulator } from "../../../support/start-emulator.ts";
import { createRestClient, rejectionIn, send } from "../rest-client.ts";
import type { RestAnswer } from "../rest-client.ts";

const grantType = "urn:ibm:params:oauth:grant-type:apikey";

function signIn(
  url: string,
  form: Readonly<Record<string, string>>,
  path = "/identity/token",
): Promise<RestAnswer> {
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  return send(`${url}${path}`, "POST", headers, new URLSearchParams(form).toString());
}

test.each(["/identity/token", "/oidc/token"])(
  "the path %s exchanges an API key for a token that can be decoded",
  async (path) => {
    await using emulator = await startEmulator();
    const before = Math.floor(emulator.clock.now() / 1000);
    const { status, body } = await signIn(
      emulator.url,
      { grant_type: grantType, apikey: emulator.apiKey },
      path,
    );
    expect(status).toBe(200);
    expect(body.value).toMatchObject({
      token_type: "Bearer",
      expires_in: 3600,
      refresh_token: "not_supported",
    });
    const [, claims = ""] = body.text("access_token").split(".");
    const decoded: unknown = JSON.parse(Buffer.from(claims, "base64url").toString("utf8"));
    expect(decoded).toMatchObject({
      sub: emulator.users[0]?.subject,
      iam_id: emulator.users[0]?.subject,
      account: { valid: true },
      exp: body.at("expiration"),
    });
    expect(Number(body.at("expiration"))).toBeGreaterThanOrEqual(before + 3600);
  },
);

test.each<[string, Record<string, string>, string]>([
  ["an unknown API key", { grant_type: grantType, apikey: "nope" }, "BXNIM0415E"],
  ["no API key", { grant_type: grantType }, "BXNIM0109E"],
  ["no grant type", { apikey: "nope" }, "BXNIM0109E"],
  ["another grant type", { grant_type: "password" }, "BXNIM0106E"],
  ["another response type", { grant_type: grantType, response_type: "uaa" }, "BXNIM0106E"],
  ["a refresh token", { grant_type: "refresh_token", refresh_token: "x" }, "BXNIM0407E"],
])("IAM rejects %s", async (_, form, errorCode) => {
  await using emulator = await startEmulator();
  const { status, body } = await signIn(emulator.url, form);
  expect([status, body.at("errorCode")]).toEqual([400, errorCode]);
  expect(body.text("context", "requestId")).not.toBe("");
});

test("IAM rejects methods other than POST", async () => {
  await using emulator = await startEmulator();
  const { status, body } = await send(`${emulator.url}/identity/token`, "GET", {}, undefined);
  expect([status, body.at("errorCode")]).toEqual([405, "BXNIM0060E"]);
});

test("requests without valid credentials or instance are rejected", async () => {
  await using emulator = await startEmulator();
  const [user] = emulator.users;
  if (user === undefined) throw new Error("there is a user");
  const good = `Bearer ${emulator.tokens.issue(user).accessToken}`;
  const instance = emulator.instanceId;
  const get = async (headers: Readonly<Record<string, string>>) =>
    rejectionIn(await send(`${emulator.url}/api/v2/keys`, "GET", headers, undefined));
  expect(await get({ "bluemix-instance": instance })).toEqual([401, undefined]);
  const garbled = { authorization: "Bearer Bearer", "bluemix-instance": instance };
  expect(await get(garbled)).toEqual([400, "BEARER_SUB_EXTRACTION_ERR"]);
  const unprefixed = { authorization: good.slice(7), "bluemix-instance": instance };
  expect(await get(unprefixed)).toEqual([400, "BEARER_SUB_EXTRACTION_ERR"]);
  const forged = { authorization: `${good.slice(0, -6)}AAAAAA`, "bluemix-instance": instance };
  expect(await get(forged)).toEqual([401, undefined]);
  expect(await get({ authorization: good })).toEqual([400, undefined]);
  expect(await get({ authorization: good, "bluemix-instance": "x" })).toEqual([400, undefined]);
  expect(await get({ authorization: good, "bluemix-instance": randomUUID() })).toEqual([
    401,
    undefined,
  ]);
  expect(await get({ authorization: good, "bluemix-instance": instance })).toEqual([
    200,
    undefined,
  ]);
});

test("a token of another emulator is rejected", async () => {
  await using emulator = await startEmulator();
  await using other = await startEmulator();
  const [user] = other.users;
  if (user === undefined) throw new Error("there is a user");
  const authorization = `Bearer ${other.tokens.issue(user).accessToken}`;
  const headers = { authorization, "bluemix-instance": emulator.instanceId };
  const answer = await send(`${emulator.url}/api/v2/keys`, "GET", headers, undefined);
  expect(answer.status).toBe(401);
});

test("a key of one instance is invisible in another instance", async () => {
  const instanceIds = [randomUUID(), randomUUID()];
  await using emulator = await startEmulator({ instanceIds });
  const [first, second] = instanceIds.map((instanceId) =>
    createRestClient(emulator, { instanceId }),
  );
  if (first === undefined || second === undefined) throw new Error("there are two instances");
  const id = await first.createKey({ aliases: ["shared-name"] });
  expect((await second.call("GET", `/keys/${id}`)).status).toBe(404);
  await second.createKey({ aliases: ["shared-name"] });
  expect((await second.call("HEAD", "/keys")).headers["key-total"]).toBe("1");
});

test("a user can call only the operations that the user's roles allow", async () => {
  await using emulator = await startEmulator({
    users: [
      { apiKey: "w", subject: "IBMid-W", roles: ["Writer"] },
      { apiKey: "r", subject: "IBMid-R", roles: ["Reader"] },
      { apiKey: "m", subject: "IBMid-M", roles: ["Manager"] },
    ],
  });
  const [writer, reader, manager] = [0, 1, 2].map((userIndex) =>
    createRestClient(emulator, { userIndex }),
  );
  if (writer === undefined || reader === undefined || manager === undefined)
    throw new Error("three users");
  const id = await writer.createKey();
  await expect(reader.createKey()).rejects.toThrow("Unauthorized");
  expect((await reader.call("POST", `/keys/${id}/actions/wrap`)).status).toBe(200);
  expect((await reader.call("GET", `/keys/${id}`)).status).toBe(401);
  expect((await reader.call("GET", `/keys/${id}/metadata`)).status).toBe(200);
  expect((await writer.call("DELETE", `/keys/${id}`)).status).toBe(401);
  expect((await writer.call("GET", "/instance/policies")).status).toBe(401);
  expect((await writer.call("GET", "/instance/allowed_ip_port")).status).toBe(401);
  expect((await manager.call("GET", "/instance/policies")).status).toBe(200);
  expect((await manager.call("DELETE", `/keys/${id}`)).status).toBe(204);
  emulator.clock.advance(5 * 3_600_000);
  expect((await manager.call("DELETE", `/keys/${id}/purge`)).status).toBe(401);
});

test("the emulator echoes a correlation ID and generates one if there is none", async () => {
  await using emulator = await startEmulator();
  const client = createRestClient(emulator);
  const correlationId = randomUUID();
  const echoed = await client.call("GET", "/keys", undefined, { "correlation-id": correlationId });
  expect(echoed.headers["correlation-id"]).toBe(correlationId);
  const made = await client.call("GET", "/keys");
  expect(made.headers["correlation-id"]).toMatch(/^[0-9a-f-]{36}$/);
  expect(emulator.requests.count({ correlationId })).toBe(1);
});
