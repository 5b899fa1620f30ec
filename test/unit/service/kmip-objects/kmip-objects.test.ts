import { status } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import {
  type DeleteObjectRequest,
  KmipObjectState,
  ListObjectsRequest,
} from "../../../../src/gen/keyprotect/kmip/v1/kmip_objects_service.ts";
import type { KmipObjectResource } from "../../../../src/keyprotect/decode/kmip.ts";
import { createKmipObjectsHandlers } from "../../../../src/service/kmip-objects/handlers.ts";
import { callContext } from "../../../support/call-context.ts";
import { failure, fakeKeyProtect, rejected, violationsOf } from "../fake-key-protect.ts";

const objectId = "deddecaf-0000-4000-8000-1234567890ab";
const certificateId = "ceddecaf-0000-4000-8000-1234567890ab";
const object = (state: number | undefined): KmipObjectResource => ({
  id: objectId,
  objectType: 2,
  state,
  createdAt: new Date("2026-01-02T03:04:05Z"),
  createdByCertificateId: certificateId,
  createdBy: "IBMid-1",
  updatedAt: undefined,
  updatedByCertificateId: undefined,
  updatedBy: undefined,
  destroyedAt: undefined,
  destroyedByCertificateId: undefined,
  destroyedBy: undefined,
  recoverable: false,
});
const request = { adapter: "vmware", objectId };

test.each([
  [1, "PRE_ACTIVE"],
  [2, "ACTIVE"],
  [3, "DEACTIVATED"],
  [4, "COMPROMISED"],
  [5, "DESTROYED"],
  [6, "DESTROYED_COMPROMISED"],
  [0, "UNSPECIFIED"],
  [7, "UNSPECIFIED"],
  [undefined, "UNSPECIFIED"],
] as const)("GetObject returns an object in the state %j as %s", async (state, name) => {
  const fake = fakeKeyProtect({ getKmipObject: async () => object(state) });
  const { getObject } = createKmipObjectsHandlers(fake.deps);
  const answer = await getObject(request, callContext("GetObject"));
  expect(answer.object).toEqual({
    id: objectId,
    objectType: 2,
    state: KmipObjectState[name],
    createTime: new Date("2026-01-02T03:04:05Z"),
    createdByCertificateId: certificateId,
    createdBy: "IBMid-1",
    updateTime: undefined,
    updatedByCertificateId: "",
    updatedBy: "",
    destroyTime: undefined,
    destroyedByCertificateId: "",
    destroyedBy: "",
    recoverable: false,
  });
  expect(fake.calls).toEqual([["getKmipObject", "vmware", objectId]]);
});

test("GetObject names a missing object and its adapter in the error", async () => {
  const { deps } = fakeKeyProtect({ getKmipObject: () => Promise.reject(rejected(404)) });
  const call = createKmipObjectsHandlers(deps).getObject(request, callContext("GetObject"));
  const error = await failure(call);
  expect([error.code, error.reason]).toEqual([status.NOT_FOUND, "KMIP_OBJECT_NOT_FOUND"]);
  expect(error.details.resource).toEqual({
    type: "keyprotect.kmip.v1.KmipObject",
    name: objectId,
    description: 'looked up in KMIP adapter vmware of instance "default"',
  });
});

test("ListObjects asks for each state once, and its page token is bound to the states", async () => {
  const items = [1, 2, 3].map((at) => ({
    ...object(3),
    id: `${at}eddecaf-0000-4000-8000-1234567890ab`,
  }));
  const fake = fakeKeyProtect({
    listKmipObjects: async (_call, _adapter, { limit, offset }) => ({
      items: items.slice(offset, offset + limit),
      isLast: offset + limit >= items.length,
    }),
  });
  const { listObjects } = createKmipObjectsHandlers(fake.deps);
  const context = callContext("ListObjects");
  const { DESTROYED, DEACTIVATED } = KmipObjectState;
  const states = [DESTROYED, DEACTIVATED, DESTROYED];
  const first = await listObjects(
    { adapter: "vmware", states, pageSize: 2, pageToken: "" },
    context,
  );
  expect(fake.calls).toEqual([
    ["listKmipObjects", "vmware", { limit: 3, offset: 0, states: [3, 5] }],
  ]);
  const next = { adapter: "vmware", pageSize: 2, pageToken: first.nextPageToken };
  const second = await listObjects({ ...next, states: [DEACTIVATED, DESTROYED] }, context);
  expect([second.objects.length, second.nextPageToken]).toEqual([1, ""]);
  for (const other of [
    { ...next, states: [DESTROYED] },
    { ...next, adapter: "another", states },
  ]) {
    expect((await failure(listObjects(other, context))).reason).toBe("PAGE_TOKEN_INVALID");
  }
});

