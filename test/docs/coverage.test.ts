/** docs/coverage.md: every operation of IBM's SDKs is served, emulated and called by IBM's SDKs. */
import { createRequire } from "node:module";
import { describe, expect, test } from "vitest";
import { operationCoverage } from "../../scripts/docs/operation-coverage.ts";
import { nodeMethodOf } from "../../scripts/docs/vendor-operations.ts";
import { itemRows } from "../../src/access/item-rows.ts";
import { createRouter } from "../../src/emulator/http/router.ts";
import { rpcTable } from "../../src/rpc-table.ts";
import { readText, tableRows } from "./documents.ts";

const require = createRequire(import.meta.url);
const NodeSdk: {
  readonly prototype: object;
} = require("@ibm-cloud/ibm-key-protect/ibm-key-protect-api/v2");

const coverage = operationCoverage();
const servedRpcs = rpcTable.map(({ service, method }) => `${service}/${method}`);

test("docs/coverage.md has a row for each of the 46 operations, and no cell is empty", () => {
  const rows = tableRows(readText("docs/coverage.md"), "Operation");
  expect(rows.map(([operation]) => operation)).toEqual(
    coverage.map(({ operation }) => `\`${operation}\``),
  );
  expect(rows).toHaveLength(46);
  for (const row of rows) {
    expect([row[0], row.length]).toEqual([row[0], 5]);
    expect(row).not.toContain("");
  }
});

describe.each(coverage)(
  "the operation $operation",
  ({ operation, rpcs, route, nodeTest, pythonTest }) => {
    test(`the RPCs of ${operation} are in the table of RPCs`, () => {
      expect(rpcs.filter((rpc) => !servedRpcs.includes(rpc))).toEqual([]);
    });

    test(`the emulator routes the request of ${operation}`, () => {
      const [method = "", target = ""] = route.split(" ");
      const [path = "", query = ""] = `/api/v2${target}`.split("?");
      expect(createRouter()(method, path, new URLSearchParams(query))).toMatchObject({
        kind: "operation",
        operation: operation === "actionOnKey" ? "wrapKey" : operation,
      });
    });

    test(`IBM's SDK for Python calls ${operation} in a check`, () => {
      expect(pythonTest).toBeDefined();
    });

    test(`IBM's SDK for Node calls ${operation} in a test, if it has the operation`, () => {
      expect(nodeTest !== undefined).toBe(nodeMethodOf(operation) in NodeSdk.prototype);
    });
  },
);

test("IBM's SDK for Node has 31 of the operations", () => {
  expect(coverage.filter(({ nodeTest }) => nodeTest !== undefined)).toHaveLength(31);
});

test("every RPC serves an operation of IBM's SDKs, except the list of lockers of 2019 and the gateway's own with many items", () => {
  const covered = new Set<string>(coverage.flatMap(({ rpcs }) => rpcs));
  const own = [...itemRows.keys()].map((path) => path.slice(1));
  expect(servedRpcs.filter((rpc) => !covered.has(rpc)).toSorted()).toEqual(
    ["keyprotect.v1.LockersService/ListLockers", ...own].toSorted(),
  );
});

test("docs/coverage.md names the RPCs that are no operation of Key Protect, and theirs", () => {
  const text = readText("docs/coverage.md");
  for (const [path, single] of itemRows) {
    expect(text).toContain(`\`${path.slice(path.lastIndexOf("/") + 1)}\` | \`${single.method}\` |`);
  }
});
