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

test.each(Object.entries(table))("%s is allowed in its states only", (name, row) => {
  const [action] = Object.keys(table).filter((key): key is KeyAction => key === name);
  if (action === undefined) throw new Error("every row names an action");
  const outcomes = states.map((state) => {
    const obstacle = obstacleTo(action, state, true);
    return obstacle === undefined ? "+" : obstacle === "deleted" ? "x" : "-";
  });
  expect(outcomes.join("")).toBe(row);
});

test("the stricter reading leaves an expired key nothing but its deletion", () => {
  const actions = Object.keys(table).filter((key): key is KeyAction => key in table);
  const allowed = actions.filter((action) => obstacleTo(action, 3, false) === undefined);
  expect(allowed).toEqual(["delete"]);
});
