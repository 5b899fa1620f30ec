import { Metadata, status } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { selectKeyRing } from "../../../../src/grpc/interceptors/select-key-ring.ts";
import { behind, callContext } from "../../../support/call-context.ts";

/** The rings that the interceptors behind see. */
function selected(
  method: string,
  header: string | undefined,
  request: object = {},
): Promise<readonly (string | undefined)[]> {
  const metadata = new Metadata();
  if (header !== undefined) metadata.set("x-kp-key-ring", header);
  const handler = behind(selectKeyRing, (_request: object, { keyRing, targetKeyRing }) =>
    Promise.resolve([keyRing, targetKeyRing]),
  );
  return handler(request, callContext(method, { metadata }));
}

test("a call without the header is limited to no ring", async () => {
  expect(await selected("GetKey", undefined)).toEqual([undefined, undefined]);
});

test.each(["orders", "default", "Orders of 2026_a-b", "ab", "a".repeat(100)])(
  "a call is limited to the ring %j that it names",
  async (ring) => {
    expect(await selected("WrapKey", ring)).toEqual([ring, undefined]);
  },
);

test.each(["", "a", "-ab", "a/b", "orders,payments", "ring ", "a".repeat(101)])(
  "%j is rejected as the ID of a ring",
  async (ring) => {
    await expect(selected("WrapKey", ring)).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
      reason: "REQUEST_INVALID",
      details: { violations: [{ field: "x-kp-key-ring", reason: "FORMAT_INVALID" }] },
    });
  },
);

test("an RPC that concerns no keys does not read the header", async () => {
  expect(await selected("CreateLocker", "a/b")).toEqual([undefined, undefined]);
});

const handler = () => Promise.resolve();

test("the handler of an RPC that concerns no keys is left as it is", () => {
  expect(selectKeyRing(handler, callContext("CreateLocker").rpc)).toBe(handler);
});

test("a request that puts a key into no ring has its ring from the metadata alone", async () => {
  expect(await selected("WrapKey", "orders", { keyRingId: "payments" })).toEqual([
    "orders",
    undefined,
  ]);
});

test("a new key lies in the ring that its request names", async () => {
  expect(await selected("CreateKey", undefined, { keyRingId: "orders" })).toEqual([
    "orders",
    undefined,
  ]);
  expect(await selected("CreateKey", "orders", { keyRingId: "" })).toEqual(["orders", undefined]);
});

test("a text that is no ID of a ring is left to the handler, and does not reach the log", async () => {
  expect(await selected("CreateKey", undefined, { keyRingId: "a/b" })).toEqual([
    undefined,
    undefined,
  ]);
});

test("a request for a new key that names another ring than the metadata is rejected", async () => {
  await expect(selected("CreateKey", "orders", { keyRingId: "payments" })).rejects.toMatchObject({
    reason: "REQUEST_INVALID",
    details: { violations: [{ field: "x-kp-key-ring", reason: "CONTRADICTORY" }] },
  });
});
