/** The scan for secrets of the endpoint `sops`. */
import { expect, test } from "vitest";
import { underEachMisbehaviour } from "../support/misbehaviours.ts";
import { kmsKey, startSopsDoor, vaultKey } from "../support/sops-door.ts";

test("no secret leaves the gateway, however Key Protect misbehaves", async () => {
  await using door = await startSopsDoor();
  const { gateway, client, keyId } = door;
  const key = vaultKey(keyId);
  const plaintext = gateway.secrets.bytes(32);
  const encrypted = await gateway.call(client, "encrypt", { key, plaintext });
  await underEachMisbehaviour(gateway, async (settings) => {
    const fresh = gateway.secrets.bytes(32);
    await Promise.all([
      gateway.outcome(client, "encrypt", { key, plaintext: fresh }, settings()),
      gateway.outcome(client, "decrypt", { key, ciphertext: encrypted.ciphertext }, settings()),
    ]);
  });
  // Requests that break the rules, with secrets in every field.
  const stray = gateway.secrets.bytes(24).toString("hex");
  const strayVault = { vaultAddress: `https://${stray}`, enginePath: stray };
  const ciphertext = gateway.secrets.bytes(200);
  await gateway.outcome(client, "decrypt", { key: vaultKey(stray, strayVault), ciphertext });
  await gateway.outcome(client, "decrypt", {
    key: kmsKey(stray, { [stray]: stray, "": stray }, { role: stray, awsProfile: stray }),
    ciphertext,
  });
  await gateway.outcome(client, "encrypt", {
    key: { keyType: { $case: "ageKey", value: { recipient: stray } } },
    plaintext: gateway.secrets.bytes(4_000),
  });
  expect(gateway.secrets.size).toBeGreaterThan(20);
});
