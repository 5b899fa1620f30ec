import type { UpstreamCall } from "../../upstream/layer.ts";
import { badResponseError, KeyProtectError } from "../error.ts";
import { decodeLocker, decodeLockerKey } from "../decode/locker.ts";
import { parseJson, toObject, type JsonObject } from "../decode/json.ts";
import { type OperationDeps, pathSegment } from "../call-api.ts";
import type { LockerKeyResource, LockerResource } from "../resources.ts";
import { isSameUuid } from "../../platform/uuid.ts";

/** The operations on lockers, which the current API calls import tokens. */
export interface LockerOperations {
  createLocker(
    call: UpstreamCall,
    params: { expirationSeconds: number; maxAllowedRetrievals: number },
  ): Promise<LockerResource>;
  listLockers(call: UpstreamCall): Promise<readonly LockerResource[]>;
  retrieveLocker(call: UpstreamCall, lockerId: string): Promise<LockerKeyResource>;
}

/** Creates the operations on lockers. */
export function createLockerOperations(operations: OperationDeps): LockerOperations {
  const { callApi, instanceId, onAnomaly } = operations;
  const dialect = operations.dialect.lockers;
  const decode = (body: Buffer): LockerResource => {
    const answer = toObject(parseJson(body), "the body");
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
          contentType: dialect.metadataType,
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
          "the current API cannot show an import token without using up a retrieval",
        );
      }
      return callApi(
        call,
        {
          method: "GET",
          path: dialect.listPath,
          accept: dialect.metadataType,
          // There is no empty list: without a locker the answer is 404.
          expected: [200, 404],
          isAnswerSecret: false,
        },
        ({ status, body }) => (status === 404 ? [] : [decode(body)]),
      );
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
          // The nonce or import token in it is worth as much as the right to import.
          isAnswerSecret: true,
        },
        ({ body }) => {
          const answer: JsonObject = toObject(parseJson(body), "the body");
          const id = dialect.idOf(answer, instanceId);
          if (!isSameUuid(id, lockerId)) throw anotherLocker(dialect.isRetrievedById);
          return decodeLockerKey(answer, id, dialect, onAnomaly);
        },
      ),
  };
}

/**
 * The request for an import token names none, so that an answer about another token means that the one asked for has
 * been replaced (and that a retrieval of its successor is used up). A locker is asked for by ID and has to be it.
 */
function anotherLocker(isRetrievedById: boolean): KeyProtectError {
  if (isRetrievedById) return badResponseError("id is that of another locker");
  return new KeyProtectError("REJECTED", "the import token asked for has been replaced", {
    httpStatus: 404,
  });
}
