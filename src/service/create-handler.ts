import type { CallContext } from "../grpc/call/call-context.ts";
import type { UnaryHandler } from "../grpc/interceptors/interceptor.ts";
import type { FieldViolation } from "../grpc/status/status-error.ts";
import type { Subject } from "./errors/failure.ts";
import { toStatusError } from "./errors/to-status-error.ts";
import { validationError } from "./validation/rules.ts";

/** The parts in which RPCs differ. */
export interface Operation<Req, Res> {
  /** Adds all violations of the request. If there is one, nothing is sent upstream. */
  readonly validate: (request: Req, violations: FieldViolation[], context: CallContext) => void;
  /** The resource of a valid request, for error texts. Called for failed calls only. */
  readonly subjectOf?: (request: Req) => Subject;
  /** Answers a valid request. May reject with any error. */
  readonly answer: (request: Req, context: CallContext) => Promise<Res>;
  /** Overwrites the secrets of the request. Called when the answer, or the error, is there. */
  readonly zeroize?: (request: Req) => void;
}

/**
 * Creates the handler of an RPC: validates the request, answers it, and turns every failure into a
 * `StatusError`.
 */
export const createHandler =
  <Req, Res>(operation: Operation<Req, Res>): UnaryHandler<Req, Res> =>
  async (request, context) => {
    const violations: FieldViolation[] = [];
    try {
      operation.validate(request, violations, context);
      if (violations.length > 0) throw validationError(violations);
      return await operation.answer(request, context);
    } catch (error) {
      const isValid = violations.length === 0;
      const subject = isValid ? operation.subjectOf?.(request) : undefined;
      throw toStatusError(error, context, subject);
    } finally {
      operation.zeroize?.(request);
    }
  };
