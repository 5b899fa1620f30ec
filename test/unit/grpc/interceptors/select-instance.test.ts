import { Metadata, status } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { createSelectInstance } from "../../../../src/grpc/interceptors/select-instance.ts";
import { callContext } from "../../../support/call-context.ts";

const route = createSelectInstance({ aliases: ["default", "eu"], defaultAlias: "default" });

function routed(...values: string[]): Promise<string> {
  const metadata = new Metadata();
  for (const value of values) metadata.add("x-kp-instance", value);
  const handler = route((_request: undefined, context) => Promise.resolve(context.instance));
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
  const strict = createSelectInstance({ aliases: ["test", "production"], defaultAlias: undefined });
  const handler = strict((_request: undefined, context) => Promise.resolve(context.instance));
  const context = callContext("GetKey", { metadata: new Metadata(), instance: "" });
  await expect(handler(undefined, context)).rejects.toMatchObject({
    code: status.INVALID_ARGUMENT,
    reason: "INSTANCE_UNKNOWN",
    message: expect.stringContaining("the metadata x-kp-instance is missing"),
  });
});

test("a default alias that is not among the instances is rejected", () => {
  expect(() => createSelectInstance({ aliases: ["eu"], defaultAlias: "us" })).toThrow(
    /default instance us/,
  );
});
