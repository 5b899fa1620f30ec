import type { CallContext } from "../grpc/call/call-context.ts";
import type { UnaryHandler } from "../grpc/interceptors/interceptor.ts";
import type { FieldViolation } from "../grpc/status/status-error.ts";
import { toStatusError, type Subject } from "./errors/to-status-error.ts";
import { assertValid } from "./validation/rules.ts";

/** What tells one RPC from another. */
export interface Operation<Req, Res> {
  /** Adds everything that is wrong with the request. Nothing is sent upstream if anything is. */
  readonly validate: (request: Req, violations: FieldViolation[], context: CallContext) => void;
  /** What the request is about, for the text of errors. Asked only about requests that are valid. */
  readonly subjectOf?: (request: Req) => Subject;
  /** Answers a valid request; may reject with anything. */
  readonly answer: (request: Req, context: CallContext) => Promise<Res>;
  /** Overwrites the secrets of the request once the call has been answered. */
  readonly wipe?: (request: Req) => void;
}

const nothing: Subject = {};

/** The one way of every RPC: validate, answer, and turn whatever fails into a `StatusError`. */
export function createHandler<Req, Res>(operation: Operation<Req, Res>): UnaryHandler<Req, Res> {
  const { validate, subjectOf, answer, wipe } = operation;
  return async (request, context) => {
    let subject = nothing;
    try {
      const violations: FieldViolation[] = [];
      validate(request, violations, context);
      assertValid(violations);
      if (subjectOf !== undefined) subject = subjectOf(request);
      return await answer(request, context);
    } catch (error) {
      throw toStatusError(error, context, subject);
    } finally {
      wipe?.(request);
    }
  };
}
