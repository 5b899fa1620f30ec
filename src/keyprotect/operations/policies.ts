/** Read and replace a key's policies. */
import { fromCollection, toCollection } from "../collection.ts";
import { decodePolicies } from "../decode/policies.ts";
import { mediaType } from "../media-types.ts";
import { type ApiCall, type OperationDeps, pathSegment } from "../call-api.ts";
import type { PolicyChange, PolicyResource, ReplacedPolicies } from "../resources.ts";

/** The operations on a key's policies. Each rejects as `KeyProtectClient` says. */
export interface PolicyOperations {
  /**
   * Reads the policies of one kind, or of every kind. Rejects with `BAD_RESPONSE` for a policy of
   * another key, and with `UNSUPPORTED` for a kind that the dialect does not have.
   */
  getKeyPolicies(
    call: ApiCall,
    keyId: string,
    kind?: PolicyChange["kind"],
  ): Promise<readonly PolicyResource[]>;
  /**
   * Replaces the policies of the given kinds, with one request. Rejects with `UNSUPPORTED` for a
   * kind of policy, or a change of it, that the dialect does not have.
   */
  replaceKeyPolicies(
    call: ApiCall,
    keyId: string,
    policies: readonly PolicyChange[],
  ): Promise<ReplacedPolicies>;
}

const policiesPath = (keyId: string) => `/api/v2/keys/${pathSegment(keyId)}/policies`;

/** Creates the operations on a key's policies. */
export function createPolicyOperations(operations: OperationDeps): PolicyOperations {
  const { callApi, dialect, onAnomaly } = operations;

  const decode = (body: Buffer, keyId: string) =>
    decodePolicies(
      fromCollection(body, mediaType.policy, dialect.policyVariants),
      keyId,
      onAnomaly,
    );

  return {
    getKeyPolicies: async (call, keyId, kind) =>
      callApi(
        call,
        {
          method: "GET",
          path: policiesPath(keyId) + (kind === undefined ? "" : dialect.policyQuery(kind)),
          accept: mediaType.policy,
          expected: [200],
          isAnswerSecret: false,
        },
        ({ body }) =>
          decode(body, keyId).filter((policy) => kind === undefined || policy.kind.kind === kind),
      ),

    replaceKeyPolicies: async (call, keyId, changes) =>
      callApi(
        call,
        {
          method: "PUT",
          path: policiesPath(keyId),
          accept: mediaType.policy,
          contentType: dialect.policyType,
          prefer: dialect.policyPreference,
          body: toCollection(
            mediaType.policy,
            changes.map((change) => dialect.policyResource(change)),
          ),
          expected: [200, 204],
          isAnswerSecret: false,
        },
        ({ status, body }) => {
          // 204 has no body.
          if (status === 204) return { policies: [], isComplete: false };
          const policies = decode(body, keyId);
          // The response may contain only the policies of the request.
          const kinds = new Set(policies.map(({ kind }) => kind.kind));
          return { policies, isComplete: dialect.policyKinds.every((kind) => kinds.has(kind)) };
        },
      ),
  };
}
