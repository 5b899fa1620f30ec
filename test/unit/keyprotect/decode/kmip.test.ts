import { expect, test } from "vitest";
import type { Anomaly } from "../../../../src/keyprotect/anomaly.ts";
import {
  decodeKmipAdapter,
  decodeKmipCertificate,
  decodeKmipObject,
} from "../../../../src/keyprotect/decode/kmip.ts";

const id = "feddecaf-0000-4000-8000-1234567890ab";
const other = "beddecaf-0000-4000-8000-1234567890ab";
const ignore = (): void => {};

const decoders = [
  ["an adapter", decodeKmipAdapter],
  ["an object", decodeKmipObject],
  ["a certificate", decodeKmipCertificate],
] as const;

test.each(decoders)("%s of another ID than the requested one is malformed", (_, decode) => {
  expect(decode({ id, name: "a" }, ignore, id.toUpperCase()).id).toBe(id);
  expect(() => decode({ id, name: "a" }, ignore, other)).toThrow("id is that of another resource");
});

test.each(decoders)("%s without a UUID as ID is malformed", (_, decode) => {
  for (const wrong of [undefined, "", "a-name", 7]) {
    expect(() => decode({ id: wrong, name: "a-name" }, ignore)).toThrow(/malformed response: id/);
  }
});

test.each([
  ["an adapter", decodeKmipAdapter],
  ["a certificate", decodeKmipCertificate],
] as const)("%s of another name than the requested one is malformed", (_, decode) => {
  expect(decode({ id, name: "VMware" }, ignore, "vmware").name).toBe("VMware");
  expect(() => decode({ id, name: "esx" }, ignore, "vmware")).toThrow(
    "name is that of another resource",
  );
  expect(() => decode({ id }, ignore, "vmware")).toThrow("name is that of another resource");
});

test("profile data that is no object is malformed, and an unknown profile has no root key", () => {
  expect(() => decodeKmipAdapter({ id, profile_data: "x" }, ignore)).toThrow("profile_data");
  expect(() => decodeKmipAdapter({ id, profile_data: { crk_id: 1 } }, ignore)).toThrow("crk_id");
  expect(decodeKmipAdapter({ id, profile: "new", profile_data: {} }, ignore)).toMatchObject({
    profile: "new",
    rootKeyId: undefined,
  });
});

test.each([
  [1, []],
  [6, []],
  [0, ["unknown_key_state"]],
  [7, ["unknown_key_state"]],
  [undefined, []],
])("the state %j of an object is passed through with the anomalies %j", (state, expected) => {
  const anomalies: Anomaly[] = [];
  const decoded = decodeKmipObject({ id, state }, (anomaly) => anomalies.push(anomaly));
  expect([decoded.state, anomalies]).toEqual([state, expected]);
});

test("a malformed date of an object is dropped, and a number where a text belongs is malformed", () => {
  const anomalies: Anomaly[] = [];
  const decoded = decodeKmipObject({ id, destroyed_at: "yesterday" }, (anomaly) =>
    anomalies.push(anomaly),
  );
  expect([decoded.destroyedAt, anomalies]).toEqual([undefined, ["malformed_date"]]);
  expect(() => decodeKmipObject({ id, created_by: 1 }, ignore)).toThrow("created_by");
  expect(() => decodeKmipCertificate({ id, certificate: 1 }, ignore)).toThrow("certificate");
});
