/** The requests of each kind of credential, and the answers of the metadata service. */
import { expect, test } from "vitest";
import {
  createApiKeyExchange,
  createAssumeExchange,
  createContainerExchange,
} from "../../../../src/iam/credentials/iam-grants.ts";
import { createVpcExchange } from "../../../../src/iam/credentials/vpc.ts";
import { TokenExchangeError } from "../../../../src/iam/exchange-error.ts";
import type { IamPost, TokenRequest, TokenResponse } from "../../../../src/iam/token-http.ts";
import { systemClock } from "../../../../src/platform/clock.ts";
import { Secret } from "../../../../src/platform/secret.ts";

const { signal } = new AbortController();
const clock = systemClock;
const secret = (text: string) => () => Promise.resolve(new Secret(text));

const answer = (status: number, body: unknown, headers = {}): TokenResponse => ({
  status,
  headers,
  body: Buffer.from(JSON.stringify(body)),
});
const granted = (token: string) => answer(200, { access_token: token, expires_in: 3_600 });

/** A `post` that grants `granted-1`, `granted-2` and so on. */
function recordingPost() {
  const sent: { readonly form: object; readonly authorization: string | undefined }[] = [];
  const post: IamPost = (form, _signal, authorization) => {
    sent.push({
      form: Object.fromEntries(new URLSearchParams(form)),
      authorization: authorization?.reveal(),
    });
    return Promise.resolve(granted(`granted-${sent.length}`));
  };
  return { post, sent };
}

const profile = { id: "Profile-1", name: "a profile & more", crn: "crn:v1:p", accountId: "abc" };
const grantType = (name: string): string => `urn:ibm:params:oauth:grant-type:${name}`;

const basic = (text: string): string => `Basic ${Buffer.from(text).toString("base64")}`;

test("the exchange of an API key names scope and client if they are set", async () => {
  const { post, sent } = recordingPost();
  const client = { id: "client", secret: secret("of client") };
  await createApiKeyExchange({ post, clock, apiKey: secret("key"), scope: "a b", client })(signal);
  expect(sent).toEqual([
    {
      form: {
        grant_type: grantType("apikey"),
        apikey: "key",
        response_type: "cloud_iam",
        scope: "a b",
      },
      authorization: `Basic ${Buffer.from("client:of client").toString("base64")}`,
    },
  ]);
});

test("each exchange of a container reads its token and its client's secret again", async () => {
  const { post, sent } = recordingPost();
  let reads = 0;
  const exchange = createContainerExchange({
    post,
    clock,
    crToken: async () => new Secret(`token-${(reads += 1)}`),
    profile: { id: profile.id, name: profile.name },
    client: { id: "c", secret: async () => new Secret(`s${reads}`) },
  });
  await exchange(signal);
  await exchange(signal);
  const form = {
    grant_type: grantType("cr-token"),
    profile_id: "Profile-1",
    profile_name: "a profile & more",
  };
  expect(sent).toEqual([
    { form: { ...form, cr_token: "token-1" }, authorization: basic("c:s1") },
    { form: { ...form, cr_token: "token-2" }, authorization: basic("c:s2") },
  ]);
});

test.each([
  [{ crn: profile.crn }, { profile_crn: profile.crn }],
  [{ id: profile.id }, { profile_id: profile.id }],
  [
    { name: profile.name, accountId: profile.accountId },
    { profile_name: profile.name, account: profile.accountId },
  ],
])("a profile %j is assumed with a fresh token of the base", async (names, fields) => {
  const { post, sent } = recordingPost();
  const exchange = createAssumeExchange({
    post,
    clock,
    base: createApiKeyExchange({
      post,
      clock,
      apiKey: secret("key"),
      scope: "a b",
      client: { id: "c", secret: secret("s") },
    }),
    profile: names,
  });
  const grant = await exchange(signal);
  expect(grant.accessToken.reveal()).toBe("granted-2");
  expect(sent).toHaveLength(2);
  expect(sent[1]).toEqual({
    form: { grant_type: grantType("assume"), access_token: "granted-1", ...fields },
    authorization: undefined,
  });
});

