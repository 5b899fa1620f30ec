/** The policies of an instance, as the vendor's documents and SDKs describe them. */
import { describe, expect, test } from "vitest";
import { startEmulator } from "../../../support/start-emulator.ts";
import { createRestClient, rejectionIn } from "../rest-client.ts";

const policyType = "application/vnd.ibm.kms.policy+json";

interface Policy {
  readonly policy_type: string;
  readonly policy_data: { readonly enabled?: boolean; readonly attributes?: unknown };
}
const policy = (policy_type: string, enabled: boolean, attributes?: unknown): Policy => ({
  policy_type,
  policy_data: attributes === undefined ? { enabled } : { enabled, attributes },
});

async function setUp() {
  const emulator = await startEmulator();
  const client = createRestClient(emulator);
  return {
    client,
    put: async (policies: readonly object[], query = "") =>
      client.call("PUT", `/instance/policies${query}`, {
        metadata: { collectionType: policyType, collectionTotal: policies.length },
        resources: policies,
      }),
    read: async (query = "") =>
      (await client.call("GET", `/instance/policies${query}`)).body.at("resources"),
    [Symbol.asyncDispose]: async () => emulator[Symbol.asyncDispose](),
  };
}

const six = [
  policy("allowedNetwork", true, { allowed_network: "public-and-private" }),
  policy("allowedIP", true, { allowed_ip: ["10.0.0.0/8"] }),
  policy("dualAuthDelete", true),
  policy("metrics", true),
  policy("keyCreateImportAccess", true, { create_root_key: false }),
  policy("rotation", true, { interval_month: 3 }),
];

test("all kinds can be set at once and are read with who set them, and when", async () => {
  await using instance = await setUp();
  expect((await instance.put(six)).status).toBe(204);
  expect(await instance.read()).toMatchObject(
    six.map(({ policy_type, policy_data }) => ({
      policy_type,
      policy_data,
      createdBy: "IBMid-EMULATOR0A",
      creationDate: expect.stringMatching(/Z$/),
      updatedBy: "IBMid-EMULATOR0A",
      lastUpdated: expect.stringMatching(/Z$/),
    })),
  );
  expect(await instance.read("?policy=metrics")).toMatchObject([policy("metrics", true)]);
});

test("an enabled access policy gets the defaults of what it leaves out", async () => {
  await using instance = await setUp();
  await instance.put([policy("keyCreateImportAccess", true, { create_root_key: false })]);
  expect(await instance.read()).toMatchObject([
    {
      policy_data: {
        attributes: {
          create_root_key: false,
          create_standard_key: true,
          import_root_key: true,
          import_standard_key: true,
          enforce_token: false,
        },
      },
    },
  ]);
});

test("a policy that is disabled loses its attributes, except the network", async () => {
  await using instance = await setUp();
  await instance.put(six);
  await instance.put([
    policy("allowedNetwork", false, { allowed_network: "private-only" }),
    policy("allowedIP", false),
    policy("keyCreateImportAccess", false),
    policy("rotation", false),
  ]);
  const read = await instance.read();
  expect(read).toHaveLength(6);
  expect(read).toEqual(
    expect.arrayContaining([
      expect.objectContaining(policy("allowedNetwork", false, { allowed_network: "private-only" })),
      expect.objectContaining(policy("allowedIP", false)),
      expect.objectContaining(policy("keyCreateImportAccess", false)),
      expect.objectContaining(policy("rotation", false)),
    ]),
  );
});

describe("a refused change", () => {
  const wrong = policy("rotation", true, { interval_month: 13 });
  test.each<readonly [string, readonly object[], string, string]>([
    ["no policy", [], "", "BAD_BODY_ERR"],
    ["no policy of the kind in the query", [], "?policy=metrics", "NUM_COLLECTION_RESOURCE_ERR"],
    [
      "two policies of the kind in the query",
      [policy("metrics", true), policy("metrics", false)],
      "?policy=metrics",
      "NUM_COLLECTION_RESOURCE_ERR",
    ],
    [
      "two policies of one kind",
      [policy("metrics", true), policy("dualAuthDelete", true), policy("metrics", false)],
      "",
      "NUM_COLLECTION_RESOURCE_ERR",
    ],
    [
      "another kind than in the query",
      [policy("metrics", true)],
      "?policy=rotation",
      "BODY_QUERY_PARAM_MISMATCH_ERR",
    ],
    [
      "an unknown kind that is not that of the query",
      [policy("badName", true)],
      "?policy=dualAuthDelete",
      "BODY_QUERY_PARAM_MISMATCH_ERR",
    ],
    ["an unknown kind", [policy("badName", true)], "", "INVALID_FIELD_ERR"],
    [
      "an unknown kind in the query",
      [policy("metrics", true)],
      "?policy=badName",
      "INVALID_QUERY_PARAM_ERR",
    ],
    ["one wrong policy of two", [policy("metrics", true), wrong], "", "INVALID_FIELD_ERR"],
    [
      "an interval of a disabled policy",
      [policy("rotation", false, { interval_month: 3 })],
      "",
      "INVALID_FIELD_ERR",
    ],
    [
      "1,001 subnets",
      [policy("allowedIP", true, { allowed_ip: Array(1_001).fill("10.0.0.0/8") })],
      "",
      "INVALID_FIELD_ERR",
    ],
    ["no flag", [{ policy_type: "metrics", policy_data: {} }], "", "BAD_BODY_ERR"],
    ["an unknown field", [{ ...policy("metrics", true), extra: 1 }], "", "BAD_BODY_ERR"],
  ])("of %s changes nothing", async (_, policies, query, code) => {
    await using instance = await setUp();
    expect(rejectionIn(await instance.put(policies, query))).toEqual([400, code]);
    expect(await instance.read()).toEqual([]);
  });

  test("of another total than its policies changes nothing", async () => {
    await using instance = await setUp();
    const answer = await instance.client.call("PUT", "/instance/policies", {
      metadata: { collectionType: policyType, collectionTotal: 2 },
      resources: [policy("metrics", true)],
    });
    expect(rejectionIn(answer)).toEqual([400, "COLLECTION_TOTAL_MISMATCH_ERR"]);
    expect(await instance.read()).toEqual([]);
  });
});
