/** The gateway's own credential in every kind: API key, container, VPC server, assumed profile. */
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Emulator } from "../../src/emulator/emulator.ts";
import { defaultCrToken, defaultIamClient } from "../../src/emulator/options.ts";
import { ReturnPreference } from "../../src/gen/keyprotect/v1/key.ts";
import { eventually } from "../support/eventually.ts";
import { createProjectedVolume } from "../support/projected-volume.ts";
import { createKeyRequest } from "../support/requests.ts";
import { startTestGateway, type TestGateway } from "../support/start-gateway.ts";

let folder: string;
let tokenFile: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "gateway-cr-token-"));
  tokenFile = join(folder, "sa-token");
  await writeFile(tokenFile, defaultCrToken);
});
afterEach(() => rm(folder, { recursive: true }));

type Variables = Readonly<Record<string, string>>;

function profileAt(emulator: Emulator, at: number) {
  const profile = emulator.trustedProfiles.list[at];
  if (profile === undefined) throw new Error("the emulator has too few profiles");
  return profile;
}

const none = { IBMCLOUD_API_KEY: "" };

const containerOf = (emulator: Emulator): Variables => ({
  ...none,
  KP_AUTH_TYPE: "container",
  CR_TOKEN_FILENAME: tokenFile,
  IAM_PROFILE_ID: profileAt(emulator, 0).id,
});

const vpcOf = ({ url }: Emulator): Variables => ({
  ...none,
  KP_AUTH_TYPE: "vpc",
  VPC_IMS_URL: url,
  IAM_AUTH_URL: "",
});

/** Kinds of credentials with their variables, the identity that Key Protect sees, the requests. */
const kinds: readonly (readonly [
  name: string,
  envOf: (emulator: Emulator) => Variables,
  profile: number | undefined,
  exchanges: readonly string[],
])[] = [
  ["iam by API key", () => ({ KP_AUTH_TYPE: "iam" }), undefined, ["getToken"]],
  [
    "container by ID, with scope and client",
    (emulator) => ({
      ...containerOf(emulator),
      IAM_SCOPE: "ibm openid keyprotect",
      IAM_CLIENT_ID: defaultIamClient.id,
      IAM_CLIENT_SECRET: defaultIamClient.secret,
    }),
    0,
    ["getToken"],
  ],
  [
    "container by name",
    (emulator) => ({
      ...containerOf(emulator),
      IAM_PROFILE_ID: "",
      IAM_PROFILE_NAME: profileAt(emulator, 0).name,
    }),
    0,
    ["getToken"],
  ],
  ["vpc with the default profile", vpcOf, 0, ["createIdentityToken", "createIamToken"]],
  [
    "vpc by name in the second version",
    (emulator) => ({
      ...vpcOf(emulator),
      VPC_IMS_VERSION: "2025-08-26",
      IAM_PROFILE_NAME: profileAt(emulator, 0).name,
    }),
    0,
    ["createIdentityToken", "createIamToken"],
  ],
  [
    "iamAssume on top of an API key",
    (emulator) => ({ KP_AUTH_TYPE: "iamAssume", IAM_PROFILE_CRN: profileAt(emulator, 1).crn }),
    1,
    ["getToken", "getToken"],
  ],
  [
    "iamAssume on top of a container",
    (emulator) => ({
      ...none,
      KP_AUTH_TYPE: "iamAssume",
      IAM_PROFILE_NAME: profileAt(emulator, 1).name,
      IAM_ACCOUNT_ID: profileAt(emulator, 1).accountId,
      KP_BASE_AUTH_TYPE: "container",
      KP_BASE_PROFILE_ID: profileAt(emulator, 0).id,
      CR_TOKEN_FILENAME: tokenFile,
    }),
    1,
    ["getToken", "getToken"],
  ],
  [
    "iamAssume on top of a server",
    (emulator) => ({
      ...none,
      KP_AUTH_TYPE: "iamAssume",
      IAM_PROFILE_ID: profileAt(emulator, 1).id,
      KP_BASE_AUTH_TYPE: "vpc",
      VPC_IMS_URL: emulator.url,
    }),
    1,
    ["createIdentityToken", "createIamToken", "getToken"],
  ],
];

const files = (): Variables => ({ [tokenFile]: defaultCrToken });

const creatorOf = async (gateway: TestGateway): Promise<string | undefined> => {
  const { key } = await gateway.call(
    gateway.clients.keys,
    "createKey",
    createKeyRequest({ returnPreference: ReturnPreference.REPRESENTATION }),
  );
  return key?.createdBy;
};

const exchangesOf = ({ emulator }: TestGateway): string[] =>
  emulator.requests
    .list()
    .filter(({ service }) => service !== "keyprotect")
    .map(({ operation }) => operation);

