import { Metadata } from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import { createEnterDoor } from "../../../src/doors/enter-door.ts";
import type { MutableCallContext } from "../../../src/grpc/call/call-context.ts";
import { callContext } from "../../support/call-context.ts";

const own = "11111111-2222-4333-8444-555555555555";
const uid = "99999999-2222-4333-8444-555555555555";

async function entered(request: unknown, metadata: Readonly<Record<string, string>> = {}) {
  const entries = new Metadata();
  for (const [name, value] of Object.entries(metadata)) entries.set(name, value);
  const context: MutableCallContext = {
    ...callContext("WrapKey", { metadata: entries, correlationId: own, instance: "" }),
  };
  const enter = createEnterDoor({
    caller: "kubernetes",
    instance: "eu",
    uidOf: (message) => (typeof message === "string" ? message : undefined),
  });
  await enter(() => Promise.resolve(), context.rpc)(request, context);
  return context;
}

describe("a call through a door", () => {
  test("has the configured caller and instance, whatever its metadata says", async () => {
    const metadata = { "x-kp-instance": "us", authorization: "Bearer abc" };
    expect(await entered(uid, metadata)).toMatchObject({
      caller: "kubernetes",
      instance: "eu",
      callerToken: undefined,
      keyRing: undefined,
    });
  });

  test("has the caller's own ID as correlation ID if that is a UUID", async () => {
    expect(await entered(uid)).toMatchObject({ uid, correlationId: uid });
  });

  test("keeps its correlation ID if the caller's own ID is another text", async () => {
    expect(await entered("request-7")).toMatchObject({ uid: "request-7", correlationId: own });
  });

  test.each(["", "a\nb", 'a"b', "a b", "ä", "x".repeat(129)])(
    "does not log the caller's ID %j",
    async (text) => {
      expect(await entered(text)).not.toMatchObject({ uid: expect.anything() });
    },
  );
});
