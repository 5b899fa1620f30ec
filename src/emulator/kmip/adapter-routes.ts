/** The routes of KMIP adapters. An adapter lets KMIP clients use one root key of the instance. */
import { randomUUID } from "node:crypto";
import type { Operation } from "../api/operations.ts";
import { collection, noContent, pagination } from "../api/route.ts";
import type { Answer, Call, Route } from "../api/route.ts";
import { objectField, rejectUnknownFields, stringField } from "../api/json-fields.ts";
import type { JsonObject } from "../api/json-fields.ts";
import { VendorError, invalidField, plainRejection, rejection } from "../api/vendor-error.ts";
import { toVendorDate } from "../clock.ts";
import type { KeyRecord } from "../keys/record.ts";
import { keyState, stateOf } from "../keys/state.ts";
import { onlyResource, readNewName } from "./new-resource.ts";
import { findAdapter, isDestroyed } from "./records.ts";
import type { KmipAdapterRecord } from "./records.ts";

type KmipAdapterOperation = Extract<
  Operation,
  "getKmipAdapters" | "createKmipAdapter" | "getKmipAdapter" | "deleteKmipAdapter"
>;

const adapterType = "application/vnd.ibm.kms.kmip_adapter+json";
const profile = "native_1.0";
const maxAdapters = 200;
const maxDescriptionLength = 240;

/** Creates the routes of KMIP adapters. */
export function createKmipAdapterRoutes(): Record<KmipAdapterOperation, Route> {
  return {
    getKmipAdapters: ({ instance, query }) => {
      const pageOf = pagination(query, 100, 200);
      const rootKeyId = query.get("crk_id") ?? "";
      const matching = [...instance.kmipAdapters.values()].filter(
        (adapter) => rootKeyId === "" || adapter.rootKeyId === rootKeyId,
      );
      const { items, metadata } = pageOf(matching);
      return adaptersAnswer(200, items, metadata);
    },
    createKmipAdapter: (call) => adaptersAnswer(201, [createAdapter(call)]),
    getKmipAdapter: ({ instance, params }) =>
      adaptersAnswer(200, [findAdapter(instance, params["adapter"] ?? "")]),
    deleteKmipAdapter: ({ instance, params }) => {
      const adapter = findAdapter(instance, params["adapter"] ?? "");
      // No public source names the reason code of this refusal.
      if ([...adapter.objects.values()].some((object) => !isDestroyed(object))) {
        throw plainRejection(409, "The KMIP adapter has KMIP objects that are not deleted.");
      }
      instance.kmipAdapters.delete(adapter.id);
      return noContent;
    },
  };
}

function adaptersAnswer(
  status: number,
  adapters: readonly KmipAdapterRecord[],
  metadata: Readonly<Record<string, unknown>> = {},
): Answer {
  const resources = adapters.map((adapter) => ({
    id: adapter.id,
    name: adapter.name,
    description: adapter.description,
    profile,
    profile_data: { crk_id: adapter.rootKeyId },
    created_at: toVendorDate(adapter.createdAt),
    created_by: adapter.createdBy,
    updated_at: toVendorDate(adapter.updatedAt),
    updated_by: adapter.updatedBy,
  }));
  return { status, mediaType: adapterType, body: collection(adapterType, resources, metadata) };
}

function createAdapter(call: Call): KmipAdapterRecord {
  const { instance, user, now } = call;
  const fields = onlyResource(call.body, "KMIP adapter");
  rejectUnknownFields(fields, ["name", "description", "profile", "profile_data"]);
  if (stringField(fields, "profile") !== profile) throw invalidField("profile", `"${profile}"`);
  // IBM's Go client always sends a description, which is empty if there is none.
  const description = stringField(fields, "description") ?? "";
  if (description.length > maxDescriptionLength) {
    throw invalidField("description", `a string of at most ${maxDescriptionLength} characters`);
  }
  const name = readNewName(
    fields,
    instance.kmipAdapters,
    "kmip_adapter",
    "KMIP_ADAPTER_DUPLICATE_NAME_ERR",
  );
  const rootKey = readRootKey(fields, call);
  if (instance.kmipAdapters.size >= maxAdapters) {
    throw plainRejection(409, `An instance has at most ${maxAdapters} KMIP adapters.`);
  }
  const adapter: KmipAdapterRecord = {
    id: randomUUID(),
    name,
    description: description === "" ? undefined : description,
    rootKeyId: rootKey.id,
    createdAt: now,
    createdBy: user.subject,
    updatedAt: now,
    updatedBy: user.subject,
    certificates: new Map(),
    objects: new Map(),
  };
  instance.kmipAdapters.set(adapter.id, adapter);
  return adapter;
}

function readRootKey(fields: JsonObject, call: Call): KeyRecord {
  const data = objectField(fields, "profile_data");
  if (data !== undefined) rejectUnknownFields(data, ["crk_id"]);
  const idOrAlias = data === undefined ? "" : (stringField(data, "crk_id") ?? "");
  if (idOrAlias === "") throw invalidField("profile_data.crk_id", "the ID of a root key");
  const key = findRootKey(idOrAlias, call);
  const isExpiring = key.expiresAt !== undefined && call.query.get("allowExpiringKey") !== "true";
  if (key.extractable || isExpiring || stateOf(key, call.now) !== keyState.active) {
    throw rejection("NATIVE_INVALID_CRK_ERR");
  }
  return key;
}

function findRootKey(idOrAlias: string, { headers, instance, now }: Call): KeyRecord {
  const ring = headers["x-kms-key-ring"];
  try {
    const ringId = typeof ring === "string" && ring !== "" ? ring : undefined;
    return instance.keys.get(idOrAlias, ringId, now);
  } catch (error) {
    if (!(error instanceof VendorError)) throw error;
    throw rejection("NATIVE_CRK_ID_NOT_FOUND_ERR");
  }
}
