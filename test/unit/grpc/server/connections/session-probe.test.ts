import { expect, test } from "vitest";
import { createSessionProbe } from "../../../../../src/grpc/server/connections/session-probe.ts";

const sessionWith = (handle: unknown): object => ({
  destroyed: false,
  [Symbol("kHandle")]: handle,
});

test.each([
  ["neither reads nor writes", () => false, true],
  ["still reads or writes", () => true, false],
])("a session whose native session %s is over: %s", (_, hasPendingData, isOver) => {
  const probe = createSessionProbe({ warn: () => {} });
  expect(probe(sessionWith({ hasPendingData }))).toBe(isOver);
});

test("a destroyed session is over", () => {
  const probe = createSessionProbe({ warn: () => {} });
  expect(probe({ destroyed: true })).toBe(true);
});

test.each([
  ["no native session", { destroyed: false }],
  ["a native session without the function", sessionWith({})],
])("a session with %s is not over, which is logged once", (_, session) => {
  const lines: unknown[] = [];
  const probe = createSessionProbe({ warn: (line: unknown) => void lines.push(line) });
  expect(probe(session)).toBe(false);
  expect(probe(session)).toBe(false);
  expect(lines).toHaveLength(1);
});
