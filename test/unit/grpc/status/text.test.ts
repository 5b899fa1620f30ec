import * as fc from "fast-check";
import { expect, test } from "vitest";
import { statusText } from "../../../../src/grpc/status/text.ts";

test.each([
  ["plain text", "plain text"],
  ["Schlüssel 🔑", "Schlüssel 🔑"],
  ["a\r\nb\tc\u0000d\u007fe\u0085f", "a  b c d e f"],
  ["\ud800", "\ufffd"],
  ["a\udc00b", "a\ufffdb"],
  ["\ud83d\ud83d\udd11", "\ufffd🔑"],
  ["", ""],
])("the text %j is sent as %j", (text, sent) => {
  expect(statusText(text, 512)).toBe(sent);
});

test("a text of exactly the limit is unchanged, and one byte more truncates it with an ellipsis", () => {
  expect(statusText("x".repeat(16), 16)).toBe("x".repeat(16));
  expect(statusText("x".repeat(17), 16)).toBe(`${"x".repeat(13)}…`);
});

test("a text is truncated between characters", () => {
  expect(statusText("🔑".repeat(10), 16)).toBe("🔑🔑🔑…");
});

test("any text is converted to fit a header, and a converted text stays unchanged", () => {
  const unit = fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code));
  const text = fc.oneof(fc.string({ unit: "binary" }), fc.string({ unit, maxLength: 120 }));
  fc.assert(
    fc.property(text, fc.integer({ min: 3, max: 200 }), (any, maxBytes) => {
      const sent = statusText(any, maxBytes);
      expect(Buffer.byteLength(sent)).toBeLessThanOrEqual(maxBytes);
      expect(() => encodeURI(sent)).not.toThrow();
      expect(sent).not.toMatch(/\p{Cc}/u);
      expect(statusText(sent, maxBytes)).toBe(sent);
    }),
  );
});
