/**
 * Which token goes to Key Protect, how often the gateway asks IAM for one, and the handling of a
 * rejected token.
 */
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { ReturnPreference } from "../../src/gen/keyprotect/v1/key.ts";
import type { Emulator } from "../../src/emulator/emulator.ts";
import { eventually } from "../support/eventually.ts";
import { createKeyId, createKeyRequest, wrapKeyRequest } from "../support/requests.ts";
import { startTestGateway, type TestGateway } from "../support/start-gateway.ts";

const iamRequests = (gateway: TestGateway): number =>
  gateway.emulator.requests.count({ service: "iam" });
const upstreamCount = (gateway: TestGateway): number =>
  gateway.emulator.requests.count({ service: "keyprotect" });

/** Starts a gateway that has its first token. */
async function startWithToken(): Promise<TestGateway> {
  const gateway = await startTestGateway();
  await gateway.call(gateway.clients.keys, "countKeys", {});
  expect(iamRequests(gateway)).toBe(1);
  return gateway;
}

function userAt(emulator: Emulator, at: number): Emulator["users"][number] {
  const user = emulator.users[at];
  if (user === undefined) throw new Error("the emulator has too few users");
  return user;
}

async function startWithFile(
  apiKey: (emulator: Emulator) => string,
): Promise<TestGateway & { readonly replaceKey: (text: string) => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), "gateway-api-key-"));
  const path = join(folder, "api-key");
  let first = "";
  const gateway = await startTestGateway({
    env: { IBMCLOUD_API_KEY: "", IBMCLOUD_API_KEY_FILE: path },
    files: (emulator) => {
      first = apiKey(emulator);
      writeFileSync(path, first);
      return { [path]: first };
    },
  });
  gateway.secrets.markText(first);
  const dispose = gateway[Symbol.asyncDispose].bind(gateway);
  return Object.assign(gateway, {
    // The file is replaced by a rename, as for a mounted secret.
    replaceKey: async (text: string): Promise<void> => {
      gateway.secrets.markText(text);
      await writeFile(`${path}.new`, text);
      await rename(`${path}.new`, path);
    },
    [Symbol.asyncDispose]: async (): Promise<void> => {
      await dispose();
      await rm(folder, { recursive: true });
    },
  });
}

const creatorOf = async (gateway: TestGateway): Promise<string> => {
  const { key } = await gateway.call(
    gateway.clients.keys,
    "createKey",
    createKeyRequest({ returnPreference: ReturnPreference.REPRESENTATION }),
  );
  return key?.createdBy ?? "";
};

