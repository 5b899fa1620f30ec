import { describe, expect, test } from "vitest";
import { admit } from "../../../../../src/grpc/server/connections/admission.ts";
import { groupOfPeer, peerGroup } from "../../../../../src/grpc/server/connections/peer-group.ts";

const peers = (open: Readonly<Record<string, readonly string[]>>) =>
  new Map(Object.entries(open).map(([peer, names]) => [peer, new Set(names)] as const));
const limits = { max: 4, maxPerPeer: 3 };
const busy = (): boolean => false;
const idle =
  (...names: string[]) =>
  (name: string): boolean =>
    names.includes(name);

describe("admit", () => {
  test.each([
    ["below the bounds", { a: ["a1"] }, "a", busy, { isAdmitted: true }],
    [
      "at the bound of its peer",
      { a: ["a1", "a2", "a3"] },
      "a",
      busy,
      { isAdmitted: false, limit: "peer" },
    ],
    [
      "at the bound of its peer, with an idle connection",
      { a: ["a1", "a2", "a3"] },
      "a",
      idle("a2", "a3"),
      { isAdmitted: true, evicted: "a2", limit: "peer" },
    ],
    ["of another peer", { a: ["a1", "a2", "a3"] }, "b", busy, { isAdmitted: true }],
    [
      "of a new peer at the bound of all",
      { a: ["a1", "a2", "a3"], b: ["b1"] },
      "c",
      busy,
      { isAdmitted: true, evicted: "a1", limit: "total" },
    ],
    [
      "of a peer with few at the bound of all",
      { a: ["a1", "a2", "a3"], b: ["b1"] },
      "b",
      idle("a3", "b1"),
      { isAdmitted: true, evicted: "a3", limit: "total" },
    ],
    [
      "of a peer with as many as any at the bound of all",
      { a: ["a1", "a2"], b: ["b1", "b2"] },
      "b",
      busy,
      { isAdmitted: false, limit: "total" },
    ],
    [
      "of a peer with as many as any, and an idle one, at the bound of all",
      { a: ["a1", "a2"], b: ["b1", "b2"] },
      "b",
      idle("a1", "b2"),
      { isAdmitted: true, evicted: "b2", limit: "total" },
    ],
    [
      "of a Unix socket above the bound by peer",
      { unix: ["u1", "u2", "u3"] },
      "unix",
      busy,
      { isAdmitted: true },
    ],
  ])("a connection %s is decided about", (_, open, peer, isIdle, expected) => {
    expect(admit(peers(open), peer, limits, isIdle)).toEqual(expected);
  });
});

describe("peerGroup", () => {
  test.each([
    [undefined, "unix"],
    ["192.0.2.7", "192.0.2.7"],
    ["::ffff:192.0.2.7", "192.0.2.7"],
    ["2001:db8:0:1:a:b:c:d", "2001:db8:0:1"],
    ["2001:0DB8:0:0001::1", "2001:db8:0:1"],
    ["2001:db8::1", "2001:db8:0:0"],
    ["::1", "0:0:0:0"],
    ["fe80::1%eth0", "fe80:0:0:0"],
  ])("the address %s belongs to the group %s", (address, group) => {
    expect(peerGroup(address)).toBe(group);
  });

  test.each([
    ["unix", "unix"],
    ["unknown", "unknown"],
    ["127.0.0.1:1", "127.0.0.1"],
    ["2001:db8:0:1::5:4711", "2001:db8:0:1"],
  ])("the peer %s of grpc-js belongs to the group %s", (peer, group) => {
    expect(groupOfPeer(peer)).toBe(group);
  });
});
