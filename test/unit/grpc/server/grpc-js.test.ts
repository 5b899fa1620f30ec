import { expect, test } from "vitest";
import { assertGrpcVersion, installedGrpcVersion } from "../../../../src/grpc/server/grpc-js.ts";

test("the installed version is recent enough", () => {
  expect(() => assertGrpcVersion(installedGrpcVersion())).not.toThrow();
});

test.each(["1.14.4", "1.14.7", "1.15.0", "2.0.0", "1.14.10-pre1"])("accepts %s", (version) => {
  expect(() => assertGrpcVersion(version)).not.toThrow();
});

test.each(["1.14.3", "1.13.4", "1.9.99", "0.99.0", "", "latest"])("refuses %j", (version) => {
  expect(() => assertGrpcVersion(version)).toThrow("at least 1.14.4 is needed");
});
