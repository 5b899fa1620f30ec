import { expect, test } from "vitest";
import { quantileOf } from "../../../../src/console/samples/quantile.ts";

test.each([
  [0.5, [0, 0, 0], undefined],
  [0.5, [10, 0, 0], 0.5],
  [0.5, [5, 5, 0], 1],
  [0.75, [5, 5, 0], 1.5],
  [0.99, [0, 0, 4], 2],
  [1, [1, 1, 0], 2],
  [0.5, [0, 2, 0], 1.5],
])("the quantile %d of the counts %j is %s", (q, counts, expected) => {
  expect(quantileOf(q, [1, 2], counts)).toBe(expected);
});
