import { expect, test } from "vitest";
import { changingMethods } from "../../../src/gateway/options.ts";
import { rpcTable } from "../../../src/rpc-table.ts";

test("every RPC that is not a read, a count, a list or an encryption closes shared requests", () => {
  const changing = changingMethods();
  const others = rpcTable.map(({ method }) => method).filter((method) => !changing.has(method));
  for (const method of others) {
    expect(method).toMatch(/^(?:Get|List|Count|GenerateDataKey|(?:Batch)?(?:Wrap|Unwrap|Rewrap))/);
  }
  for (const method of changing) expect(method).not.toMatch(/^(?:Get|List|Count)/);
});
