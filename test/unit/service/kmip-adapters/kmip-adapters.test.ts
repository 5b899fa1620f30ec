import { status } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import type { KmipAdapterResource } from "../../../../src/keyprotect/decode/kmip.ts";
import { KeyProtectError } from "../../../../src/keyprotect/error.ts";
import { createKmipAdaptersHandlers } from "../../../../src/service/kmip-adapters/handlers.ts";
import { callContext } from "../../../support/call-context.ts";
import { failure, fakeKeyProtect, keyId, rejected, violationsOf } from "../fake-key-protect.ts";

const id = "feddecaf-0000-4000-8000-1234567890ab";
const adapter: KmipAdapterResource = {
  id,
  name: "vmware",
  description: undefined,
  profile: "native_1.0",
  rootKeyId: keyId,
  createdAt: new Date("2026-01-02T03:04:05Z"),
  createdBy: "IBMid-1",
  updatedAt: new Date(Number.NaN),
  updatedBy: undefined,
};
const message = {
  id,
  name: "vmware",
  description: "",
  profile: "native_1.0",
  rootKeyId: keyId,
  createTime: new Date("2026-01-02T03:04:05Z"),
  createdBy: "IBMid-1",
  updateTime: undefined,
  updatedBy: "",
};
const good = {
  name: "vmware",
  description: "",
  profile: "",
  rootKeyId: keyId,
  allowExpiringKey: false,
};

test("CreateAdapter asks for the default profile and leaves out what is empty", async () => {
  const fake = fakeKeyProtect({ createKmipAdapter: async () => adapter });
  const { createAdapter } = createKmipAdaptersHandlers(fake.deps);
  const context = callContext("CreateAdapter");
  expect(await createAdapter(good, context)).toEqual({ adapter: message });
  await createAdapter(
    {
      name: "",
      description: "in Dallas",
      profile: "native_1.0",
      rootKeyId: "an-alias",
      allowExpiringKey: true,
    },
    context,
  );
  const profile = "native_1.0";
  expect(fake.calls.map(([, params]) => params)).toEqual([
    { name: "vmware", description: undefined, profile, rootKeyId: keyId, allowExpiringKey: false },
    {
      name: undefined,
      description: "in Dallas",
      profile,
      rootKeyId: "an-alias",
      allowExpiringKey: true,
    },
  ]);
});

test("CreateAdapter reports all violations at once", async () => {
  const { createAdapter } = createKmipAdaptersHandlers(fakeKeyProtect({}).deps);
  const request = {
    name: "a b",
    description: "x".repeat(241),
    profile: "native_2.0",
    rootKeyId: "",
    allowExpiringKey: false,
  };
  expect(await violationsOf(createAdapter(request, callContext("CreateAdapter")))).toEqual([
    "name FORMAT_INVALID",
    "description TOO_LONG",
    "profile UNKNOWN_VALUE",
    "root_key_id REQUIRED",
  ]);
});

const rejectedWith = (httpStatus: number, code: string): KeyProtectError =>
  new KeyProtectError("REJECTED", "", { httpStatus, reasons: [{ code, target: undefined }] });

test.each([
  [rejected(404), "KEY_NOT_FOUND", keyId],
  [rejectedWith(404, "NATIVE_CRK_ID_NOT_FOUND_ERR"), "KEY_NOT_FOUND", keyId],
  [rejectedWith(400, "NATIVE_INVALID_CRK_ERR"), "KEY_TYPE_MISMATCH", keyId],
  [rejectedWith(400, "KEY_ROOT_REQ_ERR"), "KEY_TYPE_MISMATCH", keyId],
  [rejected(409), "RESOURCE_EXISTS", "vmware"],
  [rejectedWith(409, "KMIP_ADAPTER_DUPLICATE_NAME_ERR"), "RESOURCE_EXISTS", "vmware"],
])(
  "CreateAdapter names the root key or the adapter in the error (%#)",
  async (refusal, reason, name) => {
    const { deps } = fakeKeyProtect({ createKmipAdapter: () => Promise.reject(refusal) });
    const call = createKmipAdaptersHandlers(deps).createAdapter(good, callContext("CreateAdapter"));
    const found = await failure(call);
    expect([found.reason, found.details.resource?.name]).toEqual([reason, name]);
  },
);

test("a root key that cannot be used is a violation of root_key_id", async () => {
  const error = rejectedWith(400, "NATIVE_INVALID_CRK_ERR");
  const { deps } = fakeKeyProtect({ createKmipAdapter: () => Promise.reject(error) });
  const call = createKmipAdaptersHandlers(deps).createAdapter(good, callContext("CreateAdapter"));
  expect((await failure(call)).details.violations?.map(({ field }) => field)).toEqual([
    "root_key_id",
  ]);
});

