/** Tokens of trusted profiles: for compute resources, servers and other identities. */
import { expect, test } from "vitest";
import type { Emulator } from "../../../../src/emulator/emulator.ts";
import { defaultCrToken, defaultIamClient } from "../../../../src/emulator/options.ts";
import { startEmulator } from "../../../support/start-emulator.ts";
import { send, type RestAnswer } from "../rest-client.ts";

type Texts = Readonly<Record<string, string>>;

const grant = (name: string): Texts => ({ grant_type: `urn:ibm:params:oauth:grant-type:${name}` });

function signIn({ url }: Emulator, form: Texts, headers: Texts = {}): Promise<RestAnswer> {
  const type = { "content-type": "application/x-www-form-urlencoded" };
  const body = new URLSearchParams(form).toString();
  return send(`${url}/identity/token`, "POST", { ...type, ...headers }, body);
}

function profileAt({ trustedProfiles }: Emulator, at: number) {
  const profile = trustedProfiles.list[at];
  if (profile === undefined) throw new Error("the emulator has too few profiles");
  return profile;
}

const claimsOf = (token: string): unknown =>
  JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());

const crToken = { ...grant("cr-token"), cr_token: defaultCrToken };

test("a compute-resource token gives a token of the profile, by ID, name, CRN or several", async () => {
  await using emulator = await startEmulator();
  const { id, name, crn, subject } = profileAt(emulator, 0);
  for (const query of [
    { profile_id: id },
    { profile_name: name },
    { profile_crn: crn },
    { profile_id: id, profile_name: name },
  ]) {
    const { status, body } = await signIn(emulator, { ...crToken, ...query, scope: "ibm" });
    expect([status, body.at("scope")]).toEqual([200, "ibm"]);
    expect(claimsOf(body.text("access_token"))).toMatchObject({
      sub: subject,
      sub_type: "Profile",
      ...grant("cr-token"),
    });
  }
});

test.each<[string, Texts, number, string]>([
  ["no compute-resource token", { ...grant("cr-token"), profile_id: "x" }, 400, "BXNIM0109E"],
  ["no profile", crToken, 400, "BXNIM0109E"],
  ["an unknown token", { ...crToken, cr_token: "x", profile_id: "x" }, 400, "BXNIM0407E"],
  ["an unknown profile", { ...crToken, profile_id: "x" }, 400, "BXNIM0398E"],
  ["no token to assume with", { ...grant("assume"), profile_id: "x" }, 400, "BXNIM0109E"],
  ["no profile to assume", { ...grant("assume"), access_token: "x" }, 400, "BXNIM0109E"],
  [
    "a name without an account",
    { ...grant("assume"), access_token: "x", profile_name: "x" },
    400,
    "BXNIM0109E",
  ],
  [
    "a bad token to assume with",
    { ...grant("assume"), access_token: "x", profile_id: "x" },
    400,
    "BXNIM0407E",
  ],
  ["a grant type that is a name of JavaScript", { grant_type: "constructor" }, 400, "BXNIM0106E"],
])("IAM rejects %s of a trusted profile", async (_, form, expected, errorCode) => {
  await using emulator = await startEmulator();
  const { status, body } = await signIn(emulator, form);
  expect([status, body.at("errorCode")]).toEqual([expected, errorCode]);
});

test("a name and an ID of two profiles name none", async () => {
  await using emulator = await startEmulator();
  const [one, other] = [profileAt(emulator, 0), profileAt(emulator, 1)];
  const form = { ...crToken, profile_id: one.id, profile_name: other.name };
  expect((await signIn(emulator, form)).body.at("errorCode")).toBe("BXNIM0398E");
});

test("a compute-resource token can be accepted and refused over the control routes", async () => {
  await using emulator = await startEmulator();
  const { id } = profileAt(emulator, 0);
  const form = { ...grant("cr-token"), cr_token: "another", profile_id: id };
  const put = (accepted: boolean) =>
    send(
      `${emulator.url}/emulator/cr-tokens`,
      "POST",
      {},
      JSON.stringify({ token: "another", accepted }),
    );
  await put(true);
  expect((await signIn(emulator, form)).status).toBe(200);
  await put(false);
  expect((await signIn(emulator, form)).status).toBe(400);
});

