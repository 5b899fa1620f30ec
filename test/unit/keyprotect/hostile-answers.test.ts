import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { KeyProtectClient } from "../../../src/keyprotect/client.ts";
import { KeyProtectError } from "../../../src/keyprotect/error.ts";
import {
  call,
  createScriptedClient,
  keyId,
  keyProtectErrorOf,
  keys,
  lockerId,
  otherKeyId,
  policies,
  rootKey,
  type Answer,
} from "./fake-upstream.ts";
import type { ApiDialect } from "../../../src/platform/api-dialect.ts";

type Ask = (client: KeyProtectClient) => Promise<unknown>;

const create: Ask = (client) =>
  client.createKey(call, {
    name: "demo",
    description: undefined,
    tags: [],
    expirationDate: undefined,
    extractable: false,
    material: undefined,
    aliases: [],
    policyOverrides: undefined,
    prefer: "representation",
  });
const list: Ask = (client) => client.listKeys(call, { limit: 2, offset: 0 });
const count: Ask = (client) => client.countKeys(call);
const get: Ask = (client) => client.getKey(call, keyId);
const getByAlias: Ask = (client) => client.getKey(call, "demo-alias");
const material: Ask = (client) => client.getKeyMaterial(call, keyId);
const remove: Ask = (client) =>
  client.deleteKey(call, keyId, { prefer: "representation", force: false });
const wrap: Ask = (client) => client.wrapKey(call, keyId, { plaintext: Buffer.from("x"), aad: [] });
const generate: Ask = (client) => client.wrapKey(call, keyId, { aad: [] });
const unwrap: Ask = (client) =>
  client.unwrapKey(call, keyId, { ciphertext: Buffer.from("x"), aad: [] });
const getPolicies: Ask = (client) => client.getKeyPolicies(call, keyId);
const putPolicies: Ask = (client) =>
  client.replaceKeyPolicies(call, keyId, [{ kind: "rotation", intervalMonths: 1 }]);
const getInstancePolicies: Ask = (client) => client.getInstancePolicies(call);
const getPort: Ask = (client) => client.getPrivateEndpointPort(call);
const createLocker: Ask = (client) =>
  client.createLocker(call, { expirationSeconds: 600, maxAllowedRetrievals: 1 });
const retrieveLocker: Ask = (client) => client.retrieveLocker(call, lockerId);

/** Operations of both dialects that read a body, with the status at which they read it. */
const readers: readonly (readonly [string, Ask, number])[] = [
  ["createKey", create, 201],
  ["listKeys", list, 200],
  ["getKey", get, 200],
  ["getKeyMaterial", material, 200],
  ["deleteKey", remove, 200],
  ["wrapKey", wrap, 200],
  ["wrapKey without plaintext", generate, 200],
  ["unwrapKey", unwrap, 200],
  ["getKeyPolicies", getPolicies, 200],
  ["replaceKeyPolicies", putPolicies, 200],
  ["createLocker", createLocker, 200],
  ["retrieveLocker", retrieveLocker, 200],
];

/** The same with their dialects, and operations of the current dialect. */
const readersOfDialects: readonly (readonly [string, Ask, number, readonly ApiDialect[]])[] = [
  ...readers.map(([name, ask, status]) => [name, ask, status, ["2019", "current"]] as const),
  ["getInstancePolicies", getInstancePolicies, 200, ["current"]],
  ["getPrivateEndpointPort", getPort, 200, ["current"]],
];

const secret = "c2VjcmV0LXBsYWludGV4dA==";

const nonsense: readonly (readonly [string, unknown])[] = [
  ["HTML", "<html><body>502 Bad Gateway</body></html>"],
  ["truncated JSON", `{"plaintext":"${secret}","ciphertext":"`],
  ["JSON with a tail", `{"plaintext":"${secret}"} x`],
  ["null", "null"],
  ["a number", "1"],
  ["a text", `"${secret}"`],
  ["a list", `[{"plaintext":"${secret}"}]`],
  ["an empty object", "{}"],
  ["a byte that is not UTF-8", Buffer.from([0x7b, 0xff, 0x7d])],
  ["deep nesting", "[".repeat(60_000)],
  ["fields of the prototype", `{"__proto__":{"id":"${keyId}","plaintext":"${secret}"}}`],
  ["a null envelope", `{"metadata":null,"resources":null}`],
];