test("GetAdapter and DeleteAdapter take a name or an ID, and report one that cannot be either", async () => {
  const fake = fakeKeyProtect({
    getKmipAdapter: async () => adapter,
    deleteKmipAdapter: async () => {},
  });
  const handlers = createKmipAdaptersHandlers(fake.deps);
  expect(await handlers.getAdapter({ adapter: id }, callContext("GetAdapter"))).toEqual({
    adapter: message,
  });
  const deletion = { adapter: "vmware", allowMissing: false };
  expect(await handlers.deleteAdapter(deletion, callContext("DeleteAdapter"))).toEqual({});
  expect(fake.calls).toEqual([
    ["getKmipAdapter", id],
    ["deleteKmipAdapter", "vmware"],
  ]);
  for (const bad of ["../keys", "a/b", "x".repeat(91), "ä"]) {
    const get = handlers.getAdapter({ adapter: bad }, callContext("GetAdapter"));
    expect(await violationsOf(get)).toEqual(["adapter FORMAT_INVALID"]);
    const remove = handlers.deleteAdapter(
      { adapter: bad, allowMissing: true },
      callContext("DeleteAdapter"),
    );
    expect(await violationsOf(remove)).toEqual(["adapter FORMAT_INVALID"]);
  }
  const none = handlers.getAdapter({ adapter: "" }, callContext("GetAdapter"));
  expect(await violationsOf(none)).toEqual(["adapter REQUIRED"]);
});

const executed = { attempts: 2, httpStatus: undefined, mayHaveBeenExecuted: true };

test("DeleteAdapter takes a missing adapter for a success only if asked to, or after a lost answer", async () => {
  const { deps } = fakeKeyProtect({ deleteKmipAdapter: () => Promise.reject(rejected(404)) });
  const { deleteAdapter } = createKmipAdaptersHandlers(deps);
  const request = { adapter: "vmware", allowMissing: false };
  const error = await failure(deleteAdapter(request, callContext("DeleteAdapter")));
  expect([error.code, error.reason]).toEqual([status.NOT_FOUND, "KMIP_ADAPTER_NOT_FOUND"]);
  expect(error.details.resource).toMatchObject({
    type: "keyprotect.kmip.v1.KmipAdapter",
    name: "vmware",
  });
  const allowed = { adapter: "vmware", allowMissing: true };
  expect(await deleteAdapter(allowed, callContext("DeleteAdapter"))).toEqual({});
  const repeated = callContext("DeleteAdapter", { attemptLog: executed });
  expect(await deleteAdapter(request, repeated)).toEqual({});
});

test("DeleteAdapter says that an adapter with objects is not empty, also with allow_missing", async () => {
  const { deps } = fakeKeyProtect({ deleteKmipAdapter: () => Promise.reject(rejected(409)) });
  const request = { adapter: "vmware", allowMissing: true };
  const error = await failure(
    createKmipAdaptersHandlers(deps).deleteAdapter(request, callContext("DeleteAdapter")),
  );
  expect([error.code, error.reason]).toEqual([
    status.FAILED_PRECONDITION,
    "KMIP_ADAPTER_NOT_EMPTY",
  ]);
  expect(error.details.preconditions?.[0]?.subject).toBe("kmipAdapters/vmware");
});

test("a page token of the adapters of one root key is rejected for another query", async () => {
  const items = Array.from({ length: 3 }, (_, at) => ({
    ...adapter,
    id: `${at}eddecaf-0000-4000-8000-1234567890ab`,
  }));
  const fake = fakeKeyProtect({
    listKmipAdapters: async (_call, { limit, offset }) => ({
      items: items.slice(offset, offset + limit),
      isLast: offset + limit >= items.length,
    }),
  });
  const { listAdapters } = createKmipAdaptersHandlers(fake.deps);
  const context = callContext("ListAdapters");
  const query = { rootKeyId: keyId.toUpperCase(), pageSize: 2, pageToken: "" };
  const first = await listAdapters(query, context);
  expect(first.adapters).toHaveLength(2);
  expect(fake.calls).toEqual([["listKmipAdapters", { limit: 3, offset: 0, rootKeyId: keyId }]]);
  const pageToken = first.nextPageToken;
  const second = await listAdapters({ ...query, rootKeyId: keyId, pageToken }, context);
  expect([second.adapters.length, second.nextPageToken]).toEqual([1, ""]);
  const call = listAdapters({ rootKeyId: "", pageSize: 2, pageToken }, context);
  expect((await failure(call)).reason).toBe("PAGE_TOKEN_INVALID");
});

test("ListAdapters takes the ID of a root key, but no alias, because an alias would find nothing", async () => {
  const { listAdapters } = createKmipAdaptersHandlers(fakeKeyProtect({}).deps);
  const request = { rootKeyId: "an-alias", pageSize: -1, pageToken: "" };
  expect(await violationsOf(listAdapters(request, callContext("ListAdapters")))).toEqual([
    "root_key_id FORMAT_INVALID",
    "page_size OUT_OF_RANGE",
  ]);
});
