import type { Interceptor } from "../grpc/interceptors/interceptor.ts";
import { isUuid } from "../platform/uuid.ts";

/** Options of `createEnterDoor`. */
export interface EnterDoorOptions {
  readonly caller: string;
  readonly instance: string;
  readonly uidOf?: ((request: unknown) => string | undefined) | undefined;
}

/** IDs that may be logged as they are. */
const plainUid = /^[A-Za-z0-9._:-]{1,128}$/;

/**
 * Creates the interceptor that takes the place of `authenticate`, `select-instance`,
 * `select-key-ring` and `prioritize` in a door: caller and instance are those of the configuration.
 * Nothing in the metadata can change them, and a token in it is not read. The ID that the caller
 * gave the request is logged, and it is the correlation ID if it is a UUID.
 */
export const createEnterDoor =
  ({ caller, instance, uidOf }: EnterDoorOptions): Interceptor =>
  (next) =>
  (request, context) => {
    context.caller = caller;
    context.instance = instance;
    const uid = uidOf?.(request);
    if (uid !== undefined && plainUid.test(uid)) {
      context.uid = uid;
      if (isUuid(uid)) context.correlationId = uid;
    }
    return next(request, context);
  };
