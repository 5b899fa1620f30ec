/**
 * IBM's own authenticators (`ibm-cloud-sdk-core`) against the emulator, and the gateway with the
 * same environment: both send the same requests, field by field.
 */
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Emulator } from "../../src/emulator/emulator.ts";
import { defaultCrToken, defaultIamClient } from "../../src/emulator/options.ts";
import { startEmulator } from "../support/start-emulator.ts";
import { startTestGateway } from "../support/start-gateway.ts";
import { buildClient, testedAuthenticators } from "./languages.ts";
import type { BuiltClient } from "./toolchains.ts";
import { startTokenRecorder, type RecordedRequest } from "./token-recorder.ts";

const execute = promisify(execFile);

let folder: string;
let tokenFile: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sdk-credentials-"));
  tokenFile = join(folder, "sa-token");
  await writeFile(tokenFile, defaultCrToken);
});
afterAll(() => rm(folder, { recursive: true }));

type Texts = Readonly<Record<string, string>>;

function profileAt({ trustedProfiles }: Emulator, at: number) {
  const profile = trustedProfiles.list[at];
  if (profile === undefined) throw new Error("the emulator has too few profiles");
  return profile;
}

const client = { CLIENT_ID: defaultIamClient.id, CLIENT_SECRET: defaultIamClient.secret };
const basic = Buffer.from(`${defaultIamClient.id}:${defaultIamClient.secret}`).toString("base64");
const scope = "ibm openid";

/** A request to IAM with the given fields. */
const iam = (grant: string, body: Texts, headers: Texts = {}): RecordedRequest => ({
  method: "POST",
  path: "/identity/token",
  headers: {
    "content-type": "application/x-www-form-urlencoded",
    accept: "application/json",
    ...headers,
  },
  body: { grant_type: `urn:ibm:params:oauth:grant-type:${grant}`, ...body },
});

const apiKeyOf = (emulator: Emulator): Texts => ({
  apikey: emulator.apiKey,
  response_type: "cloud_iam",
});

const metadata = (method: string, path: string, body: unknown, headers: Texts = {}) => ({
  method,
  path,
  headers: {
    "content-type": "application/json",
    accept: "application/json",
    "metadata-flavor": "ibm",
    ...headers,
  },
  body,
});

const first = "/instance_identity/v1/token?version=2022-03-01";
const firstIam = "/instance_identity/v1/iam_token?version=2022-03-01";
const second = "/identity/v1/token?version=2025-08-26";
const secondIam = "/identity/v1/iam_tokens?version=2025-08-26";
const bearer = { authorization: "Bearer <token>" };

interface Way {
  readonly type: string;
  /** Properties of IBM's SDKs, without `AUTH_URL`. */
  readonly properties: (emulator: Emulator) => Texts;
  readonly requests: (emulator: Emulator) => readonly RecordedRequest[];
}

const ways: Readonly<Record<string, Way>> = {
  "an API key with scope and client": {
    type: "iam",
    properties: ({ apiKey }) => ({ APIKEY: apiKey, SCOPE: scope, ...client }),
    requests: (emulator) => [
      iam("apikey", { ...apiKeyOf(emulator), scope }, { authorization: `Basic ${basic}` }),
    ],
  },
  "a container by name": {
    type: "container",
    properties: (emulator) => ({
      CR_TOKEN_FILENAME: tokenFile,
      IAM_PROFILE_NAME: profileAt(emulator, 0).name,
    }),
    requests: (emulator) => [
      iam("cr-token", { cr_token: defaultCrToken, profile_name: profileAt(emulator, 0).name }),
    ],
  },
  "a container by ID and name with scope and client": {
    type: "container",
    properties: (emulator) => ({
      AUTH_TYPE: "Container",
      CR_TOKEN_FILENAME: tokenFile,
      IAM_PROFILE_ID: profileAt(emulator, 0).id,
      IAM_PROFILE_NAME: profileAt(emulator, 0).name,
      SCOPE: scope,
      ...client,
    }),
    requests: (emulator) => [
      iam(
        "cr-token",
        {
          cr_token: defaultCrToken,
          profile_id: profileAt(emulator, 0).id,
          profile_name: profileAt(emulator, 0).name,
          scope,
        },
        { authorization: `Basic ${basic}` },
      ),
    ],
  },
  "a server with its default profile": {
    type: "vpc",
    properties: () => ({ AUTH_TYPE: "vpc" }),
    requests: () => [
      metadata("PUT", first, { expires_in: 300 }),
      metadata("POST", firstIam, undefined, bearer),
    ],
  },
  "a server by the profile's CRN": {
    type: "vpc",
    properties: (emulator) => ({ AUTH_TYPE: "vpc", IAM_PROFILE_CRN: profileAt(emulator, 0).crn }),
    requests: (emulator) => [
      metadata("PUT", first, { expires_in: 300 }),
      metadata("POST", firstIam, { trusted_profile: { crn: profileAt(emulator, 0).crn } }, bearer),
    ],
  },
  "a server by the profile's name in the second version": {
    type: "vpc",
    properties: (emulator) => ({
      AUTH_TYPE: "vpc",
      VPC_IMS_VERSION: "2025-08-26",
      IAM_PROFILE_NAME: profileAt(emulator, 0).name,
    }),
    requests: (emulator) => [
      metadata("PUT", second, { expires_in: 300 }),
      metadata(
        "POST",
        secondIam,
        { trusted_profile: { name: profileAt(emulator, 0).name } },
        bearer,
      ),
    ],
  },
  "an assumed profile by CRN, with scope and client of the API key": {
    type: "iamAssume",
    properties: (emulator) => ({
      AUTH_TYPE: "iamAssume",
      APIKEY: emulator.apiKey,
      IAM_PROFILE_CRN: profileAt(emulator, 1).crn,
      SCOPE: scope,
      ...client,
    }),
    requests: (emulator) => [
      iam("apikey", { ...apiKeyOf(emulator), scope }, { authorization: `Basic ${basic}` }),
      iam("assume", { access_token: "<token>", profile_crn: profileAt(emulator, 1).crn }),
    ],
  },
  "an assumed profile by ID": {
    type: "iamAssume",
    properties: (emulator) => ({
      AUTH_TYPE: "iamAssume",
      APIKEY: emulator.apiKey,
      IAM_PROFILE_ID: profileAt(emulator, 1).id,
    }),
    requests: (emulator) => [
      iam("apikey", apiKeyOf(emulator)),
      iam("assume", { access_token: "<token>", profile_id: profileAt(emulator, 1).id }),
    ],
  },
  "an assumed profile by name and account": {
    type: "iamAssume",
    properties: (emulator) => ({
      AUTH_TYPE: "iamAssume",
      APIKEY: emulator.apiKey,
      IAM_PROFILE_NAME: profileAt(emulator, 1).name,
      IAM_ACCOUNT_ID: profileAt(emulator, 1).accountId,
    }),
    requests: (emulator) => [
      iam("apikey", apiKeyOf(emulator)),
      iam("assume", {
        access_token: "<token>",
        profile_name: profileAt(emulator, 1).name,
        account: profileAt(emulator, 1).accountId,
      }),
    ],
  },
};

