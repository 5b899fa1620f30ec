import { expect, test } from "vitest";
import { parseRedisUrl } from "../../../src/redis/url.ts";

test.each([
  ["redis://cache", { host: "cache", port: 6379, db: 0 }],
  ["redis://cache:7000/3", { host: "cache", port: 7000, db: 3 }],
  ["redis://cache/10000", { host: "cache", port: 6379, db: 10_000 }],
  ["redis://[::1]:7000", { host: "::1", port: 7000, db: 0 }],
  ["rediss://10.0.0.1", { host: "10.0.0.1", port: 6379, db: 0, tls: { minVersion: "TLSv1.2" } }],
  [
    "rediss://cache.example:6380/",
    {
      host: "cache.example",
      port: 6380,
      db: 0,
      tls: { minVersion: "TLSv1.2", servername: "cache.example" },
    },
  ],
])("parseRedisUrl reads %s", (text, address) => {
  expect(parseRedisUrl(text)).toEqual(address);
});

test("a given authority is the only one that the connection trusts", () => {
  expect(parseRedisUrl("rediss://cache", "PEM").tls?.ca).toBe("PEM");
});

test.each([
  "",
  "cache:6379",
  "http://cache",
  "redis://",
  "redis://user@cache",
  "redis://:hidden@cache",
  "redis://cache/keys",
  "redis://cache/1/2",
  "redis://cache?password=hidden",
  "redis://cache#hidden",
])("parseRedisUrl rejects %j without quoting it", (text) => {
  let thrown: unknown;
  try {
    parseRedisUrl(text);
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(RangeError);
  expect(String(thrown)).not.toContain("hidden");
});
