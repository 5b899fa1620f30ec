import { describe, expect, test } from "vitest";
import type { InstancePolicyChange } from "../../../../src/keyprotect/decode/instance-policies.ts";
import { lockoutCauses } from "../../../../src/service/instance-policies/lockout.ts";

const publicUrl = "https://us-south.kms.cloud.ibm.com";
const privateUrl = "https://private.us-south.kms.cloud.ibm.com";

const ofNetwork = (
  network: "private-only" | "public-and-private",
  enabled = true,
): InstancePolicyChange => ({ enabled, content: { kind: "allowedNetwork", network } });
const ofIp = (...cidrs: string[]): InstancePolicyChange => ({
  enabled: cidrs.length > 0,
  content: { kind: "allowedIP", cidrs },
});

const typesOf = (...parameters: Parameters<typeof lockoutCauses>): string[] =>
  lockoutCauses(...parameters).map(([type]) => type);

describe("a policy for private networks alone", () => {
  test.each([
    privateUrl,
    `${privateUrl}:15008`,
    "https://aa11aa11-0000-4000-8000-00000000aa11.api.private.us-south.kms.appdomain.cloud",
    "https://private.eu-de.kms.test.cloud.ibm.com",
  ])("does not shut out a gateway at %s", (serviceUrl) => {
    expect(lockoutCauses([ofNetwork("private-only")], [{ serviceUrl }])).toEqual([]);
  });

  test.each([
    publicUrl,
    "https://aa11aa11-0000-4000-8000-00000000aa11.api.us-south.kms.appdomain.cloud",
    "http://127.0.0.1:8080",
    "https://10.0.0.1",
    "https://private.kms.example.org",
    "https://kms.private.example.org",
    "https://private.us-south.kms.cloud.ibm.com.example.org",
    "https://notprivate.us-south.kms.cloud.ibm.com",
    "https://private.us-south.kms.cloud-ibm.com",
    "https://private.mycluster.us-south.containers.appdomain.cloud",
  ])("may shut out a gateway at %s", (serviceUrl) => {
    expect(typesOf([ofNetwork("private-only")], [{ serviceUrl }])).toEqual(["ALLOWED_NETWORK"]);
  });

  test("shuts nobody out while it is disabled, or if it allows public networks too", () => {
    const harmless = [ofNetwork("private-only", false), ofNetwork("public-and-private")];
    expect(lockoutCauses(harmless, [{ serviceUrl: publicUrl }])).toEqual([]);
  });

  test("is judged by every way to the instance, and named once", () => {
    const endpoints = [privateUrl, publicUrl, "https://10.0.0.1"].map((serviceUrl) => ({
      serviceUrl,
    }));
    expect(typesOf([ofNetwork("private-only")], endpoints)).toEqual(["ALLOWED_NETWORK"]);
  });
});

const at = (serviceUrl: string, ...egressAddresses: string[]) => [{ serviceUrl, egressAddresses }];

describe("a policy of allowed addresses", () => {
  test("may shut out a gateway that does not know its addresses, whatever is allowed", () => {
    const everything = ofIp("0.0.0.0/0", "::/0");
    expect(lockoutCauses([everything], [{ serviceUrl: publicUrl }])).toEqual([
      ["ALLOWED_IP", "the gateway's own addresses are not configured, so they may not be allowed"],
    ]);
  });

  test.each([
    [["203.0.113.7"], ["203.0.113.0/24"]],
    [
      ["203.0.113.7", "2001:db8::7"],
      ["2001:db8::/32", "203.0.113.7/32"],
    ],
    [["203.0.113.0/25"], ["198.51.100.0/24", "203.0.113.99/24"]],
  ])("does not shut out a gateway of the addresses %j if it allows %j", (own, cidrs) => {
    expect(lockoutCauses([ofIp(...cidrs)], at(publicUrl, ...own))).toEqual([]);
  });

  test.each([
    [["203.0.113.7"], ["203.0.113.0/30"]],
    [["203.0.113.7", "198.51.100.1"], ["203.0.113.0/24"]],
    [["203.0.113.0/24"], ["203.0.113.0/25", "203.0.113.128/25"]],
    [["2001:db8::7"], ["0.0.0.0/0"]],
    [["10.0.0.1"], ["::/0"]],
  ])("may shut out a gateway of the addresses %j if it allows %j", (own, cidrs) => {
    expect(lockoutCauses([ofIp(...cidrs)], at(publicUrl, ...own))).toEqual([
      ["ALLOWED_IP", "an address of the gateway is not allowed"],
    ]);
  });

  test.each([[[]], [["203.0.113.7", "not an address"]]])(
    "may shut out a gateway whose addresses %j are not all known",
    (own) => {
      expect(typesOf([ofIp("0.0.0.0/0")], at(publicUrl, ...own))).toEqual(["ALLOWED_IP"]);
    },
  );

  test("may shut out a private endpoint without the port that the policy assigns", () => {
    expect(lockoutCauses([ofIp("0.0.0.0/0")], at(privateUrl, "10.0.0.1"))).toEqual([
      [
        "ALLOWED_IP",
        "the gateway's private endpoint lacks the port that an allowed_ip policy needs",
      ],
    ]);
  });

  test("does not shut out a private endpoint with a port and an allowed IPv4 address", () => {
    const endpoint = `${privateUrl}:15008`;
    expect(lockoutCauses([ofIp("10.0.0.0/8")], at(endpoint, "10.0.0.1"))).toEqual([]);
    expect(typesOf([ofIp("::/0")], at(endpoint, "2001:db8::7"))).toEqual(["ALLOWED_IP"]);
  });

  test("may shut out the port of a private endpoint when it is disabled, and nothing else", () => {
    expect(typesOf([ofIp()], [{ serviceUrl: `${privateUrl}:15008` }])).toEqual(["ALLOWED_IP"]);
    const others = [{ serviceUrl: privateUrl }, { serviceUrl: `${publicUrl}:8443` }];
    expect(lockoutCauses([ofIp()], others)).toEqual([]);
  });
});

test("policies of other kinds shut nobody out, and each cause of a request is named", () => {
  const access = {
    createRootKey: false,
    createStandardKey: false,
    importRootKey: false,
    importStandardKey: false,
    enforceToken: true,
  };
  const others: InstancePolicyChange[] = [
    { enabled: true, content: { kind: "keyCreateImportAccess", access } },
    { enabled: true, content: { kind: "dualAuthDelete" } },
    { enabled: true, content: { kind: "metrics" } },
    { enabled: true, content: { kind: "rotation", intervalMonths: 1 } },
  ];
  const endpoints = [{ serviceUrl: publicUrl }];
  expect(lockoutCauses(others, endpoints)).toEqual([]);
  const both = [...others, ofIp("10.0.0.0/8"), ofNetwork("private-only")];
  expect(typesOf(both, endpoints)).toEqual(["ALLOWED_IP", "ALLOWED_NETWORK"]);
});
