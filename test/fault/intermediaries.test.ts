/**
 * Something between the gateway and Key Protect or IAM answers in their place: a proxy, an ingress,
 * a firewall, an edge. Rows of the fault matrix beyond its numbers.
 */
import { describe, expect, test } from "vitest";
import {
  behindIntermediary,
  bodiesFor,
  judgeCall,
  pageStatuses,
  retryAfters,
  trialNames,
} from "../support/intermediary.ts";
import { startTestGateway } from "../support/start-gateway.ts";
import { createKeyRequest } from "../support/requests.ts";
import { inMs, pushbackOf, startWarmGateway } from "./warm-gateway.ts";

const moments = ["before-processing", "after-processing"] as const;
describe.each(trialNames)("%s", (name) => {
  test.each(bodiesFor(name))(
    "no page of an intermediary is believed, whatever its status, and nothing is executed twice: %s",
    async (body) => {
      await using gateway = await startTestGateway(behindIntermediary);
      for (const status of pageStatuses) {
        for (const when of moments) {
          const page = { status, body, when, retryAfter: undefined };
          // oxlint-disable-next-line no-await-in-loop -- the faults of one call at a time
          await judgeCall(gateway, name, [page, page, page, page]);
        }
      }
    },
    120_000,
  );

  test("no Retry-After of an intermediary is taken as proof or as an order", async () => {
    await using gateway = await startTestGateway(behindIntermediary);
    for (const status of [429, 503] as const) {
      for (const retryAfter of retryAfters) {
        for (const when of moments) {
          const page = { status, body: "html", when, retryAfter } as const;
          // oxlint-disable-next-line no-await-in-loop -- the faults of one call at a time
          await judgeCall(gateway, name, [page]);
        }
      }
    }
  }, 120_000);
});

test("a CreateKey with a request_id makes one key, however often it is repeated after pages", async () => {
  await using gateway = await startTestGateway(behindIntermediary);
  for (const status of pageStatuses) {
    const page = { status, body: "html", when: "after-processing", retryAfter: "0" } as const;
    // oxlint-disable-next-line no-await-in-loop -- the faults of one call at a time
    await judgeCall(gateway, "CreateKey with a request_id", [page], { repeatsAlways: true });
  }
}, 120_000);

test("a deletion that is executed behind a proxy's 401 or 429 succeeds at the second attempt", async () => {
  for (const status of [401, 429]) {
    // oxlint-disable-next-line no-await-in-loop -- each has its own gateway and token
    await using gateway = await startWarmGateway();
    gateway.fault(
      { kind: "respond", status, when: "after-processing", body: "<html>" },
      { times: 1 },
    );
    await gateway.call(
      gateway.clients.keys,
      "deleteKey",
      { keyId: gateway.keyId, returnPreference: 0, allowMissing: false, force: false },
      inMs(10_000),
    );
    expect(gateway.asked().map((request) => request.status)).toEqual([status, 410]);
  }
});

const iamPages = [302, 400, 401, 403, 404, 407, 409, 429, 451, 502, 503].flatMap((status) => [
  { status, body: "<html>proxy</html>", contentType: "text/html" },
  { status, body: "{}", contentType: "application/json" },
  { status, body: "", contentType: "text/plain" },
]);

test("no page in IAM's place rejects the credential, and none silences IAM for more than 10 s", async () => {
  await Promise.all(
    iamPages.map(async (page) => {
      await using gateway = await startTestGateway({ deps: { random: () => 0 } });
      const retryAfter = { "Retry-After": "86400" };
      gateway.emulator.faults.add({
        match: { service: "iam" },
        action: { kind: "respond", headers: retryAfter, ...page },
      });
      const { keys } = gateway.clients;
      const failure = await gateway.failure(keys, "createKey", createKeyRequest(), inMs(10_000));
      expect(failure, JSON.stringify(page)).toMatchObject({
        code: "UNAVAILABLE",
        reason: "IAM_UNAVAILABLE",
      });
      expect(failure.errorInfo?.metadata).toMatchObject({
        attempts: "0",
        mayHaveExecuted: "false",
      });
      expect(pushbackOf(failure)).toBeLessThanOrEqual(10_000);
      gateway.emulator.faults.clear();
      await expect
        .poll(
          async () => {
            const { error } = await gateway.outcome(keys, "countKeys", {}, inMs(5_000));
            return error;
          },
          { timeout: 15_000 },
        )
        .toBeNull();
    }),
  );
}, 120_000);
