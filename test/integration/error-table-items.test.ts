/**
 * The status table holds for the items of batches: a failed item has the status and the details
 * that a call of its own would have.
 */
import { expect, test } from "vitest";
import { itemRows } from "../../src/access/item-rows.ts";
import {
  BatchRewrapKeyResponse,
  BatchUnwrapKeyResponse,
  BatchWrapKeyResponse,
} from "../../src/gen/keyprotect/v1/key_actions_service.ts";
import { failureOf } from "../support/batch-results.ts";
import { errorRows, upstreamText, type ErrorRow } from "../support/error-table-rows.ts";
import { goldenRequests as golden, wireClient } from "../support/golden-requests.ts";
import { startTestGateway } from "../support/start-gateway.ts";

const batches = {
  WrapKey: [golden.BatchWrapKey, BatchWrapKeyResponse],
  UnwrapKey: [golden.BatchUnwrapKey, BatchUnwrapKeyResponse],
  RewrapKey: [golden.BatchRewrapKey, BatchRewrapKeyResponse],
} as const;

const isOfItem = (rpc: string): rpc is keyof typeof batches => rpc in batches;

/** One row per RPC and reason, of those that Key Protect answers at once. */
const rows = [
  ...new Map(
    errorRows
      .filter(({ rpc, action }) => isOfItem(rpc) && action.kind === "respond")
      .map((row) => [`${row.rpc} ${row.expected.reason} ${row.expected.details}`, row] as const),
  ).values(),
];

const named = (each: readonly ErrorRow[]): [string, ErrorRow][] =>
  each.map((row) => [`${row.title} → ${row.expected.code} ${row.expected.reason}`, row]);

test("the rows cover every RPC of items, and a dozen reasons", () => {
  const singles = new Set([...itemRows.values()].map(({ method }) => method));
  expect(new Set(rows.map(({ rpc }) => rpc))).toEqual(singles);
  expect(new Set(rows.map(({ expected }) => expected.reason)).size).toBeGreaterThanOrEqual(12);
});

test.each(named(rows))(
  "an item has the status of its single call: %s",
  async (_, { rpc, action, expected, dialect = "current", times }) => {
    if (!isOfItem(rpc)) throw new Error(`${rpc} is no RPC of items`);
    await using gateway = await startTestGateway({ dialect });
    gateway.emulator.faults.add({
      match: { service: "keyprotect" },
      action,
      ...(times === undefined ? {} : { times }),
    });
    const [make, codec] = batches[rpc];
    const { path, message } = make();
    const response = await gateway.call(wireClient(gateway.clients.keys, path), "send", message);
    const [result] = codec.decode(response).results;
    const failure = failureOf(result ?? {});
    expect([failure.code, failure.reason]).toEqual([expected.code, expected.reason]);
    expect({
      BR: failure.badRequest !== undefined,
      H: failure.help !== undefined,
      PF: failure.preconditionFailure !== undefined,
      QF: failure.quotaFailure !== undefined,
      RI: failure.retryInfo !== undefined,
      RS: failure.resourceInfo !== undefined,
    }).toEqual(
      Object.fromEntries(
        ["BR", "H", "PF", "QF", "RI", "RS"].map((name) => [
          name,
          expected.details.split(" ").includes(name),
        ]),
      ),
    );
    expect(failure.fields.filter((field) => !field.startsWith("items[0]."))).toEqual([]);
    if (expected.fields !== undefined) {
      expect(failure.fields).toEqual(expected.fields.map((field) => `items[0].${field}`));
    }
    expect(failure.errorInfo?.metadata).toMatchObject({
      method: `keyprotect.v1.KeyActionsService/${rpc}`,
      httpStatus: expected.httpStatus ?? expect.any(String),
      upstreamReason: expected.upstreamReason ?? "",
      mayHaveExecuted: "false",
      ...expected.metadata,
    });
    expect(response.toString("latin1")).not.toContain(upstreamText);
  },
);