const fieldNames =
  "metadata collectionType collectionTotal resources id state tags plaintext ciphertext keyVersion payload extractable rotation crn interval_month dualAuthDelete enabled creationDate nonce __proto__".split(
    " ",
  );

describe.each(readersOfDialects)("%s", (_, ask, status, dialects) => {
  test.each(nonsense)("a response body of %s is rejected", async (_what, body) => {
    for (const dialect of dialects) {
      const { client } = createScriptedClient(dialect, { status, body });
      const error = await keyProtectErrorOf(ask(client));
      expect(error.code).toBe("BAD_RESPONSE");
      expect(error.cause).toBeUndefined();
      expect(`${error.message} ${error.stack}`).not.toContain(secret.slice(0, 6));
    }
  });

  test("any JSON leads to a result or to a KeyProtectError", async () => {
    const names = fc.constantFrom(...fieldNames);
    const { json } = fc.letrec((tie) => ({
      json: fc.oneof(
        { maxDepth: 4 },
        fc.jsonValue(),
        fc.constantFrom("application/vnd.ibm.kms.key+json", keyId, secret, 0, 1, true, null),
        fc.dictionary(names, tie("json"), { maxKeys: 6 }),
        fc.array(tie("json"), { maxLength: 3 }),
        fc.array(tie("json"), { maxLength: 2 }).map((resources) => keys(...resources)),
        fc.array(tie("json"), { maxLength: 2 }).map((resources) => policies(...resources)),
      ),
    }));
    await fc.assert(
      fc.asyncProperty(json, fc.constantFrom(...dialects), async (body, dialect) => {
        const text = JSON.stringify(body);
        // An update of policies may read them with a second request.
        const { client } = createScriptedClient(
          dialect,
          { status, body: text },
          { status, body: text },
        );
        const outcome: unknown = await ask(client).catch((error: unknown) => error);
        if (outcome instanceof Error) expect(outcome).toBeInstanceOf(KeyProtectError);
      }),
      { numRuns: 150 },
    );
  });
});

const letterKeyId = "abcdefab-2222-4333-8444-555555555555";
const b64 = (bytes: number) => Buffer.alloc(bytes, 5).toString("base64");
const answer = (body: unknown, status = 200): Answer => ({ status, body });
const deletionPolicy = { dualAuthDelete: { enabled: true } };

/** A collection whose `collectionTotal` is not its number of resources. */
const totalling = (collection: ReturnType<typeof keys>, collectionTotal: number | string): Answer =>
  answer({ ...collection, metadata: { ...collection.metadata, collectionTotal } });

