/** The generated table of docs/coverage.md. */
import { code, table } from "./markdown.ts";
import { operationCoverage, type VendorTest } from "./operation-coverage.ts";

const nameOf = (rpc: string): string => code(rpc.slice(rpc.lastIndexOf(".") + 1));

const cellOf = (test: VendorTest | undefined, absent: string): string =>
  test === undefined ? absent : `${code(test.file)}: ${test.title}`;

/** Makes a row per operation of IBM's SDKs. */
export const coverageTable = (): string =>
  table(
    ["Operation", "RPC", "Request to the emulator", "Test through the Node SDK", "Python SDK"],
    operationCoverage().map(({ operation, rpcs, route, nodeTest, pythonTest }) => [
      code(operation),
      rpcs.map(nameOf).join(", "),
      code(route),
      cellOf(nodeTest, "not in the SDK"),
      cellOf(pythonTest, ""),
    ]),
  );
