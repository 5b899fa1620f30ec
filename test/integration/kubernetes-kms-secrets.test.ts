/** The scan for secrets of the endpoint `kubernetes-kms-v2`. */
import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { startKmsDoor } from "../support/kms-door.ts";
import { underEachMisbehaviour } from "../support/misbehaviours.ts";

test("no secret leaves the gateway, however Key Protect misbehaves", async () => {
  await using door = await startKmsDoor();
  const { gateway, client } = door;
  const encrypted = await gateway.call(client, "encrypt", {
    plaintext: gateway.secrets.bytes(32),
    uid: randomUUID(),
  });
  await underEachMisbehaviour(gateway, async (settings) => {
    const plaintext = gateway.secrets.bytes(32);
    await Promise.all([
      gateway.outcome(client, "status", {}, settings()),
      gateway.outcome(client, "encrypt", { plaintext, uid: randomUUID() }, settings()),
      gateway.outcome(client, "decrypt", encrypted, settings()),
    ]);
    door.passTime(15_000);
  });
  // Requests that break the rules, with secrets in every field.
  const stray = gateway.secrets.bytes(24).toString("hex");
  await gateway.outcome(client, "decrypt", {
    ciphertext: gateway.secrets.bytes(2_000),
    keyId: stray,
    uid: `${stray}\n`,
    annotations: { [`${stray}.example`]: gateway.secrets.bytes(32) },
  });
  expect(gateway.secrets.size).toBeGreaterThan(20);
});