describe("with the gateway's own credential", () => {
  test("500 calls at the start share one token exchange", async () => {
    // The test is about tokens, so 500 calls at once must not fail for time on a busy machine.
    await using gateway = await startTestGateway({
      env: { GATEWAY_UPSTREAM_ATTEMPT_TIMEOUT_MS: "60000", GATEWAY_COALESCE_READS: "false" },
    });
    const patient = { deadline: Date.now() + 60_000 };
    // IAM is slow enough that all calls start without a token.
    gateway.emulator.faults.add({ match: { service: "iam" }, delayMs: 300 });
    const answers = await Promise.all(
      Array.from({ length: 500 }, () =>
        gateway.call(gateway.clients.keys, "countKeys", {}, patient),
      ),
    );
    expect(answers.every(({ totalSize }) => totalSize === 0)).toBe(true);
    expect(iamRequests(gateway)).toBe(1);
    expect(upstreamCount(gateway)).toBe(500);
  }, 60_000);

  test("a revoked token causes one exchange for 100 concurrent calls, and no call fails", async () => {
    await using gateway = await startWithToken();
    gateway.emulator.requests.clear();
    gateway.emulator.tokens.revokeAll();
    const keys = await Promise.all(
      Array.from({ length: 100 }, (_, at) => createKeyId(gateway, { name: `key ${at}` })),
    );
    expect(new Set(keys).size).toBe(100);
    expect(iamRequests(gateway)).toBe(1);
    const requests = gateway.emulator.requests.list({ service: "keyprotect" });
    const refused = requests.filter(({ status }) => status === 401);
    expect(refused.length).toBeGreaterThan(0);
    expect(requests).toHaveLength(100 + refused.length);
    expect(await gateway.call(gateway.clients.keys, "countKeys", {})).toEqual({ totalSize: 100 });
  }, 60_000);

  test("a call whose new token is rejected too fails for lack of access after at most two requests", async () => {
    await using gateway = await startWithToken();
    gateway.emulator.requests.clear();
    gateway.emulator.faults.add({
      match: { service: "keyprotect" },
      action: { kind: "respond", status: 401 },
    });
    const calls = 20;
    const failures = await Promise.all(
      Array.from({ length: calls }, () => gateway.failure(gateway.clients.keys, "countKeys", {})),
    );
    for (const failure of failures) {
      expect(failure).toMatchObject({
        code: "PERMISSION_DENIED",
        reason: "UPSTREAM_ACCESS_DENIED",
      });
      expect(failure.errorInfo?.metadata).toMatchObject({
        principal: "gateway",
        httpStatus: "401",
        mayHaveExecuted: "false",
      });
    }
    expect(upstreamCount(gateway)).toBeLessThanOrEqual(2 * calls);
    expect(iamRequests(gateway)).toBe(1);
    // The gateway does not replace the new token again, because it knows that Key Protect rejected
    // it.
    await gateway.failure(gateway.clients.keys, "countKeys", {});
    expect(iamRequests(gateway)).toBe(1);
    gateway.emulator.faults.clear();
    expect(await gateway.call(gateway.clients.keys, "countKeys", {})).toEqual({ totalSize: 0 });
  });

  test.each([
    ["fails", { kind: "respond", status: 503 }],
    ["hangs", { kind: "hang" }],
    ["cuts connections", { kind: "reset", when: "before-processing" }],
  ] as const)("calls continue with the current token while IAM %s", async (_name, action) => {
    await using gateway = await startWithToken();
    gateway.emulator.faults.add({ match: { service: "iam" }, action });
    const keyId = await createKeyId(gateway);
    const plaintext = gateway.secrets.bytes(32);
    await gateway.call(gateway.clients.actions, "wrapKey", wrapKeyRequest(keyId, plaintext));
    expect(iamRequests(gateway)).toBe(1);
  });

  test("a call without a first token from IAM fails with IAM_UNAVAILABLE, and nothing reaches Key Protect", async () => {
    // No server listens at this port.
    await using gateway = await startTestGateway({ env: { IAM_AUTH_URL: "http://127.0.0.1:1" } });
    const failure = await gateway.failure(gateway.clients.keys, "countKeys", {});
    expect(failure).toMatchObject({ code: "UNAVAILABLE", reason: "IAM_UNAVAILABLE" });
    expect(failure.retryInfo).toBeDefined();
    expect(upstreamCount(gateway)).toBe(0);
  });

  describe("from a file", () => {
    test("an API key file that is replaced at run time is used for the next token", async () => {
      await using gateway = await startWithFile(({ apiKey }) => `${apiKey}\n`);
      const { emulator } = gateway;
      expect(await creatorOf(gateway)).toBe(userAt(emulator, 0).subject);
      await gateway.replaceKey(
        JSON.stringify({ name: "second", apikey: userAt(emulator, 1).apiKey }),
      );
      expect(await creatorOf(gateway)).toBe(userAt(emulator, 0).subject);
      emulator.tokens.revokeAll();
      expect(await creatorOf(gateway)).toBe(userAt(emulator, 1).subject);
    });

    test("an API key that IAM rejects is not retried in a loop, and its replacement is detected", async () => {
      await using gateway = await startWithFile(() => "an-api-key-that-was-deleted");
      const { emulator } = gateway;
      const failures = await Promise.all(
        Array.from({ length: 50 }, () => gateway.failure(gateway.clients.keys, "countKeys", {})),
      );
      for (const failure of failures) {
        expect(failure).toMatchObject({
          code: "INTERNAL",
          reason: "UPSTREAM_CREDENTIALS_REJECTED",
        });
      }
      expect(iamRequests(gateway)).toBe(1);
      expect(upstreamCount(gateway)).toBe(0);
      await gateway.replaceKey(userAt(emulator, 1).apiKey);
      await eventually(async () => {
        const { error } = await gateway.outcome(gateway.clients.keys, "countKeys", {});
        return error === null;
      });
      expect(iamRequests(gateway)).toBe(2);
      expect(await creatorOf(gateway)).toBe(userAt(emulator, 1).subject);
    }, 60_000);
  });
});