test("a base that fails fails the assumption with the same error, and nothing more is sent", async () => {
  const { post, sent } = recordingPost();
  const cause = new TokenExchangeError("API_KEY_UNREADABLE", "no");
  const base = () => Promise.reject(cause);
  const exchange = createAssumeExchange({ post, clock, base, profile: { id: "x" } });
  await expect(exchange(signal)).rejects.toBe(cause);
  expect(sent).toEqual([]);
});

/** Runs the exchange with the metadata service against the given answers. */
async function askMetadata(
  answers: readonly TokenResponse[],
  version: "2022-03-01" | "2025-08-26" = "2022-03-01",
  names = {},
) {
  const sent: TokenRequest[] = [];
  const send = (request: TokenRequest): Promise<TokenResponse> => {
    sent.push(request);
    const next = answers[sent.length - 1];
    return next === undefined ? Promise.reject(new Error("unexpected")) : Promise.resolve(next);
  };
  const exchange = createVpcExchange({ send, version, profile: names, clock });
  const outcome = await exchange(signal).then(
    ({ accessToken }) => accessToken.reveal(),
    (error: unknown) => error,
  );
  return { sent, outcome };
}

test.each([
  ["2022-03-01", "/instance_identity/v1/token", "/instance_identity/v1/iam_token"],
  ["2025-08-26", "/identity/v1/token", "/identity/v1/iam_tokens"],
] as const)(
  "version %s of the metadata service has its own paths",
  async (version, first, second) => {
    const { sent, outcome } = await askMetadata(
      [granted("identity"), answer(201, { access_token: "iam", expires_in: 60 })],
      version,
      { id: "Profile-1" },
    );
    expect(outcome).toBe("iam");
    const headers = {
      "content-type": "application/json",
      accept: "application/json",
      "metadata-flavor": "ibm",
    };
    expect(sent).toEqual([
      { method: "PUT", path: `${first}?version=${version}`, headers, body: '{"expires_in":300}' },
      {
        method: "POST",
        path: `${second}?version=${version}`,
        headers: { ...headers, authorization: "Bearer identity" },
        body: '{"trusted_profile":{"id":"Profile-1"}}',
      },
    ]);
  },
);

test("without a profile the metadata service gets an empty body, and chooses its default", async () => {
  const { sent } = await askMetadata([granted("identity"), granted("iam")]);
  expect(sent[1]?.body).toBe("");
});

const refusal = (code: string): object => ({ errors: [{ code, message: "canary" }], trace: "x" });

test.each([
  [400, refusal("invalid_value"), "REJECTED", "invalid_value"],
  [403, refusal("not_authorized"), "REJECTED", "not_authorized"],
  [404, refusal("not_found"), "REJECTED", "not_found"],
  [403, {}, "BAD_RESPONSE", undefined],
  [403, refusal("CANARY canary"), "BAD_RESPONSE", undefined],
  [403, { errorCode: "BXNIM0415E" }, "BAD_RESPONSE", undefined],
  [302, refusal("not_found"), "BAD_RESPONSE", "not_found"],
  [200, { access_token: "two words", expires_in: 60 }, "BAD_RESPONSE", undefined],
  [429, refusal("too_many"), "THROTTLED", "too_many"],
  [500, refusal("internal_error"), "FAILED", "internal_error"],
])(
  "status %d of the metadata service with %j is the error %s",
  async (status, body, code, iamCode) => {
    for (const answers of [[answer(status, body)], [granted("identity"), answer(status, body)]]) {
      const { outcome, sent } = await askMetadata(answers);
      expect(outcome).toMatchObject({ name: "TokenExchangeError", code });
      expect(sent).toHaveLength(answers.length);
      if (status !== 200) expect(outcome).toMatchObject({ httpStatus: status, iamCode });
      expect(JSON.stringify(outcome) + String(outcome)).not.toMatch(/canary|two words/);
    }
  },
);
