import { expect, test } from "vitest";
import { call, createScriptedClient, keyProtectErrorOf, policies } from "../fake-upstream.ts";

/** Reads one policy and returns its content. */
async function contentOf(policy_type: string, enabled: boolean, attributes?: object) {
  const { client, anomalies } = createScriptedClient("current", {
    status: 200,
    body: policies({ policy_type, policy_data: { enabled, attributes } }),
  });
  const found = await client.getInstancePolicies(call);
  return { contents: found.map(({ content }) => content), anomalies };
}

const access = {
  create_root_key: false,
  create_standard_key: true,
  import_root_key: false,
  import_standard_key: true,
  enforce_token: true,
};

test.each([
  [
    "allowedNetwork",
    { allowed_network: "private-only" },
    { kind: "allowedNetwork", network: "private-only" },
  ],
  ["allowedIP", { allowed_ip: ["10.0.0.0/8"] }, { kind: "allowedIP", cidrs: ["10.0.0.0/8"] }],
  ["dualAuthDelete", undefined, { kind: "dualAuthDelete" }],
  ["metrics", {}, { kind: "metrics" }],
  [
    "keyCreateImportAccess",
    access,
    {
      kind: "keyCreateImportAccess",
      access: {
        createRootKey: false,
        createStandardKey: true,
        importRootKey: false,
        importStandardKey: true,
        enforceToken: true,
      },
    },
  ],
  ["rotation", { interval_month: 12 }, { kind: "rotation", intervalMonths: 12 }],
])(
  "an enabled policy of the type %s is decoded with its attributes",
  async (type, given, content) => {
    expect(await contentOf(type, true, given)).toEqual({ contents: [content], anomalies: [] });
  },
);

test.each([
  ["allowedIP", { allowed_ip: [] }, { kind: "allowedIP", cidrs: [] }],
  ["allowedIP", { allowed_ip: ["10.0.0.0/8"] }, { kind: "allowedIP", cidrs: [] }],
  [
    "keyCreateImportAccess",
    access,
    {
      kind: "keyCreateImportAccess",
      access: {
        createRootKey: undefined,
        createStandardKey: undefined,
        importRootKey: undefined,
        importStandardKey: undefined,
        enforceToken: undefined,
      },
    },
  ],
  ["rotation", { interval_month: 3 }, { kind: "rotation", intervalMonths: undefined }],
  [
    "allowedNetwork",
    { allowed_network: "public-and-private" },
    { kind: "allowedNetwork", network: "public-and-private" },
  ],
  ["allowedNetwork", undefined, { kind: "allowedNetwork", network: undefined }],
])(
  "a disabled policy of the type %s with the attributes %j keeps those of a network alone",
  async (type, given, content) => {
    expect(await contentOf(type, false, given)).toEqual({ contents: [content], anomalies: [] });
  },
);

test("a policy of an unknown type is kept as unknown, and reported", async () => {
  expect(await contentOf("quantum", true)).toEqual({
    contents: [{ kind: "unknown" }],
    anomalies: ["unknown_policy_kind"],
  });
});

test("an unknown choice of networks is dropped, and reported", async () => {
  expect(await contentOf("allowedNetwork", true, { allowed_network: "none" })).toEqual({
    contents: [{ kind: "allowedNetwork", network: undefined }],
    anomalies: ["unknown_policy_kind"],
  });
});

test("the repetition of the allowed addresses under their former name is left out", async () => {
  expect(await contentOf("ipWhitelist", true, { allowed_ip: ["10.0.0.0/8"] })).toEqual({
    contents: [],
    anomalies: [],
  });
});

const enabledWith = (policy_type: string, attributes: unknown) => ({
  policy_type,
  policy_data: { enabled: true, attributes },
});

test.each([
  ["without type", { policy_data: { enabled: true } }],
  ["of an empty type", { policy_type: "", policy_data: { enabled: true } }],
  ["without data", { policy_type: "metrics" }],
  ["that says nothing", { policy_type: "metrics", policy_data: {} }],
  ["with enabled as a text", { policy_type: "metrics", policy_data: { enabled: "true" } }],
  ["with attributes in a list", enabledWith("metrics", [])],
  ["with a network that is a number", enabledWith("allowedNetwork", { allowed_network: 1 })],
  ["with addresses in a text", enabledWith("allowedIP", { allowed_ip: "10.0.0.0/8" })],
  ["with an address that is a number", enabledWith("allowedIP", { allowed_ip: [10] })],
  ["with a fraction of months", enabledWith("rotation", { interval_month: 1.5 })],
  ["with access as a text", enabledWith("keyCreateImportAccess", { create_root_key: "true" })],
])("an instance policy %s is a bad response", async (_, resource) => {
  const body = policies(resource);
  const { client } = createScriptedClient("current", { status: 200, body });
  expect((await keyProtectErrorOf(client.getInstancePolicies(call))).code).toBe("BAD_RESPONSE");
});

test.each([
  ["of 0", { private_endpoint_port: 0 }, "allowed_ip_metadata"],
  ["of 65536", { private_endpoint_port: 65_536 }, "allowed_ip_metadata"],
  ["as a text", { private_endpoint_port: "15008" }, "allowed_ip_metadata"],
  ["in a collection of policies", { private_endpoint_port: 15_008 }, "policy"],
])("a private port %s is a bad response", async (_, resource, type) => {
  const metadata = { collectionType: `application/vnd.ibm.kms.${type}+json` };
  const body = { metadata, resources: [resource] };
  const { client } = createScriptedClient("current", { status: 200, body });
  expect((await keyProtectErrorOf(client.getPrivateEndpointPort(call))).code).toBe("BAD_RESPONSE");
});

test("a 404 that is not Key Protect's own does not mean that there is no port", async () => {
  const { client } = createScriptedClient("current", { status: 404, body: "<html>" });
  expect((await keyProtectErrorOf(client.getPrivateEndpointPort(call))).code).toBe("BAD_RESPONSE");
});
