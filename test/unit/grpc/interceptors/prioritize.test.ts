import { Metadata, status } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { prioritize } from "../../../../src/grpc/interceptors/prioritize.ts";
import { rpcTable } from "../../../../src/rpc-table.ts";
import { behind, callContext } from "../../../support/call-context.ts";

/** The priority that the handler sees. */
function selected(method: string, ...values: readonly string[]): Promise<string> {
  const metadata = new Metadata();
  for (const value of values) metadata.add("x-kp-priority", value);
  const handler = behind(prioritize, (_request: object, { rpc }) =>
    Promise.resolve(`${rpc.method} ${rpc.priority}`),
  );
  return handler({}, callContext(method, { metadata }));
}

test.each(rpcTable.map(({ method, priority }) => [method, priority]))(
  "%s without the metadata is %s",
  async (method, priority) => {
    expect(await selected(method)).toBe(`${method} ${priority}`);
  },
);

test.each(rpcTable.map(({ method }) => method))("%s can be bulk", async (method) => {
  expect(await selected(method, "bulk")).toBe(`${method} bulk`);
});

test("RewrapKey can be interactive, although it is bulk by itself", async () => {
  expect(await selected("RewrapKey")).toBe("RewrapKey bulk");
  expect(await selected("RewrapKey", "interactive")).toBe("RewrapKey interactive");
  expect(await selected("WrapKey", "interactive")).toBe("WrapKey interactive");
});

test.each(["ListKeys", "CreateKey", "DeleteKey", "CreateLocker"])(
  "%s cannot be interactive",
  async (method) => {
    await expect(selected(method, "interactive")).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
      reason: "REQUEST_INVALID",
      details: { violations: [{ field: "x-kp-priority", reason: "UNSUPPORTED" }] },
    });
  },
);

test.each([[["urgent"]], [[""]], [["management"]], [["bulk", "bulk"]], [["__proto__"]]])(
  "the values %j are rejected",
  async (values) => {
    await expect(selected("WrapKey", ...values)).rejects.toMatchObject({
      reason: "REQUEST_INVALID",
      details: { violations: [{ field: "x-kp-priority", reason: "UNKNOWN_VALUE" }] },
    });
  },
);
