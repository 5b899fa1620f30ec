import { expect, test } from "vitest";
import { configTable } from "../../../../src/config/schema/docs-table.ts";
import { settingList } from "../../../../src/config/schema/setting-list.ts";

const lines = configTable().trimEnd().split("\n");

test("has a row for every setting, and for the variable that names the file", () => {
  expect(lines).toHaveLength(settingList.length + 3);
  expect(lines[2]).toMatch(/^\| `GATEWAY_CONFIG` \|/);
});

test("has five cells in every row", () => {
  for (const line of lines) expect(line.split(/(?<!\\)\|/)).toHaveLength(7);
});

test("names no variable and no place twice", () => {
  const variables = settingList.flatMap(({ env }) => env ?? []);
  expect(new Set(variables).size).toBe(variables.length);
  expect(new Set(settingList.map(({ path }) => path.join("."))).size).toBe(settingList.length);
});

test.each([
  "| `GATEWAY_MAX_RECEIVE_BYTES` | `limits.maxReceiveBytes` | a whole number from 163840 to 16777216 | `196608` | Largest request message. |",
  "| `KP_INSTANCE_ID` | `instances[].instanceId` | a UUID | **required** | ID of the Key Protect instance. |",
])("has the row %s", (row) => {
  expect(lines).toContain(row);
});
