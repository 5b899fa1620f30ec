/**
 * Statuses that grpc-js makes itself (an undecodable or oversized message, bad compression, its own deadline timer)
 * pass neither a handler nor an interceptor's `sendStatus`; all that can be seen of such a call is that it is over.
 */
import {
  type ServerInterceptor,
  ServerInterceptingCall,
  status,
  type ServerInterceptingCallInterface,
} from "@grpc/grpc-js";
import { remainingMs } from "./deadline.ts";

/**
 * Told of each unary call that ended before it reached its handler. The code is `DEADLINE_EXCEEDED` if the caller's
 * deadline had passed, otherwise `UNKNOWN`: the library tells neither which status it sent nor whether the caller had
 * gone away.
 */
export type EndedByLibrary = (path: string, code: status) => void;

/** Makes the server interceptor that notices calls which never reach their handler. */
export function createLibraryStatus(
  endedByLibrary: EndedByLibrary,
  wallNow: () => number,
): ServerInterceptor {
  return (method, call) => {
    // A stream is over whenever its caller says so.
    if (method.requestStream || method.responseStream) return new ServerInterceptingCall(call);
    return watch(call, (code) => endedByLibrary(method.path, code), wallNow);
  };
}

function watch(
  call: ServerInterceptingCallInterface,
  ended: (code: status) => void,
  wallNow: () => number,
): ServerInterceptingCall {
  let messages = 0;
  let isHandled = false;
  return new ServerInterceptingCall(call, {
    start: (next) =>
      next({
        onReceiveMessage: (message, pass) => {
          messages += 1;
          pass(message);
        },
        onReceiveHalfClose: (pass) => {
          // With none or several, the library answers in the handler's place.
          isHandled = messages === 1;
          pass();
        },
        onCancel: () => {
          if (isHandled) return;
          const isTooLate = remainingMs(call.getDeadline(), wallNow()) <= 0;
          ended(isTooLate ? status.DEADLINE_EXCEEDED : status.UNKNOWN);
        },
      }),
  });
}
