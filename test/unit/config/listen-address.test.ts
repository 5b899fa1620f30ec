import { expect, test } from "vitest";
import {
  formatListenAddress,
  isLocalAddress,
  parseListenAddress,
} from "../../../src/config/listen-address.ts";

test.each([
  ["127.0.0.1:50051", { kind: "tcp", host: "127.0.0.1", port: 50_051 }, true],
  ["127.9.9.9:1", { kind: "tcp", host: "127.9.9.9", port: 1 }, true],
  ["localhost:0", { kind: "tcp", host: "localhost", port: 0 }, true],
  ["[::1]:65535", { kind: "tcp", host: "::1", port: 65_535 }, true],
  ["[::]:1", { kind: "tcp", host: "::", port: 1 }, false],
  ["0.0.0.0:1", { kind: "tcp", host: "0.0.0.0", port: 1 }, false],
  ["gateway.svc:1", { kind: "tcp", host: "gateway.svc", port: 1 }, false],
  ["127.example.org:1", { kind: "tcp", host: "127.example.org", port: 1 }, false],
  ["unix:/run/a.sock", { kind: "unix", path: "/run/a.sock" }, true],
] as const)("%s is a valid listen address", (text, address, isLocal) => {
  expect(parseListenAddress(text)).toEqual(address);
  expect(formatListenAddress(address)).toBe(text);
  expect(isLocalAddress(address)).toBe(isLocal);
});

test("unix:///run/a.sock is the path /run/a.sock", () => {
  expect(parseListenAddress("unix:///run/a.sock")).toEqual({ kind: "unix", path: "/run/a.sock" });
});

test.each([
  "",
  "50051",
  ":50051",
  "127.0.0.1",
  "127.0.0.1:",
  "127.0.0.1:65536",
  "127.0.0.1:-1",
  "127.0.0.1:http",
  "999.0.0.1:1",
  "::1:50051",
  "[::1]",
  "[127.0.0.1]:1",
  "[::g]:1",
  "-host:1",
  "a b:1",
  "http://host:1",
  "unix:",
  "unix:run/a.sock",
  "unix://run/a.sock",
  "unix:/run/",
  `unix:/${"x".repeat(107)}`,
])("%j is not a listen address", (text) => {
  expect(parseListenAddress(text)).toBeUndefined();
});
