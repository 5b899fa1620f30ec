/**
 * The comments of the contract are its reference documentation: they are complete and agree with
 * the code.
 */
import type { DescMethod } from "@bufbuild/protobuf";
import { status } from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import { ErrorReason } from "../../../src/gen/keyprotect/v1/error_reason.ts";
import { rpcOf, type RetryClass } from "../../../src/rpc-table.ts";
import { nameOf, pathOf } from "../../../scripts/contract/contract.ts";
import { readDocumentedContract } from "../../../scripts/contract/documented-contract.ts";

const contract = readDocumentedContract();

/** The comment above a declaration as one line of text. */
const commentOf = (declared: { readonly proto: object }): string =>
  contract.paragraphsOf(declared).join(" ");

/** Words in capitals outside code, such as `NOT_FOUND` and `KEY_DELETED`. */
const capitalsIn = (comment: string): string[] =>
  comment.replace(/`[^`]*`/g, "").match(/\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b|\b[A-Z]{5,}\b/g) ?? [];

const statuses = new Set(Object.keys(status).filter((name) => /^[A-Z_]+$/.test(name)));
const statusesIn = (comment: string): string[] =>
  capitalsIn(comment).filter((word) => statuses.has(word));

const requests = new Set(contract.methods.map((method) => method.input.typeName));
const responses = new Set(contract.methods.map((method) => method.output.typeName));

test("the comment of every field first states whether it is required, optional or output only", () => {
  expect(contract.fields.length).toBeGreaterThan(80);
  const silent = contract.fields.filter(
    (field) => !/^(Required|Optional|Output only)\. \S/.test(commentOf(field)),
  );
  expect(silent.map(nameOf)).toEqual([]);
});

test("fields are output only in all responses and in no request", () => {
  const outputOnly = contract.fields.filter((field) => commentOf(field).startsWith("Output only."));
  expect(outputOnly.filter((field) => requests.has(field.parent.typeName)).map(nameOf)).toEqual([]);
  const ofResponses = contract.fields.filter((field) => responses.has(field.parent.typeName));
  expect(ofResponses.filter((field) => !outputOnly.includes(field)).map(nameOf)).toEqual([]);
});

test("every optional field of a request states its default", () => {
  const optional = contract.fields.filter(
    (field) =>
      requests.has(field.parent.typeName) &&
      field.oneof === undefined &&
      commentOf(field).startsWith("Optional."),
  );
  expect(optional.length).toBeGreaterThan(10);
  const silent = optional.filter((field) => !/\b[Dd]efault\b/.test(commentOf(field)));
  expect(silent.map(nameOf)).toEqual([]);
});

const methodsByPath = contract.methods.map((method) => [pathOf(method), method] as const);

describe.each(methodsByPath)("RPC %s", (path: string, method: DescMethod) => {
  const comment = commentOf(method);
  const rpc = rpcOf(path);

  test("the comment has a first sentence that stands alone", () => {
    expect(comment).toMatch(/^[A-Z][a-z]+s [^.]+[.:]/);
  });

  test("the comment names statuses, and only existing reasons", () => {
    const words = capitalsIn(comment);
    expect(statusesIn(comment)).not.toEqual([]);
    const unknown = words.filter((word) => !statuses.has(word) && !(word in ErrorReason));
    expect(unknown).toEqual([]);
  });

  test("the comment and the table agree on whether it may be repeated", () => {
    const says: Readonly<Record<RetryClass, RegExp>> = {
      safe: /(^|\. )Safe to repeat\b/,
      conditional: new RegExp(
        String.raw`\. Safe to repeat: a second [^.]+ is answered with ${rpc.secondAnswer}\b`,
      ),
      unsafe: /\. Not safe to repeat: /,
    };
    expect(comment).toMatch(says[rpc.retry]);
    expect(/\bNot safe to repeat\b/.test(comment)).toBe(rpc.retry === "unsafe");
  });

  test("the comment and the table agree on authorization", () => {
    const isNamed = comment.includes("Authorization rules have to name this RPC");
    expect(isNamed).toBe(rpc.sensitive);
  });

  test("the comment states the default deadline of the table", () => {
    const seconds = rpc.defaultDeadlineMs / 1000;
    expect(comment).toContain(`A call without a deadline gets ${seconds} seconds.`);
  });

  test("the comment names the upstream request of both dialects", () => {
    const upstream = comment.split("Upstream: ")[1] ?? "";
    expect(upstream).toMatch(/`(GET|HEAD|POST|PUT|DELETE) \/api\/v2\//);
    expect(upstream).toMatch(/both dialects|(current|2019) dialect.+(current|2019) dialect/);
  });
});

describe("the enum of reasons", () => {
  const reasons = contract.enums.find((type) => type.name === "ErrorReason");
  const values = (reasons?.values ?? []).filter((value) => value.number !== 0);

  test("the comment of every reason names a status", () => {
    expect(values.length).toBeGreaterThanOrEqual(49);
    const silent = values.filter((value) => statusesIn(commentOf(value)).length === 0);
    expect(silent.map((value) => value.name)).toEqual([]);
  });

  test("the comment of every reason tells after the status how the caller handles it", () => {
    const short = values.filter((value) => commentOf(value).split(/\. /).length < 3);
    expect(short.map((value) => value.name)).toEqual([]);
  });

  test("every reason is named by an RPC or for all RPCs", () => {
    const named = new Set(
      [...contract.methods, ...(reasons === undefined ? [] : [reasons])].flatMap((declared) =>
        capitalsIn(commentOf(declared)),
      ),
    );
    const unnamed = Object.keys(ErrorReason).filter((name) => !named.has(name));
    expect(unnamed).toEqual(["UNSPECIFIED"]);
  });
});

test("every other declaration has a comment that ends with a full stop", () => {
  const declared = [
    ...contract.services,
    ...contract.messages,
    ...contract.messages.flatMap((message) => message.oneofs),
    ...contract.enums,
    ...contract.enums.flatMap((type) => type.values),
  ];
  const unfinished = declared.filter((one) => !commentOf(one).endsWith("."));
  expect(unfinished.map((one) => one.name)).toEqual([]);
});
