import { status } from "@grpc/grpc-js";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import {
  BadRequest,
  ErrorInfo,
  Help,
  PreconditionFailure,
  QuotaFailure,
  RequestInfo,
  ResourceInfo,
  RetryInfo,
} from "../../../../src/gen/google/rpc/error_details.ts";
import { Status } from "../../../../src/gen/google/rpc/status.ts";
import {
  encodeStatus,
  keptViolations,
  maxDetailsBytes,
  maxMessageBytes,
  type StatusFacts,
} from "../../../../src/grpc/status/encode-status.ts";
import { ErrorReason } from "../../../../src/gen/keyprotect/v1/error_reason.ts";
import {
  StatusError,
  type Reason,
  type StatusDetails,
} from "../../../../src/grpc/status/status-error.ts";

const facts: StatusFacts = {
  correlationId: "11111111-2222-4333-8444-555555555555",
  method: "keyprotect.v1.KeysService/CreateKey",
  attempts: 2,
  httpStatus: 503,
};

const decoders = {
  ErrorInfo,
  RequestInfo,
  RetryInfo,
  BadRequest,
  ResourceInfo,
  PreconditionFailure,
  QuotaFailure,
  Help,
};
type Details = { [Name in keyof typeof decoders]?: ReturnType<(typeof decoders)[Name]["decode"]> };

/** Decodes the details by type; fails if a type occurs twice. */
function decode(bytes: Buffer): { status: Status; details: Details; names: string[] } {
  const decoded = Status.decode(bytes);
  const details: Record<string, unknown> = {};
  const names: string[] = [];
  for (const { typeUrl, value } of decoded.details) {
    const name = typeUrl.replace("type.googleapis.com/google.rpc.", "");
    expect(names).not.toContain(name);
    names.push(name);
    const decoder = Object.entries(decoders).find(([known]) => known === name)?.[1];
    if (decoder === undefined) throw new Error(`unknown detail ${typeUrl}`);
    details[name] = decoder.decode(value);
  }
  return { status: decoded, details, names };
}

const encode = (details: StatusDetails, text = "text") =>
  encodeStatus(new StatusError(status.UNAVAILABLE, "OVERLOADED", text, details), facts);

test("every error has an ErrorInfo with all fixed keys, and a RequestInfo", () => {
  const { details, names } = decode(encode({}).details);
  expect(names).toEqual(["ErrorInfo", "RequestInfo"]);
  expect(details.ErrorInfo).toEqual({
    reason: "OVERLOADED",
    domain: "keyprotect-gateway",
    metadata: {
      httpStatus: "503",
      upstreamReason: "",
      correlationId: facts.correlationId,
      attempts: "2",
      mayHaveExecuted: "false",
      method: facts.method,
    },
  });
  expect(details.RequestInfo?.requestId).toBe(facts.correlationId);
});

test("every kind of detail is encoded unchanged", () => {
  const { details } = decode(
    encode({
      violations: [{ field: "tags[3]", description: "is too long", reason: "TOO_LONG" }],
      resource: { type: "keyprotect.v1.Key", name: "id", description: "here" },
      preconditions: [{ type: "KEY_STATE", subject: "keys/id", description: "is suspended" }],
      quota: { subject: "instance:eu", description: "requests", apiService: "kms.cloud.ibm.com" },
      help: [{ description: "docs", url: "https://cloud.ibm.com" }],
      retryDelayMs: 61_500,
      metadata: { upstreamReason: "KEY_NOT_FOUND_ERR", minimumMs: "50" },
    }).details,
  );
  expect(details.BadRequest?.fieldViolations).toEqual([
    {
      field: "tags[3]",
      description: "is too long",
      reason: "TOO_LONG",
      localizedMessage: undefined,
    },
  ]);
  expect(details.ResourceInfo).toMatchObject({
    resourceType: "keyprotect.v1.Key",
    resourceName: "id",
  });
  expect(details.PreconditionFailure?.violations).toEqual([
    { type: "KEY_STATE", subject: "keys/id", description: "is suspended" },
  ]);
  expect(details.QuotaFailure?.violations[0]).toMatchObject({
    subject: "instance:eu",
    apiService: "kms.cloud.ibm.com",
  });
  expect(details.Help?.links).toEqual([{ description: "docs", url: "https://cloud.ibm.com" }]);
  expect(details.RetryInfo?.retryDelay).toEqual({ seconds: 61n, nanos: 500_000_000 });
  expect(details.ErrorInfo?.metadata).toMatchObject({
    upstreamReason: "KEY_NOT_FOUND_ERR",
    minimumMs: "50",
    mayHaveExecuted: "false",
  });
});

test("the facts of a call cannot be overwritten by the metadata of an error", () => {
  const { details } = decode(
    encode({
      metadata: {
        correlationId: "x",
        method: "x",
        attempts: "x",
        mayHaveExecuted: "x",
        "Bad key": "x",
      },
    }).details,
  );
  expect(details.ErrorInfo?.metadata).toEqual({
    httpStatus: "503",
    upstreamReason: "",
    correlationId: facts.correlationId,
    attempts: "2",
    mayHaveExecuted: "false",
    method: facts.method,
  });
});

