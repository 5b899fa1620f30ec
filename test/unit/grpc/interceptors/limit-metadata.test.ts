import { Metadata, status } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { limitMetadata } from "../../../../src/grpc/interceptors/limit-metadata.ts";
import { StatusError } from "../../../../src/grpc/status/status-error.ts";
import { behind, callContext } from "../../../support/call-context.ts";

const limits = { maxBytes: 1_000, maxEntries: 4 };

/** Whether a call with the given metadata is accepted. Rejects on any other error. */
async function isAccepted(metadata: Metadata): Promise<boolean> {
  const handler = behind<object, boolean>(limitMetadata(limits), () => Promise.resolve(true));
  try {
    return await handler({}, callContext("GetKey", { metadata }));
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    expect(error).toMatchObject({
      code: status.RESOURCE_EXHAUSTED,
      reason: "METADATA_TOO_LARGE",
      details: { metadata: { maxBytes: "1000", maxEntries: "4" } },
    });
    return false;
  }
}

function metadataOf(entries: readonly (readonly [string, string | Buffer])[]): Metadata {
  const metadata = new Metadata();
  for (const [key, value] of entries) metadata.add(key, value);
  return metadata;
}

test("an entry counts as its name, its value and 32 bytes", async () => {
  expect(await isAccepted(metadataOf([["key", "x".repeat(965)]]))).toBe(true);
  expect(await isAccepted(metadataOf([["key", "x".repeat(966)]]))).toBe(false);
});

test("a binary value counts as its base64 text", async () => {
  // 961 bytes are left for the value; base64 turns three bytes into four.
  expect(await isAccepted(metadataOf([["key-bin", Buffer.alloc(720)]]))).toBe(true);
  expect(await isAccepted(metadataOf([["key-bin", Buffer.alloc(721)]]))).toBe(false);
});

test("every value of a repeated key counts as an entry", async () => {
  const entry = ["key", "v"] as const;
  expect(await isAccepted(metadataOf([entry, entry, entry, entry]))).toBe(true);
  expect(await isAccepted(metadataOf([entry, entry, entry, entry, entry]))).toBe(false);
});

test("the key __proto__ is counted too", async () => {
  expect(await isAccepted(metadataOf([["__proto__", "x".repeat(1_000)]]))).toBe(false);
});

test("a call without metadata is accepted", async () => {
  expect(await isAccepted(new Metadata())).toBe(true);
});
