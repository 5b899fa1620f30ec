import { expect, test } from "vitest";
import { configTable } from "../../../../src/config/schema/docs-table.ts";
import { settingList } from "../../../../src/config/schema/setting-list.ts";

const lines = configTable().trimEnd().split("\n");

test("the table of settings has a row for every setting and for GATEWAY_CONFIG", () => {
  expect(lines).toHaveLength(settingList.length + 3);
  expect(lines[2]).toMatch(/^\| `GATEWAY_CONFIG` \|/);
});

test("every row of the table of settings has six cells", () => {
  for (const line of lines) expect(line.split(/(?<!\\)\|/)).toHaveLength(8);
});

test("the table of settings names no variable and no place twice", () => {
  const variables = settingList.flatMap(({ env }) => env ?? []);
  expect(new Set(variables).size).toBe(variables.length);
  expect(new Set(settingList.map(({ path }) => path.join("."))).size).toBe(settingList.length);
});

test.each([
  "| `GATEWAY_MAX_RECEIVE_BYTES` | `limits.maxReceiveBytes` | a whole number from 163840 to 16777216 | `196608` | no | Maximum size of a request message, in bytes. |",
  "| `GATEWAY_LOG_LEVEL` | `logLevel` | one of `trace`, `debug`, `info`, `warn`, `error`, `fatal`, `silent` | `info` | yes | Lowest level that is logged. |",
  "| `KP_INSTANCE_ID` | `instances[].instanceId` | a UUID | **required** | no | ID of the Key Protect instance. |",
])("the table of settings has the row %s", (row) => {
  expect(lines).toContain(row);
});
