/** Registrations: which cloud resources a key protects. Other services make them; callers only read them. */
import { collection, integerQuery } from "../http/route.ts";
import type { Answer, Call, Route } from "../http/route.ts";
import type { KeyRecord } from "./record.ts";
import { newestVersion } from "./record.ts";
import { keyOf } from "./routes.ts";
import type { Operation } from "../api/operations.ts";
import { invalidQuery } from "../api/vendor-error.ts";
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
  const limit = integerQuery(query, "limit", 200, 1, 5000, invalidQuery);
  const offset = integerQuery(query, "offset", 0, 0, Number.MAX_SAFE_INTEGER, invalidQuery);
  const prevents = query.get("preventKeyDeletion");
  const crn = query.get("urlEncodedResourceCRNQuery") ?? "";
  const pattern = new RegExp(`^${crn.split("*").map(escapePattern).join(".*")}$`);
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
  const metadata = query.get("totalCount") === "true" ? { totalCount: matching.length } : {};
  const page = matching.slice(offset, offset + limit);
  return {
    status: 200,
    mediaType: registrationType,
    body: collection(registrationType, page, metadata),
  };
}

function escapePattern(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
