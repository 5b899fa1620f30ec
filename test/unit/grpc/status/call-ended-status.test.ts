import { expect, test } from "vitest";
import { CallEnded, type CallEnd } from "../../../../src/platform/call-signal.ts";
import { callEndedStatus } from "../../../../src/grpc/status/call-ended-status.ts";
import { callContext } from "../../../support/call-context.ts";

const ended = (
  method: string,
  end: CallEnd,
  attemptLog: { attempts: number; mayHaveBeenExecuted?: boolean },
) => {
  const controller = new AbortController();
  controller.abort(new CallEnded(end));
  const { signal } = controller;
  const { reason, details } = callEndedStatus(
    callContext(method, { signal, attemptLog: { httpStatus: undefined, ...attemptLog } }),
  );
  return [reason, details.mayHaveExecuted === true];
};

const untouched = { attempts: 0 };
const sent = { attempts: 1 };
/** A call that waits for the request of an earlier call. */
const waiting = { attempts: 0, mayHaveBeenExecuted: true };

test.each([
  ["CreateKey", "deadline", untouched, ["DEADLINE_IN_QUEUE", false]],
  ["CreateKey", "deadline", sent, ["DEADLINE_UPSTREAM", true]],
  ["CreateKey", "deadline", waiting, ["DEADLINE_UPSTREAM", true]],
  ["CreateKey", "cancelled", untouched, ["OUTCOME_UNKNOWN", false]],
  ["CreateKey", "cancelled", waiting, ["OUTCOME_UNKNOWN", true]],
  ["CreateKey", "shutdown", untouched, ["SHUTTING_DOWN", false]],
  ["CreateKey", "shutdown", waiting, ["OUTCOME_UNKNOWN", true]],
  ["WrapKey", "deadline", sent, ["DEADLINE_UPSTREAM", false]],
  ["WrapKey", "shutdown", sent, ["SHUTTING_DOWN", false]],
] as const)(
  "a %s ended by %s with the attempt log %o has the right reason and mayHaveExecuted",
  (method, end, attemptLog, expected) => {
    expect(ended(method, end, attemptLog)).toEqual(expected);
  },
);
