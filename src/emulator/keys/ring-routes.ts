/** The routes of key rings. */
import { collection, noContent, pagination } from "../api/route.ts";
import type { Call, Route } from "../api/route.ts";
import type { Operation } from "../api/operations.ts";
import { VendorError, invalidField, rejection } from "../api/vendor-error.ts";
import { toVendorDate } from "../clock.ts";

type RingOperation = Extract<Operation, "listKeyRings" | "createKeyRing" | "deleteKeyRing">;

const ringType = "application/vnd.ibm.kms.key_ring+json";
const ringPattern = /^[A-Za-z0-9][A-Za-z0-9 _-]{1,99}$/;
const maxRings = 50;

/** Creates the routes of key rings. */
export function createRingRoutes(): Record<RingOperation, Route> {
  return {
    listKeyRings: (call) => {
      const pageOf = pagination(call.query, 100);
      const rings = [
        { id: "default" },
        ...[...call.instance.rings.values()].map(({ id, createdAt, createdBy }) => ({
          id,
          creationDate: toVendorDate(createdAt),
          createdBy,
        })),
      ];
      const { items, metadata } = pageOf(rings);
      const body = collection(ringType, items, metadata);
      return { status: 200, mediaType: ringType, body };
    },
    createKeyRing: ({ params, instance, user, now }) => {
      const id = params["ring"] ?? "";
      if (!ringPattern.test(id) || id === "default" || instance.rings.has(id)) {
        throw invalidField("key-ring-id", "2 to 100 characters, and not in use");
      }
      if (instance.rings.size >= maxRings) {
        throw new VendorError(409, undefined, `An instance has at most ${maxRings} key rings.`);
      }
      instance.rings.set(id, { id, createdBy: user.subject, createdAt: now });
      return { status: 201 };
    },
    deleteKeyRing: (call) => {
      deleteRing(call);
      return noContent;
    },
  };
}

function deleteRing({ params, query, instance, now }: Call): void {
  const id = params["ring"] ?? "";
  if (!instance.rings.has(id)) throw rejection("KEY_RING_NOT_FOUND_ERR");
  const keys = instance.keys.all(now).filter(({ ringId }) => ringId === id);
  if (keys.length > 0) {
    if (query.get("force") !== "true") throw rejection("KEY_RING_NOT_EMPTY_ERR");
    if (keys.some(({ deletion }) => deletion === undefined)) {
      throw rejection("KEY_RING_KEYS_NOT_DELETED_ERR");
    }
    for (const key of keys) key.ringId = "default";
  }
  instance.rings.delete(id);
}
