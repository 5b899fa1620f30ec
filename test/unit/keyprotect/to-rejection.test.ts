import { inspect } from "node:util";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Anomaly } from "../../../src/keyprotect/anomaly.ts";
import { toRejection } from "../../../src/keyprotect/to-rejection.ts";
import { toResponse, wallStart, type Answer } from "./fake-upstream.ts";

const upstreamText = "TEXT-OF-THE-UPSTREAM";

function reject(answer: Answer, method: "GET" | "HEAD" = "GET") {
  const anomalies: Anomaly[] = [];
  const error = toRejection(
    toResponse(answer),
    { method, callerToken: undefined },
    wallStart,
    (anomaly) => anomalies.push(anomaly),
  );
  return { error, anomalies };
}

const errors = (...resources: unknown[]) => ({
  metadata: { collectionType: "application/vnd.ibm.kms.error+json", collectionTotal: 1 },
  resources,
});
const withReasons = (...reasons: unknown[]) => errors({ errorMsg: upstreamText, reasons });

describe("reasons", () => {
  test.each<readonly [string, unknown, unknown]>([
    [
      "with a target",
      withReasons({
        code: "INVALID_FIELD_ERR",
        message: upstreamText,
        status: 400,
        target: { type: "field", name: "ciphertext" },
      }),
      [{ code: "INVALID_FIELD_ERR", target: "ciphertext" }],
    ],
    [
      "with blanks around the code",
      withReasons({ code: " KEY_NOT_FOUND_ERR " }),
      [{ code: "KEY_NOT_FOUND_ERR", target: undefined }],
    ],
    [
      "that nobody has documented",
      withReasons({ code: "BRAND_NEW_ERR" }),
      [{ code: "BRAND_NEW_ERR", target: undefined }],
    ],
    [
      "in several",
      withReasons({ code: "A_ERR" }, { code: "B_ERR" }),
      [
        { code: "A_ERR", target: undefined },
        { code: "B_ERR", target: undefined },
      ],
    ],
    ["absent, as in 2019", errors({ errorMsg: upstreamText }), []],
    ["of a resource that is a text", errors(upstreamText), []],
    ["that are a text", errors({ reasons: upstreamText }), []],
    ["that are null", errors({ reasons: [null, 1, [], upstreamText] }), []],
    ["without a code", withReasons({ message: upstreamText }), []],
    ["with a code that is a sentence", withReasons({ code: "Not a code: \n secret" }), []],
    ["with a code that is too long", withReasons({ code: "A".repeat(65) }), []],
    [
      "with blanks around the target",
      withReasons({ code: "A_ERR", target: { name: `${upstreamText} \r\n` } }),
      [{ code: "A_ERR", target: upstreamText }],
    ],
    [
      "with a target that is odd",
      withReasons({ code: "A_ERR", target: { name: "<b>" } }, { code: "B_ERR", target: "x" }),
      [
        { code: "A_ERR", target: undefined },
        { code: "B_ERR", target: undefined },
      ],
    ],
    [
      "without end",
      withReasons(...Array.from({ length: 500 }, () => ({ code: "A_ERR" }))),
      Array.from({ length: 16 }, () => ({ code: "A_ERR", target: undefined })),
    ],
  ])("the reasons of a rejection: %s", (_, body, reasons) => {
    const { error, anomalies } = reject({ status: 400, body });
    expect(error).toMatchObject({ code: "REJECTED", httpStatus: 400 });
    expect(error.reasons).toEqual(reasons);
    expect(anomalies).toEqual([]);
  });

  test("a rejection without a body, as of HEAD and some proxies, has no reasons", () => {
    const { error, anomalies } = reject({ status: 503 });
    expect(error.reasons).toEqual([]);
    expect(anomalies).toEqual([]);
  });

  test.each<readonly [string, unknown]>([
    ["HTML", `<html>${upstreamText}</html>`],
    ["truncated JSON", `{"resources":[{"reasons":[{"code":"A_ERR"`],
    ["another JSON", { errors: [{ code: upstreamText }] }],
    ["null", "null"],
    ["a list", "[]"],
    ["bytes that are no text", Buffer.from([0xff, 0xfe])],
    ["deep nesting", "[".repeat(60_000)],
    ["a huge page", JSON.stringify(withReasons({ code: "A_ERR", pad: "x".repeat(65_536) }))],
  ])("a rejection with %s has no reasons, and an anomaly is reported", (_, body) => {
    const { error, anomalies } = reject({ status: 502, body });
    expect(error).toMatchObject({ code: "REJECTED", httpStatus: 502, reasons: [] });
    expect(anomalies).toEqual(["unreadable_rejection"]);
    expect(inspect(error)).not.toContain(upstreamText);
  });
});

describe("definite statuses", () => {
  const definite = [400, 401, 403, 404, 407, 409, 410, 413, 422, 501];
  const foreign = [undefined, "<html>", "{}", { resources: [] }, { resources: null }, "[]"];

  test.each(definite)("a %d without Key Protect's own body is a bad response", (status) => {
    for (const body of foreign) {
      expect(reject({ status, body }).error).toMatchObject({
        code: "BAD_RESPONSE",
        httpStatus: status,
        reasons: [],
      });
    }
    expect(reject({ status, body: errors(upstreamText) }).error.code).toBe("REJECTED");
  });

  test.each([
    ["application/json", "REJECTED"],
    ["application/json; charset=utf-8", "REJECTED"],
    ["application/vnd.ibm.kms.error+json", "REJECTED"],
    ["text/html", "BAD_RESPONSE"],
    ["application/json-patch", "BAD_RESPONSE"],
    [undefined, "BAD_RESPONSE"],
  ])("the answer to a HEAD is believed by its media type: %s gives %s", (type, code) => {
    const headers: Record<string, string> = type === undefined ? {} : { "content-type": type };
    expect(reject({ status: 403, headers }, "HEAD").error.code).toBe(code);
    expect(reject({ status: 403, headers }).error.code).toBe("BAD_RESPONSE");
  });
});

test("every unexpected status leads to an error, whatever its body and headers", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 999 }),
      fc.oneof(
        fc.uint8Array().map((bytes) => Buffer.from(bytes)),
        fc.json(),
      ),
      fc.string(),
      (status, body, retryAfter) => {
        const { error } = reject({ status, body, headers: { "retry-after": retryAfter } });
        const isIndefinite =
          status === 408 || status === 429 || (status >= 500 && status <= 599 && status !== 501);
        expect(error.code).toBe(isIndefinite ? "REJECTED" : "BAD_RESPONSE");
        expect(error.httpStatus).toBe(status);
      },
    ),
  );
});

describe("Retry-After", () => {
  test.each([
    ["5", 5_000, []],
    ["soon", undefined, ["malformed_retry_after"]],
  ])("the Retry-After %j is read as %j", (value, retryAfterMs, reported) => {
    const { error, anomalies } = reject({ status: 429, headers: { "retry-after": value } });
    expect(error.retryAfterMs).toBe(retryAfterMs);
    expect(anomalies).toEqual(reported);
  });

  test("an absent Retry-After is not reported as an anomaly", () => {
    const { error, anomalies } = reject({ status: 429 });
    expect(error.retryAfterMs).toBeUndefined();
    expect(anomalies).toEqual([]);
  });
});