test.each<[string, StatusDetails, string | undefined]>([
  ["an error without a delay has no pushback", {}, undefined],
  ["a delay of zero is a pushback of 1, because grpcio hangs at 0", { retryDelayMs: 0 }, "1"],
  ["a fractional delay is rounded up", { retryDelayMs: 10.1 }, "11"],
  ["a negative delay is sent as 1, not as -1", { retryDelayMs: -5 }, "1"],
  ["an infinite delay is sent as the maximum", { retryDelayMs: Infinity }, "2147483647"],
  ["a delay that is NaN is not sent", { retryDelayMs: NaN }, undefined],
  ["a change that may have happened is sent as -1", { mayHaveExecuted: true }, "-1"],
  [
    "a change that may have happened has precedence over a delay",
    { mayHaveExecuted: true, retryDelayMs: 5 },
    "-1",
  ],
])("%s", (_, hint, pushback) => {
  const encoded = encode(hint);
  expect(encoded.pushback).toBe(pushback);
  const delay = decode(encoded.details).details.RetryInfo?.retryDelay;
  const delayMs = delay && Number(delay.seconds) * 1_000 + delay.nanos / 1_000_000;
  const shown = delayMs === undefined ? undefined : String(Math.max(delayMs, 1));
  expect(shown).toBe(pushback === "-1" ? undefined : pushback);
});

test.each([status.OK, 17, -1, 1.5])("an error with code %d is sent as INTERNAL", (code) => {
  expect(encodeStatus(new StatusError(code, "OVERLOADED", "text"), facts).code).toBe(
    status.INTERNAL,
  );
});

const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });

const long = (length: number) => "x".repeat(length);
const violations = (count: number) =>
  Array.from({ length: count }, (_, index) => ({
    field: `tags[${index}]`,
    description: long(200),
    reason: "TOO_LONG",
  }));

test("details that are too large lose Help first", () => {
  const help = Array.from({ length: 10 }, () => ({ description: long(200), url: long(200) }));
  const { names } = decode(encode({ help, violations: violations(3) }).details);
  expect(names).toEqual(["ErrorInfo", "BadRequest", "RequestInfo"]);
});

test("details that are still too large lose violations beyond the eighth, with a violationCount", () => {
  const { details, names } = decode(encode({ violations: violations(40) }).details);
  expect(names).toEqual(["ErrorInfo", "BadRequest", "RequestInfo"]);
  expect(details.BadRequest?.fieldViolations).toHaveLength(keptViolations);
  expect(details.ErrorInfo?.metadata["violationCount"]).toBe("40");
});

test("details that are still too large lose everything except ErrorInfo", () => {
  const preconditions = Array.from({ length: 20 }, () => ({
    type: "T",
    subject: long(100),
    description: long(200),
  }));
  const { names } = decode(encode({ preconditions, metadata: { minimumMs: "50" } }).details);
  expect(names).toEqual(["ErrorInfo"]);
});

test("an ErrorInfo that is still too large loses its variable metadata", () => {
  const metadata = Object.fromEntries(
    Array.from({ length: 40 }, (_, index) => [`key${index}`, long(250)]),
  );
  const { details, names } = decode(
    encode({ metadata: { ...metadata, upstreamReason: "A_ERR" } }).details,
  );
  expect(names).toEqual(["ErrorInfo"]);
  expect(Object.keys(details.ErrorInfo?.metadata ?? {})).toHaveLength(6);
  expect(details.ErrorInfo?.metadata["upstreamReason"]).toBe("A_ERR");
});

test("all violations are kept if they fit", () => {
  const { details } = decode(encode({ violations: violations(10) }).details);
  expect(details.BadRequest?.fieldViolations).toHaveLength(10);
  expect(details.ErrorInfo?.metadata["violationCount"]).toBeUndefined();
});

test("any error is encoded within the limits, decodes, and has reason, correlation ID and mayHaveExecuted", () => {
  const unit = fc.oneof(
    fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)),
    fc.constantFrom("\u{1f512}", "a", "\n"),
  );
  const text = fc.oneof(fc.string({ unit, maxLength: 40 }), fc.string({ unit, maxLength: 900 }));
  const reasons = Object.keys(ErrorReason).filter((name): name is Reason => name !== "UNSPECIFIED");
  const details: fc.Arbitrary<StatusDetails> = fc.record({
    violations: maybe(
      fc.array(fc.record({ field: text, description: text, reason: text }), { maxLength: 60 }),
    ),
    resource: maybe(fc.record({ type: text, name: text, description: text })),
    preconditions: maybe(
      fc.array(fc.record({ type: text, subject: text, description: text }), { maxLength: 12 }),
    ),
    quota: maybe(fc.record({ subject: text, description: text, apiService: text })),
    help: maybe(fc.array(fc.record({ description: text, url: text }), { maxLength: 12 })),
    retryDelayMs: maybe(fc.double()),
    mayHaveExecuted: maybe(fc.boolean()),
    metadata: maybe(
      fc.dictionary(fc.oneof(text, fc.stringMatching(/^[a-z][a-zA-Z0-9]{1,70}$/)), text, {
        maxKeys: 40,
      }),
    ),
  });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 16 }),
      fc.constantFrom(...reasons),
      text,
      details,
      text,
      (code, reason, message, given, correlationId) => {
        const encoded = encodeStatus(new StatusError(code, reason, message, given), {
          ...facts,
          correlationId,
        });
        expect(encoded.details.length).toBeLessThanOrEqual(maxDetailsBytes);
        expect(Buffer.byteLength(encoded.message)).toBeLessThanOrEqual(maxMessageBytes);
        expect(() => encodeURI(encoded.message)).not.toThrow();
        expect(encoded.pushback ?? "1").toMatch(/^(-1|[1-9]\d{0,9})$/);
        expect(encoded.pushback === "-1").toBe(given.mayHaveExecuted === true);
        const decoded = decode(encoded.details);
        expect(decoded.status).toMatchObject({ code, message: encoded.message });
        expect(decoded.names[0]).toBe("ErrorInfo");
        expect(decoded.details.ErrorInfo).toMatchObject({
          reason,
          metadata: { mayHaveExecuted: String(given.mayHaveExecuted === true), attempts: "2" },
        });
      },
    ),
    { numRuns: 150 },
  );
});