const stateOf = async ({ gateway }: TestGateway): Promise<unknown> => {
  const answer = await fetch(`http://${gateway.admin.host}:${gateway.admin.port}/state`);
  return answer.json();
};

const readinessOf = async ({ gateway }: TestGateway): Promise<readonly [number, string]> => {
  const answer = await fetch(`http://${gateway.admin.host}:${gateway.admin.port}/readyz`);
  return [answer.status, await answer.text()];
};

test.each(kinds)(
  "a call with the credential %s reaches Key Protect as its identity",
  async (name, envOf, profile, exchanges) => {
    await using gateway = await startTestGateway({ envOf, files: files() });
    const { users, trustedProfiles } = gateway.emulator;
    const subject =
      profile === undefined ? users[0]?.subject : trustedProfiles.list[profile]?.subject;
    expect(await creatorOf(gateway)).toBe(subject);
    expect(exchangesOf(gateway)).toEqual(exchanges);
    const [authType = ""] = name.split(" ");
    expect(await stateOf(gateway)).toMatchObject({
      instances: { default: { token: { authType, phase: "fresh" } } },
    });
    expect(await gateway.metrics()).toContain(
      `keyprotect_gateway_iam_refresh_total{auth_type="${authType}",result="ok"} 1`,
    );
  },
);

describe("a credential that is not accepted", () => {
  test("a rejected container token is not retried in a loop, and its replacement is detected", async () => {
    const stale = "a-compute-resource-token-that-has-expired";
    await writeFile(tokenFile, stale);
    await using gateway = await startTestGateway({ envOf: containerOf, files: files() });
    const { emulator, clients } = gateway;
    gateway.secrets.markText(stale);
    emulator.trustedProfiles.linkCrToken(stale, profileAt(emulator, 1).id);
    const failures = await Promise.all(
      Array.from({ length: 50 }, () => gateway.failure(clients.keys, "countKeys", {})),
    );
    for (const failure of failures) {
      expect(failure).toMatchObject({ code: "INTERNAL", reason: "UPSTREAM_CREDENTIALS_REJECTED" });
    }
    expect(exchangesOf(gateway)).toEqual(["getToken"]);
    expect(await readinessOf(gateway)).toEqual([
      503,
      expect.stringContaining("the trusted profile (container) of instance default cannot be used"),
    ]);
    expect(gateway.log()).toContainEqual(
      expect.objectContaining({
        msg: "IAM does not accept the gateway's credential",
        authType: "container",
        code: "REJECTED",
        iamCode: "BXNIM0398E",
      }),
    );
    await writeFile(`${tokenFile}.new`, `${defaultCrToken}\n`);
    await rename(`${tokenFile}.new`, tokenFile);
    await eventually(async () => {
      const { error } = await gateway.outcome(clients.keys, "countKeys", {});
      return error === null;
    });
    expect(exchangesOf(gateway)).toEqual(["getToken", "getToken"]);
  }, 60_000);

  test("a missing container token is named, and calls work from the moment it is there", async () => {
    await rm(tokenFile);
    await using gateway = await startTestGateway({ envOf: containerOf, files: files() });
    const { clients } = gateway;
    const failure = await gateway.failure(clients.keys, "countKeys", {});
    expect(failure).toMatchObject({ code: "UNAVAILABLE", reason: "IAM_UNAVAILABLE" });
    expect(exchangesOf(gateway)).toEqual([]);
    expect(await stateOf(gateway)).toMatchObject({
      instances: { default: { token: { failure: "CR_TOKEN_UNREADABLE" } } },
    });
    expect(await readinessOf(gateway)).toEqual([
      503,
      expect.stringContaining("the compute-resource token of instance default cannot be used"),
    ]);
    await writeFile(tokenFile, defaultCrToken);
    await eventually(async () => {
      const { error } = await gateway.outcome(clients.keys, "countKeys", {});
      return error === null;
    });
    await rm(tokenFile);
    await gateway.call(clients.keys, "countKeys", {});
    expect(exchangesOf(gateway)).toEqual(["getToken"]);
  });

  test.each<[string, object, number, string, string]>([
    [
      "has no such profile",
      { errors: [{ code: "not_authorized" }] },
      403,
      "INTERNAL",
      "UPSTREAM_CREDENTIALS_REJECTED",
    ],
    ["fails", { errors: [{ code: "internal_error" }] }, 500, "UNAVAILABLE", "IAM_UNAVAILABLE"],
    ["is another server", {}, 403, "UNAVAILABLE", "IAM_UNAVAILABLE"],
  ])("a metadata service that %s leads to a typed error", async (_, body, status, code, reason) => {
    await using gateway = await startTestGateway({ envOf: vpcOf });
    gateway.emulator.faults.add({
      match: { operation: "createIamToken" },
      action: { kind: "respond", status, body: JSON.stringify(body) },
    });
    const failure = await gateway.failure(gateway.clients.keys, "countKeys", {});
    expect(failure).toMatchObject({ code, reason });
  });

  test("a profile that may not be assumed leads to UPSTREAM_CREDENTIALS_REJECTED", async () => {
    await using gateway = await startTestGateway({
      envOf: () => ({ KP_AUTH_TYPE: "iamAssume", IAM_PROFILE_ID: "Profile-of-nobody" }),
    });
    const failure = await gateway.failure(gateway.clients.keys, "countKeys", {});
    expect(failure).toMatchObject({ code: "INTERNAL", reason: "UPSTREAM_CREDENTIALS_REJECTED" });
    expect(exchangesOf(gateway)).toEqual(["getToken", "getToken"]);
  });

  test("a wrong client secret leads to UPSTREAM_CREDENTIALS_REJECTED, and never to a log line with it", async () => {
    const wrong = "a-client-secret-that-was-replaced";
    await using gateway = await startTestGateway({
      env: { IAM_CLIENT_ID: defaultIamClient.id, IAM_CLIENT_SECRET: wrong },
    });
    gateway.secrets.markText(wrong);
    const failure = await gateway.failure(gateway.clients.keys, "countKeys", {});
    expect(failure).toMatchObject({ code: "INTERNAL", reason: "UPSTREAM_CREDENTIALS_REJECTED" });
  });
});

