import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { RequestParts } from "../../../src/idempotency-store/store.ts";
import { createMutex, identifyShared } from "../../../src/idempotency-store/fingerprint.ts";

const runExclusive = createMutex();
const material = Buffer.from("a weak password");
const id = "5c1b2a3d-7e8f-4a1b-9c2d-3e4f5a6b7c8d";
const parts: RequestParts = {
  scope: ["default", "CreateKey", "anonymous", "", id],
  fields: ["orders", "2"],
  material,
};
const identify = (overrides: Partial<RequestParts> = {}) =>
  identifyShared({ ...parts, ...overrides }, runExclusive);

test("every process computes the same identity, without a shared secret", async () => {
  expect(await identifyShared(parts, createMutex())).toEqual(await identify());
  expect(await identify({ material: undefined })).toEqual(await identify({ material: undefined }));
});

describe("an identity", () => {
  test.each<[string, Partial<RequestParts>, readonly ("name" | "fingerprint")[]]>([
    [
      "another request ID",
      { scope: ["default", "CreateKey", "anonymous", "", "other"] },
      ["name", "fingerprint"],
    ],
    [
      "another caller",
      { scope: ["default", "CreateKey", "unix", "", id] },
      ["name", "fingerprint"],
    ],
    ["other fields", { fields: ["orders", "1"] }, ["fingerprint"]],
    ["other material", { material: Buffer.from("another password") }, ["fingerprint"]],
    ["no material", { material: undefined }, ["fingerprint"]],
  ])("an identity differs by %s", async (_, overrides, differing) => {
    const [one, other] = await Promise.all([identify(), identify(overrides)]);
    for (const part of ["name", "fingerprint"] as const) {
      if (differing.includes(part)) expect(other[part]).not.toBe(one[part]);
      else expect(other[part]).toBe(one[part]);
    }
  });

  test("an identity is no digest of anything that can be guessed without the request ID", async () => {
    const { name, fingerprint } = await identify();
    const forms = [material, Buffer.from(parts.fields.join("")), Buffer.from(id)].flatMap(
      (text) => [text.toString("base64url"), createHash("sha256").update(text).digest("base64url")],
    );
    expect(forms).not.toContain(name);
    expect(forms).not.toContain(fingerprint);
    expect(name + fingerprint).not.toContain(id);
  });

  test("computing an identity leaves the material unchanged", async () => {
    const given = Buffer.from(material);
    await identify({ material: given });
    expect(given).toEqual(material);
  });
});

test("a call that ended while it waited is rejected with ENDED and runs no scrypt", async () => {
  let turns = 0;
  const counted = createMutex();
  const take = <T>(work: () => Promise<T>): Promise<T> =>
    counted(() => {
      const done = work();
      turns += 1;
      return done;
    });
  const signals = [{ aborted: false }, { aborted: false }, { aborted: false }];
  const [first, second, third] = signals.map((signal) => identifyShared(parts, take, signal));
  const [, ended] = signals;
  if (ended !== undefined) ended.aborted = true;
  await expect(second).rejects.toMatchObject({ name: "StoreError", code: "ENDED" });
  expect(await first).toEqual(await third);
  expect(turns).toBe(2);
});

test("a mutex runs work one after the other, also after a failure", async () => {
  const take = createMutex();
  let running = 0;
  let most = 0;
  const work = async (): Promise<number> => {
    running += 1;
    most = Math.max(most, running);
    await new Promise((resolve) => setImmediate(resolve));
    running -= 1;
    return most;
  };
  const failing = take(async () => {
    await work();
    throw new Error("out of memory");
  });
  const others = [take(work), take(work), take(work)];
  await expect(failing).rejects.toThrow("out of memory");
  expect(await Promise.all(others)).toEqual([1, 1, 1]);
});
