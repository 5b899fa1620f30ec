import { Metadata, status } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { createSelectInstance } from "../../../../src/grpc/interceptors/select-instance.ts";
import { behind, callContext } from "../../../support/call-context.ts";

/** Instances with these aliases. The ID of the first one ends with 1, and so on. */
const configured = (...aliases: readonly string[]) =>
  new Map(aliases.map((alias, at) => [alias, { instanceId: idOf(at + 1) }]));
const idOf = (number: number): string => `00000000-0000-4000-8000-00000000000${number}`;

const route = createSelectInstance({
  instances: configured("default", "eu"),
  defaultAlias: "default",
});

function routed(...values: string[]): Promise<string> {
  const metadata = new Metadata();
  for (const value of values) metadata.add("x-kp-instance", value);
  const handler = behind(route, (_request: undefined, context) =>
    Promise.resolve(context.instance),
  );
  return handler(undefined, callContext("GetKey", { metadata, instance: "" }));
}

test("a call that names no instance goes to the default one", async () => {
  expect(await routed()).toBe("default");
});

test("a call goes to the instance that it names", async () => {
  expect(await routed("eu")).toBe("eu");
});

test.each(["us", "EU", "", "eu ", "__proto__"])(
  "a call with the alias %j is rejected",
  async (alias) => {
    await expect(routed(alias)).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
      reason: "INSTANCE_UNKNOWN",
    });
  },
);

test("the error names the header and the alias", async () => {
  await expect(routed("us")).rejects.toThrow(
    'the metadata x-kp-instance names "us", which is not a configured instance',
  );
});

test.each(["a b", 'a"b', "a\\b", "a".repeat(65), "<script>"])(
  "the error does not repeat the alias %j",
  async (alias) => {
    await expect(routed(alias)).rejects.toThrow(
      "the metadata x-kp-instance names something, which is not a configured instance",
    );
  },
);

test("a call with two aliases is rejected, even if they are equal", async () => {
  await expect(routed("eu", "eu")).rejects.toMatchObject({
    reason: "INSTANCE_UNKNOWN",
    message: "the metadata holds x-kp-instance more than once",
  });
});

test("a call that names no instance is rejected if there is no default", async () => {
  const strict = createSelectInstance({
    instances: configured("test", "production"),
    defaultAlias: undefined,
  });
  const handler = behind(strict, (_request: undefined, context) =>
    Promise.resolve(context.instance),
  );
  const context = callContext("GetKey", { metadata: new Metadata(), instance: "" });
  await expect(handler(undefined, context)).rejects.toMatchObject({
    code: status.INVALID_ARGUMENT,
    reason: "INSTANCE_UNKNOWN",
    message: expect.stringContaining("the metadata x-kp-instance is missing"),
  });
});

test("a default alias that is not among the instances is rejected", () => {
  expect(() => createSelectInstance({ instances: configured("eu"), defaultAlias: "us" })).toThrow(
    /default instance us/,
  );
});

const keyId = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee";
const crnOf = (instance: number): string =>
  `crn:v1:bluemix:public:kms:eu-de:a/0123456789abcdef0123456789abcdef:${idOf(instance)}:key:${keyId}`;

/** Instance and key ID that a handler sees. */
function routedByCrn(
  name: string,
  header: string | undefined,
  options: Parameters<typeof createSelectInstance>[0],
): Promise<readonly string[]> {
  const metadata = new Metadata();
  if (header !== undefined) metadata.set("x-kp-instance", header);
  const handler = behind(createSelectInstance(options), (request: { keyId: string }, context) =>
    Promise.resolve([context.instance, request.keyId]),
  );
  return handler({ keyId: name }, callContext("GetKey", { metadata, instance: "" }));
}
const two = { instances: configured("default", "eu"), defaultAlias: "default" };

test("a CRN selects its instance if the metadata names none, and the handler sees the key's ID", async () => {
  expect(await routedByCrn(crnOf(2), undefined, two)).toEqual(["eu", keyId]);
});

test("a CRN of the instance in the metadata is accepted in any case of its letters", async () => {
  const upper = crnOf(2).replace(keyId, keyId.toUpperCase());
  expect(await routedByCrn(upper, "eu", two)).toEqual(["eu", keyId.toUpperCase()]);
});

test.each<[string, string, string | undefined, string]>([
  ["of another instance than the metadata", crnOf(1), "eu", "INSTANCE_MISMATCH"],
  ["of an instance that is not configured", crnOf(3), undefined, "INSTANCE_UNKNOWN"],
  ["of an instance", crnOf(1).replace(/key:.*$/, "::"), undefined, "FORMAT_INVALID"],
  ["of another service", crnOf(1).replace(":kms:", ":cos:"), undefined, "FORMAT_INVALID"],
  ["with a path behind it", `${crnOf(1)}/../x`, undefined, "FORMAT_INVALID"],
])("a CRN %s is rejected as a violation of key_id", async (_what, name, header, reason) => {
  await expect(routedByCrn(name, header, two)).rejects.toMatchObject({
    code: status.INVALID_ARGUMENT,
    reason: "REQUEST_INVALID",
    details: { violations: [{ field: "key_id", reason }] },
  });
});

test("a CRN of an instance with two aliases is rejected unless one of them is the default or named", async () => {
  const instances = new Map([...configured("a"), ["b", { instanceId: idOf(1) }] as const]);
  await expect(
    routedByCrn(crnOf(1), undefined, { instances, defaultAlias: undefined }),
  ).rejects.toMatchObject({ details: { violations: [{ reason: "INSTANCE_AMBIGUOUS" }] } });
  expect(await routedByCrn(crnOf(1), undefined, { instances, defaultAlias: "b" })).toEqual([
    "b",
    keyId,
  ]);
  expect(await routedByCrn(crnOf(1), "a", { instances, defaultAlias: undefined })).toEqual([
    "a",
    keyId,
  ]);
});

/** Instance and root key ID that a handler sees. */
const routedByRootKey = (rootKeyId: string, header?: string): Promise<readonly string[]> => {
  const metadata = new Metadata();
  if (header !== undefined) metadata.set("x-kp-instance", header);
  const handler = behind(createSelectInstance(two), (request: { rootKeyId: string }, context) =>
    Promise.resolve([context.instance, request.rootKeyId]),
  );
  return handler({ rootKeyId }, callContext("CreateAdapter", { metadata, instance: "" }));
};

test("the CRN of a root key in root_key_id selects its instance, and a wrong one is a violation of that field", async () => {
  expect(await routedByRootKey(crnOf(2))).toEqual(["eu", keyId]);
  expect(await routedByRootKey("an-alias")).toEqual(["default", "an-alias"]);
  await expect(routedByRootKey(crnOf(1), "eu")).rejects.toMatchObject({
    message: expect.stringMatching(/^root_key_id: /),
    details: { violations: [{ field: "root_key_id", reason: "INSTANCE_MISMATCH" }] },
  });
  await expect(routedByRootKey("crn:v1:nothing")).rejects.toMatchObject({
    details: { violations: [{ field: "root_key_id", reason: "FORMAT_INVALID" }] },
  });
});