const startPassingThrough = (): Promise<TestGateway> =>
  startTestGateway({
    env: { GATEWAY_CREDENTIALS: "caller", IBMCLOUD_API_KEY: "", IAM_AUTH_URL: "" },
  });
const fingerprint = (authorization: string): string =>
  `Bearer sha256:${createHash("sha256").update(authorization).digest("hex").slice(0, 12)}`;

describe("with the callers' tokens", () => {
  test("each caller's own token reaches Key Protect, and IAM is never asked", async () => {
    await using gateway = await startPassingThrough();
    const { emulator } = gateway;
    const created = await Promise.all(
      emulator.users.map(async (user) => {
        const { accessToken } = emulator.tokens.issue(user);
        const { key } = await gateway.call(
          gateway.clients.keys,
          "createKey",
          createKeyRequest({ returnPreference: ReturnPreference.REPRESENTATION }),
          { metadata: { authorization: `Bearer ${accessToken}` } },
        );
        return { by: key?.createdBy, sent: fingerprint(`Bearer ${accessToken}`) };
      }),
    );
    expect(created.map(({ by }) => by)).toEqual(emulator.users.map(({ subject }) => subject));
    const sent = emulator.requests.list({ service: "keyprotect" });
    expect(new Set(sent.map(({ headers }) => headers["authorization"]))).toEqual(
      new Set(created.map((one) => one.sent)),
    );
    expect(iamRequests(gateway)).toBe(0);
  });

  test("a caller without a valid token gets UNAUTHENTICATED, and nothing is sent", async () => {
    await using gateway = await startPassingThrough();
    const given: readonly Record<string, string>[] = [
      {},
      { authorization: "" },
      { authorization: "Basic dXNlcjpwYXNz" },
      { authorization: "Bearer" },
      { authorization: "Bearer two tokens" },
    ];
    for (const metadata of given) {
      const failure = await gateway.failure(gateway.clients.keys, "countKeys", {}, { metadata });
      expect(failure).toMatchObject({ code: "UNAUTHENTICATED", reason: "CALLER_TOKEN_REJECTED" });
    }
    expect(upstreamCount(gateway)).toBe(0);
    expect(iamRequests(gateway)).toBe(0);
  });

  test("a caller whose token Key Protect rejects gets UNAUTHENTICATED after one request", async () => {
    await using gateway = await startPassingThrough();
    const { emulator } = gateway;
    const revoked = emulator.tokens.issue(userAt(emulator, 0)).accessToken;
    emulator.tokens.revoke(revoked);
    for (const token of [revoked, "not-a-token-of-IAM"]) {
      const metadata = { authorization: `Bearer ${token}` };
      const { keys } = gateway.clients;
      const before = upstreamCount(gateway);
      const failures = [
        await gateway.failure(keys, "getKey", { keyId: "orders" }, { metadata }),
        // This RPC uses HEAD, whose response has no body that could name the problem.
        await gateway.failure(keys, "countKeys", {}, { metadata }),
      ];
      for (const failure of failures) {
        expect(failure).toMatchObject({ code: "UNAUTHENTICATED", reason: "CALLER_TOKEN_REJECTED" });
        expect(failure.help?.links.length).toBeGreaterThan(0);
      }
      expect(upstreamCount(gateway)).toBe(before + failures.length);
    }
    expect(iamRequests(gateway)).toBe(0);
  });
});