/** A request with states that the contract does not name, as a newer caller may send it. */
const strange = ListObjectsRequest.decode(Uint8Array.of(0x12, 2, 0, 9));

test("the requests for objects report all violations at once", async () => {
  const handlers = createKmipObjectsHandlers(fakeKeyProtect({}).deps);
  const list = handlers.listObjects({ ...strange, pageSize: -1 }, callContext("ListObjects"));
  expect(await violationsOf(list)).toEqual([
    "adapter REQUIRED",
    "states[0] REQUIRED",
    "states[1] UNKNOWN_VALUE",
    "page_size OUT_OF_RANGE",
  ]);
  const bad = { adapter: "a/b", objectId: "an-object" };
  const get = handlers.getObject(bad, callContext("GetObject"));
  const remove = handlers.deleteObject(
    { ...bad, force: true, allowMissing: true },
    callContext("DeleteObject"),
  );
  for (const call of [get, remove]) {
    expect(await violationsOf(call)).toEqual([
      "adapter FORMAT_INVALID",
      "object_id FORMAT_INVALID",
    ]);
  }
});

const deletion = (change: Partial<DeleteObjectRequest> = {}): DeleteObjectRequest => ({
  ...request,
  force: false,
  allowMissing: false,
  ...change,
});
const executed = { attempts: 2, httpStatus: undefined, mayHaveBeenExecuted: true };

test("DeleteObject passes force on", async () => {
  const fake = fakeKeyProtect({ deleteKmipObject: async () => {} });
  const { deleteObject } = createKmipObjectsHandlers(fake.deps);
  await deleteObject(deletion(), callContext("DeleteObject"));
  await deleteObject(deletion({ force: true }), callContext("DeleteObject"));
  expect(fake.calls).toEqual([
    ["deleteKmipObject", "vmware", objectId, false],
    ["deleteKmipObject", "vmware", objectId, true],
  ]);
});

test.each([404, 410])(
  "DeleteObject takes the status %i for a success only if asked to, or after a lost answer",
  async (httpStatus) => {
    const { deps } = fakeKeyProtect({
      deleteKmipObject: () => Promise.reject(rejected(httpStatus)),
    });
    const { deleteObject } = createKmipObjectsHandlers(deps);
    const error = await failure(deleteObject(deletion(), callContext("DeleteObject")));
    expect([error.code, error.reason]).toEqual([status.NOT_FOUND, "KMIP_OBJECT_NOT_FOUND"]);
    const allowed = deletion({ allowMissing: true });
    expect(await deleteObject(allowed, callContext("DeleteObject"))).toEqual({});
    const repeated = callContext("DeleteObject", { attemptLog: executed });
    expect(await deleteObject(deletion(), repeated)).toEqual({});
  },
);

test("DeleteObject does not delete an active object, and does not read it to find that out", async () => {
  const fake = fakeKeyProtect({ deleteKmipObject: () => Promise.reject(rejected(409)) });
  const { deleteObject } = createKmipObjectsHandlers(fake.deps);
  const error = await failure(deleteObject(deletion(), callContext("DeleteObject")));
  expect([error.code, error.reason]).toEqual([status.FAILED_PRECONDITION, "KEY_STATE_INVALID"]);
  expect(error.details.preconditions).toEqual([
    expect.objectContaining({
      type: "KMIP_OBJECT_STATE",
      subject: `kmipAdapters/vmware/objects/${objectId}`,
    }),
  ]);
  expect(fake.calls).toHaveLength(1);
});

test.each([
  [5, true],
  [6, true],
  [2, false],
  [undefined, false],
])("after a 409, an object in the state %j counts as deleted: %s", async (state, isDeleted) => {
  const { deps } = fakeKeyProtect({
    deleteKmipObject: () => Promise.reject(rejected(409)),
    getKmipObject: async () => object(state),
  });
  const { deleteObject } = createKmipObjectsHandlers(deps);
  for (const call of [
    deleteObject(deletion({ allowMissing: true }), callContext("DeleteObject")),
    deleteObject(deletion(), callContext("DeleteObject", { attemptLog: executed })),
  ]) {
    if (isDeleted) expect(await call).toEqual({});
    else expect((await failure(call)).reason).toBe("KEY_STATE_INVALID");
  }
});

test("a 409 stays one if the object cannot be read", async () => {
  const { deps } = fakeKeyProtect({
    deleteKmipObject: () => Promise.reject(rejected(409)),
    getKmipObject: () => Promise.reject(rejected(503)),
  });
  const { deleteObject } = createKmipObjectsHandlers(deps);
  const call = deleteObject(deletion({ allowMissing: true }), callContext("DeleteObject"));
  expect((await failure(call)).reason).toBe("KEY_STATE_INVALID");
});
