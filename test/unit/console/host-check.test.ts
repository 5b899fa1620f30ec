import { describe, expect, test } from "vitest";
import { isHostAllowed } from "../../../src/console/host-check.ts";

describe("the guard against DNS rebinding", () => {
  test.each([
    "127.0.0.1",
    "127.0.0.1:9464",
    "10.1.2.3:80",
    "[::1]:9464",
    "[::1]",
    "localhost",
    "LOCALHOST:9464",
    "localhost.:9464",
    "console.localhost",
    "gateway.example",
    "Gateway.Example:443",
  ])("the host %s may read the console", (host) => {
    expect(isHostAllowed(host, ["gateway.example"])).toBe(true);
  });

  test.each([
    undefined,
    "",
    "evil.example",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "evil.example:9464",
    "gateway.example.evil.example",
    "notlocalhost",
    "127.0.0.1@evil.example",
    "evil.example/127.0.0.1",
    "evil.example#localhost",
    "::1",
    "[evil.example]",
    "localhost, evil.example",
    "localhost:9464:1",
    "localhost:999999",
  ])("the host %s may not read the console", (host) => {
    expect(isHostAllowed(host, ["gateway.example"])).toBe(false);
  });
});
