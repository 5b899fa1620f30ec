import { generateKeyPairSync } from "node:crypto";
import { expect, test } from "vitest";
import { createTransportKeyStock } from "../../../../src/emulator/lockers/transport-key.ts";
import type { TransportKeyPair } from "../../../../src/emulator/lockers/transport-key.ts";
import { startEmulator } from "../../../support/start-emulator.ts";
import { createRestClient } from "../rest-client.ts";

const newPair = (): TransportKeyPair => generateKeyPairSync("rsa", { modulusLength: 2048 });
const never = new Promise<TransportKeyPair>(() => {});

test("a locker is created from a pair that was made before the request", async () => {
  const made = [newPair(), newPair(), newPair(), newPair()];
  // After these pairs, making another one never ends.
  const stock = createTransportKeyStock(() => {
    const pair = made.shift();
    return pair === undefined ? never : Promise.resolve(pair);
  });
  await using emulator = await startEmulator({ transportKeys: stock });
  const client = createRestClient(emulator);
  expect((await client.call("POST", "/lockers", {})).status).toBe(200);
  expect((await client.call("POST", "/import_token", {})).status).toBe(200);
});

test("the pairs of a stock are made one after the other, and none is given out twice", async () => {
  const shared = newPair();
  let making = 0;
  let mostAtOnce = 0;
  const stock = createTransportKeyStock(async () => {
    making += 1;
    mostAtOnce = Math.max(mostAtOnce, making);
    await Promise.resolve();
    making -= 1;
    return { ...shared };
  });
  const pairs = await Promise.all(Array.from({ length: 6 }, () => stock()));
  expect([mostAtOnce, new Set(pairs).size]).toEqual([1, 6]);
});

test("a pair that cannot be made does not keep later ones from being made", async () => {
  let attempts = 0;
  const stock = createTransportKeyStock(() => {
    attempts += 1;
    return attempts === 1 ? Promise.reject(new Error("no entropy")) : Promise.resolve(newPair());
  });
  await expect(stock()).rejects.toThrow("no entropy");
  expect(await stock()).toHaveProperty("privateKey");
});
