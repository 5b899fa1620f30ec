import { expect, test } from "vitest";
import {
  isWithin,
  parseIpAddress,
  parseIpNetwork,
} from "../../../../src/platform/network/ip-network.ts";

const network = (text: string) => parseIpNetwork(text) ?? expect.fail(`no network: ${text}`);

test.each(["0.0.0.0/0", "192.0.2.1/24", "255.255.255.255/32", "::/0", "2001:db8::1/128"])(
  "%s is a network",
  (text) => {
    expect(parseIpNetwork(text)).toBeDefined();
    expect(parseIpAddress(text)).toBeUndefined();
  },
);

test.each([
  "",
  "/",
  "10.0.0.0",
  "10.0.0.0/",
  "10.0.0.0/33",
  "10.0.0.0/08",
  "10.0.0.0/+8",
  "::/129",
])("%s is no network", (text) => {
  expect(parseIpNetwork(text)).toBeUndefined();
});

test.each(["fe80::1%eth0", "localhost", "10.0.0", ""])("%s is no address", (text) => {
  expect(parseIpAddress(text)).toBeUndefined();
});

test.each([
  ["10.1.2.0/24", "10.0.0.0/8", true],
  ["10.0.0.0/8", "10.0.0.0/8", true],
  ["10.0.0.0/8", "10.9.9.9/8", true],
  ["10.0.0.0/7", "10.0.0.0/8", false],
  ["11.0.0.0/24", "10.0.0.0/8", false],
  ["10.0.0.1/32", "0.0.0.0/0", true],
  ["2001:db8:1::/48", "2001:db8::/32", true],
  ["2001:db9::/48", "2001:db8::/32", false],
  ["10.0.0.1/32", "::/0", false],
  ["::ffff:10.0.0.1/128", "10.0.0.0/8", false],
])("%s lies within %s: %s", (inner, outer, expected) => {
  expect(isWithin(network(inner), network(outer))).toBe(expected);
});
