/** The operations of Key Protect's API, and how IBM's own SDKs name them. */
import { operations } from "../src/emulator/api/operations.ts";
import type { Operation } from "../src/emulator/api/operations.ts";

/** Operations of 2019, which IBM's SDKs do not have. */
type LockerOperation = "createLocker" | "listLockers" | "getLocker";

/** An operation of IBM's SDKs. `actionOnKey` is the form `?action=…` of the actions on keys. */
export type VendorOperation = Exclude<Operation, LockerOperation> | "actionOnKey";

const isVendorOperation = (name: string): name is VendorOperation =>
  !/Lockers?$/.test(name) && (name === "actionOnKey" || Object.hasOwn(operations, name));

/** All operations of IBM's SDKs. */
export const vendorOperations: readonly VendorOperation[] = [
  ...Object.keys(operations),
  "actionOnKey",
].filter(isVendorOperation);

/** The name of an operation's method in IBM's SDK for Python. */
export const pythonMethodOf = (operation: VendorOperation): string =>
  operation
    .replaceAll(/([A-Z]+)([A-Z][a-z])/g, "$1_$2")
    .replaceAll(/([a-z])([A-Z])/g, "$1_$2")
    .toLowerCase();

/** The name of an operation's method in IBM's SDK for Node. */
export const nodeMethodOf = (operation: VendorOperation): string =>
  operation.replace("IPPort", "IpPort");
