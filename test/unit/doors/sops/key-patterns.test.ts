import { expect, test } from "vitest";
import { compileKeyPatterns } from "../../../../src/doors/sops/key-patterns.ts";

const id = "11111111-2222-4333-8444-555555555555";

test.each([
  [["app"], ["app"], ["App", "apps", "a", ""]],
  [["sops-*"], ["sops-", "sops-app"], ["sops", "xsops-app", "SOPS-app"]],
  [["*-prod"], ["a-prod", "-prod"], ["a-prod-2", "prod"]],
  [["a*b*c"], ["abc", "a-b-c", "abbcc", "axbcbc"], ["acb", "ab", "abcd"]],
  [["aa*aa"], ["aaaa", "aaxaa"], ["aaa", "aa"]],
  [["*"], ["app", "x"], [id]],
  [[id.toUpperCase()], [id, id.toUpperCase()], [id.replace("1", "2")]],
])("the list %j matches %j and not %j", (patterns, matching, others) => {
  const isAllowed = compileKeyPatterns(patterns);
  expect(matching.filter((key) => !isAllowed(key))).toEqual([]);
  expect(others.filter(isAllowed)).toEqual([]);
});

test("no pattern and alias take long to compare", () => {
  const isAllowed = compileKeyPatterns([`${"a*".repeat(44)}b`]);
  const startedAt = performance.now();
  expect(isAllowed("a".repeat(90))).toBe(false);
  expect(performance.now() - startedAt).toBeLessThan(1_000);
});
