/**
 * The routes of KMIP objects, and how they come into being. In the service only KMIP clients create
 * objects. The emulator does not speak KMIP, so tests plant objects over a control route.
 */
import { randomUUID } from "node:crypto";
import type { Operation } from "../api/operations.ts";
import { collection, noContent, pagination } from "../api/route.ts";
import type { Answer, Call, Route } from "../api/route.ts";
import { invalidQuery, plainRejection, rejection } from "../api/vendor-error.ts";
import { toVendorDate } from "../clock.ts";
import { timersMs } from "../keys/state.ts";
import {
  findAdapter,
  findNamed,
  isDestroyed,
  isKmipObjectState,
  kmipObjectState,
  noteChange,
} from "./records.ts";
import type {
  KmipAdapterRecord,
  KmipObjectEvent,
  KmipObjectRecord,
  KmipObjectState,
} from "./records.ts";

type KmipObjectOperation = Extract<
  Operation,
  "getKmipObjects" | "getKmipObject" | "deleteKmipObject"
>;

const objectType = "application/vnd.ibm.kms.kmip_object+json";
const symmetricKey = 2;
const { active, compromised, destroyed, destroyedCompromised } = kmipObjectState;

/** Creates the routes of KMIP objects. */
export function createKmipObjectRoutes(): Record<KmipObjectOperation, Route> {
  return {
    getKmipObjects: (call) => {
      const pageOf = pagination(call.query, 100);
      const states = statesOf(call.query.get("state"));
      const adapter = findAdapter(call.instance, call.params["adapter"] ?? "");
      const { items, metadata } = pageOf(
        presentObjects(adapter, call.now).filter(({ state }) => states.includes(state)),
      );
      return objectsAnswer(items, metadata);
    },
    getKmipObject: (call) => objectsAnswer([locate(call).object]),
    deleteKmipObject: (call) => {
      destroy(call);
      return noContent;
    },
  };
}

/** The content of a KMIP object that a test plants. */
export interface PlantedKmipObject {
  /** ID or name of the adapter. */
  readonly adapter: string;
  /** Number of the state in the KMIP specification. Default 2, active. */
  readonly state?: number;
  /** ID or name of the client certificate that made it. Default: the adapter's first. */
  readonly certificate?: string;
  readonly recoverable?: boolean;
  /** Default: the first instance. */
  readonly instanceId?: string;
}

/**
 * Adds an object to an adapter, as a KMIP client would, and returns its ID. Rejects an unknown
 * adapter or certificate, and with a RangeError an unknown state.
 */
export function plantKmipObject(
  owner: { readonly kmipAdapters: ReadonlyMap<string, KmipAdapterRecord> },
  planted: PlantedKmipObject,
  now: number,
): string {
  const adapter = findAdapter(owner, planted.adapter);
  const state = planted.state ?? active;
  if (!isKmipObjectState(state)) throw new RangeError("state is not an integer from 1 to 6");
  const maker =
    planted.certificate === undefined
      ? [...adapter.certificates.values()][0]
      : findNamed(adapter.certificates, planted.certificate);
  if (planted.certificate !== undefined && maker === undefined) {
    throw rejection("KMIP_CERT_NOT_FOUND_ERR");
  }
  const event: KmipObjectEvent = {
    at: now,
    by: maker?.createdBy ?? adapter.createdBy,
    // A certificate can be deleted after it has made objects, which keep its ID.
    certificateId: maker?.id ?? randomUUID(),
  };
  const object: KmipObjectRecord = {
    id: randomUUID(),
    state,
    recoverable: planted.recoverable,
    created: event,
    updated: event,
    destroyed: state >= destroyed ? event : undefined,
  };
  adapter.objects.set(object.id, object);
  return object.id;
}

function statesOf(text: string | null): readonly KmipObjectState[] {
  if (text === null || text === "") return [1, 2, 3, 4];
  return text.split(",").map((part) => {
    const state = Number(part.trim() || Number.NaN);
    if (!isKmipObjectState(state)) {
      throw invalidQuery("state", "a list of integers between 1 and 6 (inclusive)");
    }
    return state;
  });
}

// The service purges an object 90 days after its destruction. The order of a list is by ID.
function presentObjects(adapter: KmipAdapterRecord, now: number): readonly KmipObjectRecord[] {
  for (const object of adapter.objects.values()) {
    const purgedAt = (object.destroyed?.at ?? Number.POSITIVE_INFINITY) + timersMs.purgeScheduled;
    if (now >= purgedAt) adapter.objects.delete(object.id);
  }
  return [...adapter.objects.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

function locate({ instance, params, now }: Call): {
  readonly adapter: KmipAdapterRecord;
  readonly object: KmipObjectRecord;
} {
  const adapter = findAdapter(instance, params["adapter"] ?? "");
  const object = presentObjects(adapter, now).find(({ id }) => id === params["object"]);
  if (object === undefined) throw rejection("KMIP_OBJECT_NOT_FOUND_ERR");
  return { adapter, object };
}

// No public source names the reason codes of the two refusals for the object's state.
function destroy(call: Call): void {
  const { adapter, object } = locate(call);
  if (isDestroyed(object)) throw plainRejection(410, "The KMIP object has already been deleted.");
  if (object.state === active && call.query.get("force") !== "true") {
    throw plainRejection(409, "The KMIP object is in the active state.");
  }
  object.state = object.state === compromised ? destroyedCompromised : destroyed;
  object.destroyed = { at: call.now, by: call.user.subject, certificateId: undefined };
  object.updated = object.destroyed;
  noteChange(adapter, call);
}

function objectsAnswer(
  objects: readonly KmipObjectRecord[],
  metadata: Readonly<Record<string, unknown>> = {},
): Answer {
  const resources = objects.map((object) => ({
    id: object.id,
    kmip_object_type: symmetricKey,
    state: object.state,
    ...eventFields("created", object.created),
    ...eventFields("updated", object.updated),
    ...(object.destroyed === undefined ? {} : eventFields("destroyed", object.destroyed)),
    recoverable: object.recoverable,
  }));
  return {
    status: 200,
    mediaType: objectType,
    body: collection(objectType, resources, metadata),
  };
}

const eventFields = (verb: string, { at, by, certificateId }: KmipObjectEvent): object => ({
  [`${verb}_at`]: toVendorDate(at),
  [`${verb}_by`]: by,
  [`${verb}_by_kmip_client_cert_id`]: certificateId,
});
