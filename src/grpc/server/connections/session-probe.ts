import type { Logger } from "pino";
import { holdsObject } from "../grpc-js.ts";

/**
 * Creates the function that tells whether nghttp2 has given a session up: it will neither read nor
 * write any more. Node itself asks this of its native session (`hasPendingData`), but only when a
 * session is closed or a stream ends. The native session is in a private field, so a release of
 * Node may move it. That is logged once, and then no session counts as over.
 */
export function createSessionProbe(logger: Pick<Logger, "warn">): (session: object) => boolean {
  let field: symbol | undefined;
  let isReported = false;

  const reportMoved = (): void => {
    if (isReported) return;
    isReported = true;
    logger.warn("this release of Node does not show whether an HTTP/2 session is over");
  };

  return (session) => {
    if (Reflect.get(session, "destroyed") === true) return true;
    field ??= Object.getOwnPropertySymbols(session).find(
      ({ description }) => description === "kHandle",
    );
    const handle: unknown = field && Reflect.get(session, field);
    const hasPendingData: unknown = holdsObject(handle) && Reflect.get(handle, "hasPendingData");
    if (typeof hasPendingData === "function") {
      return Reflect.apply(hasPendingData, handle, []) === false;
    }
    reportMoved();
    return false;
  };
}