const prefixed = (properties: Texts): Texts =>
  Object.fromEntries(
    Object.entries(properties).map(([name, value]) => [`IBM_KEY_PROTECT_API_${name}`, value]),
  );

/** The gateway's own names are removed: it has IBM's alone. */
const withoutOwnNames = { KP_SERVICE_URL: "", IBMCLOUD_API_KEY: "", IAM_AUTH_URL: "" };

test.each(Object.entries(ways))(
  "the gateway with IBM's names for %s sends the requests of IBM's SDKs",
  async (_, { type, properties, requests }) => {
    await using target = await startEmulator();
    await using recorder = await startTokenRecorder(target.url);
    const all = { ...properties(target), URL: target.url, AUTH_URL: recorder.url };
    await using gateway = await startTestGateway({
      env: { ...withoutOwnNames, ...prefixed(all) },
      files: { [tokenFile]: defaultCrToken },
    });
    await gateway.call(gateway.clients.keys, "countKeys", {});
    expect(recorder.take()).toEqual(requests(target));
    expect(await gateway.metrics()).toContain(
      `keyprotect_gateway_iam_refresh_total{auth_type="${type}",result="ok"} 1`,
    );
  },
);

/** The result of one run of the SDK. */
interface SdkResult {
  readonly type: string;
  readonly token?: string;
  readonly failure?: { readonly status: number; readonly body: unknown };
}

// Without Python there is nothing to run; the global setup says so.
describe.each(testedAuthenticators)("the authenticators of %s", (sdk) => {
  let built: BuiltClient;
  beforeAll(async () => {
    built = await buildClient(sdk);
  }, 600_000);
  afterAll(() => built[Symbol.asyncDispose]());

  async function authenticate(properties: Texts): Promise<SdkResult> {
    const [program, ...args] = built.command;
    const env = { ...prefixed(properties), PATH: process.env["PATH"], HOME: folder };
    const { stdout } = await execute(program, args, { env, cwd: folder });
    return JSON.parse(stdout);
  }

  test.each(Object.entries(ways))(
    "the authenticator of IBM's SDK for %s sends the gateway's requests, and its token is accepted",
    async (_, { type, properties, requests }) => {
      await using emulator = await startEmulator();
      await using recorder = await startTokenRecorder(emulator.url);
      const result = await authenticate({ ...properties(emulator), AUTH_URL: recorder.url });
      expect(result).toEqual({ type, token: expect.any(String) });
      expect(recorder.take()).toEqual(requests(emulator));
      const answer = await fetch(`${emulator.url}/api/v2/keys`, {
        headers: {
          authorization: `Bearer ${result.token}`,
          "bluemix-instance": emulator.instanceId,
        },
      });
      expect(answer.status).toBe(200);
    },
    60_000,
  );

  test.each<[string, Texts, number, object]>([
    [
      "an unknown profile of a container",
      { AUTH_TYPE: "container", IAM_PROFILE_ID: "Profile-none" },
      400,
      { errorCode: "BXNIM0398E" },
    ],
    [
      "an unknown profile of a server",
      { AUTH_TYPE: "vpc", IAM_PROFILE_ID: "Profile-none" },
      403,
      { errors: [expect.objectContaining({ code: "not_authorized" })] },
    ],
    [
      "an unknown profile to assume",
      { AUTH_TYPE: "iamAssume", IAM_PROFILE_ID: "Profile-none" },
      400,
      { errorCode: "BXNIM0398E" },
    ],
  ])(
    "the SDK understands the emulator's refusal of %s",
    async (_, properties, status, body) => {
      await using emulator = await startEmulator();
      const result = await authenticate({
        APIKEY: emulator.apiKey,
        CR_TOKEN_FILENAME: tokenFile,
        AUTH_URL: emulator.url,
        ...properties,
      });
      expect(result.failure).toMatchObject({ status, body });
    },
    60_000,
  );
});