test.each<readonly [string, Ask, Answer]>([
  ["a key of another ID", get, answer(keys({ ...rootKey, id: otherKeyId }))],
  [
    "a key other than the one asked for in capitals",
    (client) => client.getKey(call, letterKeyId.toUpperCase()),
    answer(keys(rootKey)),
  ],
  ["material of another key", material, answer(keys({ ...rootKey, id: otherKeyId }))],
  ["a deleted key of another ID", remove, answer(keys({ ...rootKey, id: otherKeyId }))],
  ["a key without ID", get, answer(keys({ ...rootKey, id: undefined }))],
  ["an ID that is no UUID", getByAlias, answer(keys({ ...rootKey, id: "demo-alias" }))],
  ["two keys instead of one", get, answer(keys(rootKey, rootKey))],
  ["no key instead of one", get, answer(keys())],
  ["more keys than asked for", list, answer(keys(rootKey, rootKey, rootKey))],
  ["a collection of policies", list, answer(policies(rootKey))],
  [
    "a collection of errors",
    get,
    answer({
      ...keys(rootKey),
      metadata: { collectionType: "application/vnd.ibm.kms.error+json" },
    }),
  ],
  ["resources that are not a list", list, answer({ ...keys(), resources: rootKey })],
  ["a resource that is a text", list, answer(keys("x"))],
  [
    "omitted resources of a total that is not 0",
    list,
    answer({ metadata: { ...keys().metadata, collectionTotal: 3 } }),
  ],
  ["a standard key for a root key", create, answer(keys({ ...rootKey, extractable: true }), 201)],
  ["a state that is a text", get, answer(keys({ ...rootKey, state: "1" }))],
  ["a state that is a fraction", get, answer(keys({ ...rootKey, state: 1.5 }))],
  ["a state beyond 32 bits", get, answer(keys({ ...rootKey, state: 2 ** 31 }))],
  ["a name that is a number", get, answer(keys({ ...rootKey, name: 1 }))],
  ["extractable as a text", get, answer(keys({ ...rootKey, extractable: "false" }))],
  ["a tag that is a number", get, answer(keys({ ...rootKey, tags: ["a", 1] }))],
  ["tags that are a text", get, answer(keys({ ...rootKey, tags: "a" }))],
  ["an algorithm that is a text", get, answer(keys({ ...rootKey, algorithmMetadata: "AES" }))],
  [
    "a bit length that is a list",
    get,
    answer(keys({ ...rootKey, algorithmMetadata: { bitLength: [256], mode: "GCM" } })),
  ],
  [
    "material that is not base64",
    material,
    answer(keys({ ...rootKey, extractable: true, payload: "not base64" })),
  ],
  ["more keys than collectionTotal", list, totalling(keys(rootKey), 0)],
  ["a collectionTotal that is a text", list, totalling(keys(rootKey), "1")],
  ["fewer keys than collectionTotal instead of one", get, totalling(keys(rootKey), 2)],
  ["fewer policies than collectionTotal", getPolicies, totalling(policies(deletionPolicy), 2)],
  ["more policies than collectionTotal", putPolicies, totalling(policies(deletionPolicy), 0)],
  ["no Key-Total", count, { status: 200 }],
  ["a Key-Total that is empty", count, { status: 200, headers: { "key-total": "" } }],
  ["a negative Key-Total", count, { status: 200, headers: { "key-total": "-1" } }],
  ["a Key-Total in hexadecimal", count, { status: 200, headers: { "key-total": "0x7" } }],
  ["a repeated Key-Total", count, { status: 200, headers: { "key-total": "7, 7" } }],
  ["a Key-Total beyond 32 bits", count, { status: 200, headers: { "key-total": "2147483648" } }],
  ["no ciphertext", wrap, answer({ plaintext: b64(32) })],
  ["an empty ciphertext", wrap, answer({ ciphertext: "" })],
  ["ciphertext in base64url", wrap, answer({ ciphertext: "-_-_" })],
  ["ciphertext without padding", wrap, answer({ ciphertext: "YQ" })],
  ["ciphertext with stray bits", wrap, answer({ ciphertext: "YR==" })],
  ["ciphertext with a line break", wrap, answer({ ciphertext: "YWFh\nYWFh" })],
  ["a key version that is a text", wrap, answer({ ciphertext: b64(3), keyVersion: "1" })],
  ["a key version of an empty ID", wrap, answer({ ciphertext: b64(3), keyVersion: { id: "" } })],
  [
    "a name that is not UTF-8",
    get,
    answer(Buffer.from(JSON.stringify(keys({ ...rootKey, name: "\u00e9" })), "latin1")),
  ],
  ["a key version without ID", wrap, answer({ ciphertext: b64(3), keyVersion: {} })],
  ["no generated plaintext", generate, answer({ ciphertext: b64(3) })],
  [
    "a generated plaintext of 16 bytes",
    generate,
    answer({ ciphertext: b64(3), plaintext: b64(16) }),
  ],
  ["no plaintext", unwrap, answer({ ciphertext: b64(3) })],
  ["an empty plaintext", unwrap, answer({ plaintext: "" })],
  ["a plaintext that is a number", unwrap, answer({ plaintext: 1 })],
  [
    "a rewrapped ciphertext that is not base64",
    unwrap,
    answer({ plaintext: b64(3), ciphertext: "?" }),
  ],
  [
    "a policy of another key",
    getPolicies,
    answer(policies({ crn: `crn:v1:x:key:${otherKeyId}`, dualAuthDelete: { enabled: true } })),
  ],
  [
    "a rotation policy without interval",
    getPolicies,
    answer(policies({ rotation: { enabled: true } })),
  ],
  [
    "a rotation policy of no months",
    getPolicies,
    answer(policies({ rotation: { interval_month: 0 } })),
  ],
  ["a rotation policy that is a number", getPolicies, answer(policies({ rotation: 3 }))],
  ["a deletion policy that says nothing", getPolicies, answer(policies({ dualAuthDelete: {} }))],
  [
    "a collection of lockers for policies",
    putPolicies,
    answer({
      metadata: { collectionType: "application/vnd.ibm.kms.locker+json", collectionTotal: 1 },
      resources: [{ rotation: { interval_month: 1 } }],
    }),
  ],
  ["a locker without ID", createLocker, answer({ maxAllowedRetrievals: 1 })],
  ["a locker whose ID is no UUID", createLocker, answer({ id: "1" })],
  [
    "a negative number of retrievals",
    createLocker,
    answer({ id: lockerId, remainingRetrievals: -1 }),
  ],
  ["another locker", retrieveLocker, answer({ id: otherKeyId })],
])("a response with %s is the error BAD_RESPONSE", async (_, ask, scripted) => {
  const { client } = createScriptedClient("2019", scripted);
  expect((await keyProtectErrorOf(ask(client))).code).toBe("BAD_RESPONSE");
});