describe("the secrets of a credential", () => {
  test.each(kinds)("no answer of IAM that quotes secrets of %s discloses one", async (_, envOf) => {
    await using gateway = await startTestGateway({ envOf, files: files() });
    const { emulator, clients } = gateway;
    // The gateway has seen real tokens, and each answer from now on quotes all of them.
    await creatorOf(gateway);
    const { accessToken } = emulator.tokens.issue(profileAt(emulator, 0));
    const { accessToken: identity } = emulator.tokens.issueIdentity(300);
    const echo = [defaultCrToken, emulator.apiKey, defaultIamClient.secret, accessToken, identity];
    const text = echo.join(" ");
    for (const [status, body] of [
      [400, { errorCode: text, errorMessage: text, errors: [{ code: text, message: text }] }],
      [400, { errorCode: "BXNIM0415E", errors: [{ code: "invalid_value", message: text }] }],
      [200, { access_token: text, expires_in: 60 }],
      [503, text],
    ] as const) {
      for (const service of ["iam", "metadata"] as const) {
        emulator.faults.add({
          match: { service },
          action: { kind: "respond", status, headers: { "x-echo": echo[0] ?? "" }, body },
        });
      }
      emulator.tokens.revokeAll();
      await gateway.outcome(clients.keys, "countKeys", {});
      emulator.faults.clear();
    }
    expect(gateway.log().length).toBeGreaterThan(4);
  });
});

const tokenOf = (version: number): string => `projected-token-number-${version}`;

test("a projected token that the kubelet replaces all the time under load fails no call", async () => {
  await rm(tokenFile);
  const volume = createProjectedVolume(folder);
  volume.write(tokenOf(0));
  await using gateway = await startTestGateway({
    // Each exchange is due one and a half seconds after the one before.
    emulator: { tokenLifetimeSeconds: 3 },
    env: { GATEWAY_COALESCE_READS: "false" },
    envOf: (emulator) => {
      emulator.trustedProfiles.unlinkCrToken(defaultCrToken);
      emulator.trustedProfiles.linkCrToken(tokenOf(0));
      return containerOf(emulator);
    },
    files: { [tokenFile]: tokenOf(0) },
  });
  const { emulator, clients, secrets } = gateway;
  const exchanges = 5;
  const isOver = (): boolean => exchangesOf(gateway).length >= exchanges;
  let version = 0;
  let calls = 0;
  const callAndSwap = async (): Promise<void> => {
    while (!isOver()) {
      version += 1;
      secrets.markText(tokenOf(version));
      emulator.trustedProfiles.linkCrToken(tokenOf(version));
      volume.write(tokenOf(version));
      // A token lives longer than the file that it was in, but not for long.
      emulator.trustedProfiles.unlinkCrToken(tokenOf(version - 20));
      await gateway.call(clients.keys, "countKeys", {});
      calls += 1;
    }
  };
  await Promise.all(Array.from({ length: 4 }, callAndSwap));
  expect(calls).toBeGreaterThan(10 * exchanges);
  const asked = emulator.requests.list({ service: "iam" });
  expect(asked.filter(({ status }) => status !== 200)).toEqual([]);
  expect(gateway.log().filter(({ msg }) => String(msg).startsWith("IAM "))).toEqual([]);
}, 60_000);
