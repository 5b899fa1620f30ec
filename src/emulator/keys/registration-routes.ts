/**
 * The routes of registrations. A registration names a cloud resource that a key protects. Other IBM
 * services create registrations; callers of Key Protect can only read them.
 */
import { collection, globPattern, pagination } from "../api/route.ts";
import type { Answer, Call, Route } from "../api/route.ts";
import type { KeyRecord } from "./record.ts";
import { newestVersion } from "./record.ts";
import { keyOf } from "./query.ts";
import type { Operation } from "../api/operations.ts";
import { toVendorDate } from "../clock.ts";

type RegistrationOperation = Extract<Operation, "getRegistrations" | "getRegistrationsAllKeys">;

const registrationType = "application/vnd.ibm.kms.registration+json";

/** Creates the routes of registrations. */
export function createRegistrationRoutes(): Record<RegistrationOperation, Route> {
  return {
    getRegistrations: (call) => registrationsAnswer(call, [keyOf(call)]),
    getRegistrationsAllKeys: (call) => registrationsAnswer(call, call.instance.keys.all(call.now)),
  };
}

function registrationsAnswer({ query }: Call, keys: readonly KeyRecord[]): Answer {
  const pageOf = pagination(query, 200);
  const prevents = query.get("preventKeyDeletion");
  const crn = query.get("urlEncodedResourceCRNQuery") ?? "";
  const pattern = globPattern(crn);
  const matching = keys.flatMap((key) =>
    key.registrations
      .filter(({ resourceCrn }) => crn === "" || pattern.test(resourceCrn))
      .filter(({ preventsDeletion }) => prevents === null || String(preventsDeletion) === prevents)
      .map((registration) => ({
        keyId: key.id,
        resourceCrn: registration.resourceCrn,
        createdBy: registration.createdBy,
        creationDate: toVendorDate(registration.createdAt),
        updatedBy: registration.createdBy,
        lastUpdated: toVendorDate(registration.createdAt),
        description: registration.description,
        preventKeyDeletion: registration.preventsDeletion,
        keyVersion: {
          id: newestVersion(key).id,
          creationDate: toVendorDate(newestVersion(key).createdAt),
        },
      })),
  );
  const { items, metadata } = pageOf(matching);
  return {
    status: 200,
    mediaType: registrationType,
    body: collection(registrationType, items, metadata),
  };
}
