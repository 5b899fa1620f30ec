import { expect, test } from "vitest";
import type { KeyAction, KeyState } from "../../../../src/emulator/keys/state.ts";
import { obstacleTo } from "../../../../src/emulator/keys/state.ts";

// + allowed, - wrong state, x deleted; columns: active, suspended, deactivated, destroyed.
const table: Readonly<Record<KeyAction, string>> = {
  wrap: "+--x",
  unwrap: "+-+x",
  rewrap: "+-+x",
  rotate: "+-+x",
  disable: "+--x",
  enable: "-+-x",
  "authorize-deletion": "+-+x",
  delete: "+++x",
  restore: "---+",
  purge: "---+",
};
const states: readonly KeyState[] = [1, 2, 3, 5];

test.each(Object.entries(table))(
  "the key action %s is allowed only in the states of the table",
  (name, row) => {
    const [action] = Object.keys(table).filter((key): key is KeyAction => key === name);
    if (action === undefined) throw new Error("every row names an action");
    const outcomes = states.map((state) => {
      const obstacle = obstacleTo(action, state, true);
      return obstacle === undefined ? "+" : obstacle === "deleted" ? "x" : "-";
    });
    expect(outcomes.join("")).toBe(row);
  },
);

test("under the stricter profile an expired key can only be deleted", () => {
  const actions = Object.keys(table).filter((key): key is KeyAction => key in table);
  const allowed = actions.filter((action) => obstacleTo(action, 3, false) === undefined);
  expect(allowed).toEqual(["delete"]);
});
