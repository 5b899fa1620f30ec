/** A change that Key Protect confirmed stays a success, whatever becomes of a read after it. */
import { expect, test } from "vitest";
import type { FaultAction } from "../../src/emulator/control/faults.ts";
import { KeyType, ReturnPreference } from "../../src/gen/keyprotect/v1/key.ts";
import {
  createKeyId,
  createKeyRequest,
  dualAuthPolicy,
  rotateKeyRequest,
  rotationPolicy,
} from "../support/requests.ts";
import { startTestGateway } from "../support/start-gateway.ts";

/** How the read after the change fails. */
const faults: readonly (readonly [string, FaultAction])[] = [
  ["is denied", { kind: "respond", status: 403 }],
  ["finds no key", { kind: "respond", status: 404 }],
  ["meets an internal error", { kind: "respond", status: 500 }],
  ["meets a quota that is used up", { kind: "respond", status: 429 }],
  ["is answered by a proxy's page", { kind: "respond", status: 403, body: "<html></html>" }],
  ["cannot be understood", { kind: "garble" }],
  ["loses its connection", { kind: "reset", when: "before-processing" }],
  ["gets no answer", { kind: "hang" }],
];

/** A read without an answer ends by its time-outs, long before the call has to be answered. */
const impatient = {
  env: {
    GATEWAY_UPSTREAM_CONNECT_TIMEOUT_MS: "1000",
    GATEWAY_UPSTREAM_ATTEMPT_TIMEOUT_MS: "1500",
  },
};

const aboutRead = "the change is done, but reading its result failed";

test.each(faults)(
  "ReplaceKeyPolicies that is executed succeeds although the read after it %s",
  async (_title, action) => {
    await using gateway = await startTestGateway(impatient);
    const { policies } = gateway.clients;
    const keyId = await createKeyId(gateway);
    gateway.emulator.faults.add({ match: { operation: "getPolicy" }, action });
    const replaced = await gateway.call(policies, "replaceKeyPolicies", {
      keyId,
      policies: [rotationPolicy(3)],
    });
    expect(replaced.policies).toMatchObject([
      { kind: { $case: "rotation", value: { intervalMonths: 3, enabled: true } } },
    ]);
    expect(replaced.policies[0]?.createTime).toBeInstanceOf(Date);
    expect(gateway.emulator.requests.count({ operation: "putPolicy" })).toBe(1);
    expect(gateway.log().filter(({ msg }) => msg === aboutRead)).toHaveLength(1);
    gateway.emulator.faults.clear();
    const read = await gateway.call(policies, "getKeyPolicies", { keyId });
    expect(read).toEqual(replaced);
  },
  60_000,
);

test("policies of an answer without body are those of the request if they cannot be read", async () => {
  await using gateway = await startTestGateway(impatient);
  const { emulator, clients } = gateway;
  const keyId = await createKeyId(gateway);
  emulator.faults.add({
    match: { operation: "putPolicy" },
    action: { kind: "rewrite", patch: () => undefined, status: 204 },
  });
  emulator.faults.add({
    match: { operation: "getPolicy" },
    action: { kind: "respond", status: 403 },
  });
  const request = { keyId, policies: [rotationPolicy(3), dualAuthPolicy(true)] };
  const replaced = await gateway.call(clients.policies, "replaceKeyPolicies", request);
  expect(replaced).toEqual({ policies: [rotationPolicy(3, true), dualAuthPolicy(true)] });
  emulator.faults.clear();
  const read = await gateway.call(clients.policies, "getKeyPolicies", { keyId });
  expect(read.policies.map(({ kind }) => kind)).toEqual(replaced.policies.map(({ kind }) => kind));
});

test("RotateKey that is executed succeeds although the read after it fails", async () => {
  await using gateway = await startTestGateway(impatient);
  const { actions } = gateway.clients;
  for (const [title, action] of faults) {
    const keyId = await createKeyId(gateway);
    const fault = gateway.emulator.faults.add({ match: { operation: "getKeyMetadata" }, action });
    const rotated = await gateway.outcome(
      actions,
      "rotateKey",
      rotateKeyRequest(keyId, { returnPreference: ReturnPreference.REPRESENTATION }),
    );
    expect([title, rotated.error, rotated.response?.key?.id]).toEqual([title, null, keyId]);
    gateway.emulator.faults.remove(fault);
  }
}, 60_000);

test("CreateKey that is executed succeeds although its material cannot be read", async () => {
  await using gateway = await startTestGateway(impatient);
  const { keys } = gateway.clients;
  gateway.emulator.faults.add({
    match: { operation: "createKey" },
    action: {
      kind: "rewrite",
      patch: (body) =>
        JSON.parse(JSON.stringify(body, (name, value) => (name === "payload" ? undefined : value))),
    },
  });
  for (const [title, action] of faults) {
    const fault = gateway.emulator.faults.add({ match: { operation: "getKey" }, action });
    const created = await gateway.outcome(
      keys,
      "createKey",
      createKeyRequest({
        type: KeyType.STANDARD,
        returnPreference: ReturnPreference.REPRESENTATION,
      }),
    );
    expect([title, created.error]).toEqual([title, null]);
    expect(created.response?.key?.id).toMatch(/^[0-9a-f-]{36}$/);
    expect(created.response?.keyMaterial).toHaveLength(0);
    gateway.emulator.faults.remove(fault);
  }
}, 60_000);
