import { isKeyRingId, keyRingIdForm } from "../../access/key-ring-id.ts";
import { headerViolation } from "./header-violation.ts";
import type { Interceptor } from "./interceptor.ts";

/** The metadata key that names the key ring of a call. */
export const keyRingHeader = "x-kp-key-ring";

/**
 * The interceptor that writes `keyRing` and `targetKeyRing` into the context of RPCs that work
 * within a key ring: the ring in `x-kp-key-ring`, and the ring that the request puts a key into. A
 * new key has no ring before, so `key_ring_id` of CreateKey is both. Rejects with
 * `INVALID_ARGUMENT` if the header is not the ID of a ring, is there more than once, or disagrees
 * with a request for a new key. For all other RPCs the header has no meaning and is not read.
 */
export const selectKeyRing: Interceptor = (next, { keyRing: use }) => {
  if (use === "none") return next;
  return (request, context) => {
    const values = context.metadata.get(keyRingHeader);
    const [named] = values;
    if (values.length > 1) return wrong("MORE_THAN_ONCE", "given more than once");
    if (named !== undefined && (typeof named !== "string" || !isKeyRingId(named))) {
      return wrong("FORMAT_INVALID", keyRingIdForm);
    }
    context.keyRing = named;
    const target = use === "within" ? "" : keyRingIdOf(request);
    if (target !== "" && use === "target") {
      context.targetKeyRing = target;
    } else if (target !== "") {
      if (named !== undefined && named !== target) {
        return wrong("CONTRADICTORY", "differs from key_ring_id");
      }
      // The handler rejects any other text. It must not reach the log before.
      if (isKeyRingId(target)) context.keyRing = target;
    }
    return next(request, context);
  };
};

/** The field `key_ring_id` of a request; empty if it has none. */
const keyRingIdOf = (request: unknown): string =>
  typeof request === "object" &&
  request !== null &&
  "keyRingId" in request &&
  typeof request.keyRingId === "string"
    ? request.keyRingId
    : "";

const wrong = (reason: string, description: string): Promise<never> =>
  Promise.reject(headerViolation(keyRingHeader, reason, description));
