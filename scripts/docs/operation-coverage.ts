/**
 * How each operation of IBM's SDKs is covered: by an RPC, by a route of the emulator, and by tests
 * that call it through IBM's own SDKs. Routes and tests are read from the sources.
 */
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { operations, operationsByAction } from "../../src/emulator/api/operations.ts";
import { repositoryRoot } from "../run.ts";
import {
  nodeMethodOf,
  pythonMethodOf,
  rpcsOfOperation,
  vendorOperations,
  type VendorOperation,
} from "./vendor-operations.ts";

/** A test of the emulator through one of IBM's SDKs. */
export interface VendorTest {
  /** Name of the file. */
  readonly file: string;
  /** Title of the test, or name of the check in Python. */
  readonly title: string;
  readonly source: string;
}

/** The coverage of one operation. */
export interface OperationCoverage {
  readonly operation: VendorOperation;
  readonly rpcs: readonly string[];
  /** Method and path of the request that the emulator answers. */
  readonly route: string;
  /** The most specific test through the Node SDK, if that has the operation. */
  readonly nodeTest: VendorTest | undefined;
  /** The test through the Python SDK. */
  readonly pythonTest: VendorTest | undefined;
}

function testsIn(
  folder: string,
  suffix: string,
  start: RegExp,
  title: RegExp,
): readonly VendorTest[] {
  const path = join(repositoryRoot, folder);
  const files = readdirSync(path).filter((name) => name.endsWith(suffix));
  return files.toSorted().flatMap((file) =>
    readFileSync(join(path, file), "utf8")
      .split(start)
      .flatMap((source) => {
        const found = title.exec(source)?.[1];
        return found === undefined ? [] : [{ file, title: found, source }];
      }),
  );
}

/** The tests through the Node SDK. A test ends with the line that closes its call. */
const nodeTests = testsIn(
  "test/conformance",
  ".test.ts",
  /^(?=test\b)/m,
  /^test(?:\.each[^]*?\]\))?\(\s*"((?:[^"\\]|\\.)*)"/,
);

/** The checks through the Python SDK. The name of a check is that of the SDK's method. */
const pythonTests = testsIn(
  "test/interop/vendor-python",
  "_checks.py",
  /^(?=def )/m,
  /^def (\w+)\(kp: Service\) -> None:/,
);

const callsMethod = ({ source }: VendorTest, operation: VendorOperation): boolean =>
  (source.split(/^\}?\);$/m)[0] ?? "").includes(`.${nodeMethodOf(operation)}(`);

const operationsIn = (test: VendorTest): number =>
  vendorOperations.filter((operation) => callsMethod(test, operation)).length;

/** Of the tests that call an operation, the one that calls the fewest operations. */
function nodeTestOf(operation: VendorOperation): VendorTest | undefined {
  const tests = nodeTests.filter((test) => callsMethod(test, operation));
  return tests.toSorted((a, b) => operationsIn(a) - operationsIn(b))[0];
}

function routeOf(operation: VendorOperation): string {
  if (operation !== "actionOnKey") {
    const { method, path } = operations[operation];
    return `${method} ${path}`;
  }
  return `POST /keys/{id}?action=${[...operationsByAction.keys()][0] ?? ""}`;
}

/** The coverage of every operation of IBM's SDKs. */
export const operationCoverage = (): readonly OperationCoverage[] =>
  vendorOperations.map((operation) => ({
    operation,
    rpcs: rpcsOfOperation[operation],
    route: routeOf(operation),
    nodeTest: nodeTestOf(operation),
    pythonTest: pythonTests.find(({ title }) => title === pythonMethodOf(operation)),
  }));