test("an identity may assume a profile only if the profile allows it", async () => {
  await using open = await startEmulator();
  const other = profileAt(open, 1);
  await using emulator = await startEmulator({
    trustedProfiles: [{ ...other, assumableBy: [open.users[1]?.subject ?? ""] }],
  });
  const statuses = await Promise.all(
    emulator.users.map(async (user) => {
      const { accessToken } = emulator.tokens.issue(user);
      const form = { ...grant("assume"), access_token: accessToken, profile_crn: other.crn };
      return (await signIn(emulator, form)).status;
    }),
  );
  expect(statuses).toEqual([400, 200]);
});

const basic = (text: string): Texts => ({
  authorization: `Basic ${Buffer.from(text).toString("base64")}`,
});

test("a client that is named has to be known", async () => {
  await using emulator = await startEmulator();
  const form = { ...grant("apikey"), apikey: emulator.apiKey };
  const { id, secret } = defaultIamClient;
  expect((await signIn(emulator, form, basic(`${id}:${secret}`))).status).toBe(200);
  const refused = await signIn(emulator, form, basic(`${id}:wrong`));
  expect([refused.status, refused.body.at("errorCode")]).toEqual([401, "BXNIM0103E"]);
});

const versions = {
  "2022-03-01": ["/instance_identity/v1/token", "/instance_identity/v1/iam_token"],
  "2025-08-26": ["/identity/v1/token", "/identity/v1/iam_tokens"],
} as const;
const flavor = { "metadata-flavor": "ibm", "content-type": "application/json" };

test.each(["2022-03-01", "2025-08-26"] as const)(
  "the metadata service of version %s issues tokens of a linked profile for a while",
  async (version) => {
    await using emulator = await startEmulator();
    const [tokenPath, iamPath] = versions[version];
    const at = (path: string): string => `${emulator.url}${path}?version=${version}`;
    const identity = await send(at(tokenPath), "PUT", flavor, '{"expires_in": 60}');
    expect([identity.status, identity.body.at("expires_in")]).toEqual([200, 60]);
    const authorization = `Bearer ${identity.body.text("access_token")}`;
    const ask = (body: string) => send(at(iamPath), "POST", { ...flavor, authorization }, body);
    const { id, name, crn, subject } = profileAt(emulator, 0);
    for (const query of [undefined, { id }, { crn }]) {
      const body = query === undefined ? "" : JSON.stringify({ trusted_profile: query });
      const answer = await ask(body);
      expect(answer.status).toBe(200);
      expect(claimsOf(answer.body.text("access_token"))).toMatchObject({ sub: subject });
    }
    const byName = await ask(JSON.stringify({ trusted_profile: { name } }));
    expect(byName.status).toBe(version === "2022-03-01" ? 400 : 200);
    const unlinked = await ask(
      JSON.stringify({ trusted_profile: { id: profileAt(emulator, 1).id } }),
    );
    expect([unlinked.status, unlinked.body.at("errors", 0, "code")]).toEqual([
      403,
      "not_authorized",
    ]);
    emulator.clock.advance(61_000);
    expect((await ask("")).status).toBe(401);
    expect(emulator.requests.count({ service: "metadata" })).toBe(7);
    expect(emulator.requests.count({ operation: "createIamToken" })).toBe(6);
  },
);

test.each<[string, string, string, Texts, string, number, string]>([
  ["another method", "POST", "?version=2022-03-01", flavor, "{}", 405, "method_not_allowed"],
  ["no version", "PUT", "", flavor, "{}", 400, "invalid_value"],
  ["a version that is too early", "PUT", "?version=2021-01-01", flavor, "{}", 400, "invalid_value"],
  ["the version of other paths", "PUT", "?version=2025-08-26", flavor, "{}", 404, "not_found"],
  ["no Metadata-Flavor", "PUT", "?version=2022-03-01", {}, "{}", 400, "invalid_value"],
  [
    "a life that is too long",
    "PUT",
    "?version=2022-03-01",
    flavor,
    '{"expires_in": 3601}',
    400,
    "invalid_value",
  ],
  ["a body that is no JSON", "PUT", "?version=2022-03-01", flavor, "x", 400, "invalid_request"],
])("the metadata service refuses %s", async (_, method, query, headers, body, status, code) => {
  await using emulator = await startEmulator();
  const url = `${emulator.url}/instance_identity/v1/token${query}`;
  const answer = await send(url, method, headers, body);
  expect([answer.status, answer.body.at("errors", 0, "code")]).toEqual([status, code]);
});
