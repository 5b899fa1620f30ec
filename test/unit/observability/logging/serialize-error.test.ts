import { anything, assert, property } from "fast-check";
import { describe, expect, test } from "vitest";
import { CallEnded } from "../../../../src/platform/call-signal.ts";
import { KeyProtectError } from "../../../../src/keyprotect/error.ts";
import { serializeError } from "../../../../src/observability/logging/serialize-error.ts";
import { toRedisError } from "../../../../src/redis/error.ts";
import { StoreError } from "../../../../src/idempotency-store/store-error.ts";
import { UpstreamError } from "../../../../src/upstream/error.ts";

const text = (error: unknown): string => JSON.stringify(serializeError(error));

describe("serializeError", () => {
  test("the gateway's own errors keep their text and facts, without a stack", () => {
    expect(
      serializeError(new UpstreamError("RESET", "the connection broke", { sent: true })),
    ).toEqual({
      name: "UpstreamError",
      code: "RESET",
      message: "the connection broke",
      sent: true,
    });
    expect(serializeError(new CallEnded("deadline"))).toMatchObject({ end: "deadline" });
  });

  test("a store error keeps its reason and nothing that Redis or its library wrote", () => {
    const library = Object.assign(new Error("WRONGPASS SECRET"), {
      command: { name: "auth", args: ["gateway", "SECRET"] },
    });
    const error = new StoreError("AWAY", "Redis did not answer", {
      cause: toRedisError(library),
    });

    expect(serializeError(error)).toEqual({
      name: "StoreError",
      code: "AWAY",
      message: "Redis did not answer",
      cause: {
        name: "RedisError",
        code: "REFUSED",
        message: "Redis rejected the user or its command (WRONGPASS)",
        reason: "WRONGPASS",
        sent: false,
      },
    });
  });

  test("an upstream's reason codes are kept if they look like codes, and nothing else of them", () => {
    const error = new KeyProtectError("REJECTED", "rejected with 400", {
      httpStatus: 400,
      reasons: [
        { code: "KEY_NOT_FOUND_ERR", target: "SECRET" },
        { code: "SECRET: a sentence", target: undefined },
      ],
    });

    expect(serializeError(error)).toEqual({
      name: "KeyProtectError",
      code: "REJECTED",
      message: "rejected with 400",
      httpStatus: 400,
      upstreamReasons: ["KEY_NOT_FOUND_ERR"],
    });
  });

  test("a foreign error keeps name, code and frames, never its text", () => {
    const error = Object.assign(new TypeError("SECRET in the text"), {
      code: "ERR_X",
      headers: { authorization: "SECRET" },
      config: "SECRET",
    });

    const logged = serializeError(error);

    expect(logged).toMatchObject({ name: "TypeError", code: "ERR_X" });
    expect(logged.frames?.[0]).toContain("serialize-error.test.ts");
    expect(text(error)).not.toContain("SECRET");
  });

  test.each([
    ["several lines", "one\n    at SECRET (file.js:1:1)\ntwo"],
    ["a line like a frame at the end", "x\n    at SECRET (/a/b.js:10:20)"],
    ["an empty line", "\n\n    at async SECRET:1:2"],
  ])("a text with %s is not taken for stack frames", (_name, message) => {
    expect(text(new Error(message))).not.toContain("SECRET");
  });

  test("a name or code that is no identifier is dropped", () => {
    const error = Object.assign(new Error("x"), { code: "SECRET text" });
    error.name = "SECRET name";

    expect(serializeError(error).name).toBe("Error");
    expect(text(error)).not.toContain("SECRET");
  });

  test("causes, own and foreign, are followed four errors deep", () => {
    const fifth = new Error("SECRET");
    fifth.name = "Fifth";
    const fourth = new Error("SECRET", { cause: fifth });
    const third = new UpstreamError("TLS", "own third", { cause: fourth });
    const second = new RangeError("SECRET", { cause: third });
    const first = new UpstreamError("RESET", "own first", { cause: second });

    expect(serializeError(first)).toMatchObject({
      message: "own first",
      cause: { name: "RangeError", cause: { message: "own third", cause: { name: "Error" } } },
    });
    expect(text(first)).not.toMatch(/SECRET|Fifth/);
  });

  test("serialization ends although an error is its own cause", () => {
    const error = new Error("x");
    error.cause = error;

    expect(serializeError(error).cause?.cause?.cause?.cause).toBeUndefined();
  });

  test("the errors of an AggregateError are named, without their texts", () => {
    const error = new AggregateError(
      [Object.assign(new Error("SECRET"), { code: "ECONNREFUSED" })],
      "SECRET",
    );

    expect(serializeError(error).errors).toMatchObject([{ name: "Error", code: "ECONNREFUSED" }]);
    expect(text(error)).not.toContain("SECRET");
  });

  test("an error whose properties throw is serialized as unreadable", () => {
    const error = new Error("x");
    Object.defineProperty(error, "code", {
      get() {
        throw new Error("SECRET");
      },
    });

    expect(serializeError(error)).toEqual({ name: "unreadable error" });
  });

  test("a thrown value that is no error is named by its type alone", () => {
    expect(serializeError("SECRET")).toEqual({ name: "thrown string" });
    assert(
      property(anything(), (thrown) => {
        expect(typeof serializeError(thrown).name).toBe("string");
      }),
    );
  });
});
