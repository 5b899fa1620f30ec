/** Create, list and retrieve lockers. */
import { badResponseError, KeyProtectError } from "../error.ts";
import { decodeLocker, decodeLockerKey } from "../decode/locker.ts";
import { parseObject } from "../decode/json.ts";
import { type ApiCall, type OperationDeps, pathSegment } from "../call-api.ts";
import type { LockerKeyResource, LockerResource } from "../resources.ts";
import { isSameUuid } from "../../platform/uuid.ts";

/**
 * The operations on lockers, which the current API calls import tokens. Each rejects as
 * `KeyProtectClient` says.
 */
export interface LockerOperations {
  /** Creates a locker. In the current API it replaces the import token. */
  createLocker(
    call: ApiCall,
    params: { expirationSeconds: number; maxAllowedRetrievals: number },
  ): Promise<LockerResource>;
  /**
   * Lists the lockers. Rejects with `UNSUPPORTED` in the current dialect, where a read uses up a
   * retrieval.
   */
  listLockers(call: ApiCall): Promise<readonly LockerResource[]>;
  /**
   * Retrieves a locker with its transport key, which uses up a retrieval. Rejects with `REJECTED`
   * and status 404 if the import token has been replaced, and with `BAD_RESPONSE` without a usable
   * RSA key.
   */
  retrieveLocker(call: ApiCall, lockerId: string): Promise<LockerKeyResource>;
}

/** Creates the operations on lockers. */
export function createLockerOperations(operations: OperationDeps): LockerOperations {
  const { callApi, instanceId, onAnomaly } = operations;
  const dialect = operations.dialect.lockers;
  const decode = (body: Buffer): LockerResource => {
    const answer = parseObject(body);
    return decodeLocker(answer, dialect.idOf(answer, instanceId), onAnomaly);
  };

  return {
    createLocker: async (call, { expirationSeconds, maxAllowedRetrievals }) =>
      callApi(
        call,
        {
          method: "POST",
          path: dialect.createPath,
          accept: dialect.metadataType,
          contentType: dialect.createType,
          body: { expiration: expirationSeconds, maxAllowedRetrievals },
          expected: [200, 201],
          isAnswerSecret: false,
        },
        ({ body }) => decode(body),
      ),

    listLockers: async (call) => {
      if (dialect.listPath === undefined) {
        throw new KeyProtectError(
          "UNSUPPORTED",
          "the current API cannot list import tokens: every read uses up a retrieval",
        );
      }
      try {
        return await callApi(
          call,
          {
            method: "GET",
            path: dialect.listPath,
            accept: dialect.metadataType,
            expected: [200],
            isAnswerSecret: false,
          },
          ({ body }) => [decode(body)],
        );
      } catch (error) {
        // Without a locker Key Protect rejects with 404 instead of an empty list.
        const isRejected = error instanceof KeyProtectError && error.code === "REJECTED";
        if (isRejected && error.httpStatus === 404) return [];
        throw error;
      }
    },

    retrieveLocker: async (call, lockerId) =>
      callApi(
        call,
        {
          method: "GET",
          path: dialect.retrievePath(pathSegment(lockerId)),
          accept: dialect.retrievedType,
          prefer: dialect.retrievePreference,
          expected: [200],
          // The nonce or import token in it grants the right to import.
          isAnswerSecret: true,
        },
        ({ body }) => {
          const answer = parseObject(body);
          const id = dialect.idOf(answer, instanceId);
          if (!isSameUuid(id, lockerId)) throw anotherLocker(dialect.isRetrievedById);
          return decodeLockerKey(answer, id, dialect, onAnomaly);
        },
      ),
  };
}

/**
 * The error for a response about another locker. The request for an import token does not name one,
 * so another token in the response means that the requested one has been replaced (and that a
 * retrieval of its successor is used up). A locker is requested by ID, so there it is a bad
 * response.
 */
function anotherLocker(isRetrievedById: boolean): KeyProtectError {
  if (isRetrievedById) return badResponseError("id is that of another locker");
  return new KeyProtectError("REJECTED", "the requested import token has been replaced", {
    httpStatus: 404,
  });
}