test.each([
  ["reads", getPolicies],
  ["replaces", putPolicies],
])("the current dialect %s no policies in a collection of keys", async (_, ask) => {
  const body = keys({ rotation: { interval_month: 1 } });
  const { client } = createScriptedClient("current", { status: 200, body });
  expect((await keyProtectErrorOf(ask(client))).code).toBe("BAD_RESPONSE");
});

test.each([199, 202, 203, 206, 301, 302, 304, 307, 600])(
  "an unexpected status %i is a bad response",
  async (status) => {
    for (const [, ask] of readers) {
      const { client } = createScriptedClient("2019", { status, body: keys(rootKey) });
      expect(await keyProtectErrorOf(ask(client))).toMatchObject({
        code: "BAD_RESPONSE",
        httpStatus: status,
      });
    }
  },
);

test.each<
  readonly [
    page: string,
    totals: { collectionTotal?: number; keyTotal?: string; offset?: number },
    isLast: boolean | undefined,
    anomalies: readonly string[],
  ]
>([
  ["ends where Key-Total ends", { keyTotal: "1" }, true, []],
  ["ends behind Key-Total", { keyTotal: "7", offset: 9 }, true, []],
  ["has no Key-Total", {}, undefined, []],
  ["has no total at all", { collectionTotal: -1 }, undefined, []],
  ["has a Key-Total that says more", { keyTotal: "2" }, undefined, ["short_page"]],
  ["has a collectionTotal that says more", { collectionTotal: 2 }, false, ["short_page"]],
  [
    "has a collectionTotal of the list",
    { collectionTotal: 10, keyTotal: "10", offset: 9 },
    true,
    [],
  ],
  ["was cut behind offset 9", { collectionTotal: 5, keyTotal: "10", offset: 9 }, undefined, []],
])(
  "a page of one key of two that %s says whether the list ends",
  async (_, totals, isLast, anomalies) => {
    const { collectionTotal = 1, keyTotal, offset = 0 } = totals;
    const page = keys(rootKey);
    const { collectionType } = page.metadata;
    const metadata = { collectionType, ...(collectionTotal < 0 ? {} : { collectionTotal }) };
    const upstream = createScriptedClient("current", {
      status: 200,
      body: { ...page, metadata },
      ...(keyTotal === undefined ? {} : { headers: { "key-total": keyTotal } }),
    });
    const found = await upstream.client.listKeys(call, { limit: 2, offset });
    expect([found.keys.length, found.isLast, upstream.anomalies]).toEqual([1, isLast, anomalies]);
  },
);

test("a full page says nothing about the end of the list", async () => {
  const { client } = createScriptedClient("current", answer(keys(rootKey, { id: otherKeyId })));
  const page = await client.listKeys(call, { limit: 2, offset: 0 });
  expect([page.keys.length, page.isLast]).toEqual([2, undefined]);
});
