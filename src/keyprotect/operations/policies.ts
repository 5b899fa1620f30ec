/** Read and replace a key's policies. */
import { fromCollection, toCollection } from "../collection.ts";
import { decodePolicies } from "../decode/policies.ts";
import { mediaType } from "../media-types.ts";
import { type ApiCall, type OperationDeps, pathSegment } from "../call-api.ts";
import type { PolicyChange, PolicyResource } from "../resources.ts";

/** The operations on a key's policies. Each rejects as `KeyProtectClient` says. */
export interface PolicyOperations {
  /** Reads the policies. Rejects with `BAD_RESPONSE` for a policy of another key. */
  getKeyPolicies(call: ApiCall, keyId: string): Promise<readonly PolicyResource[]>;
  /**
   * Replaces the policies and returns those in force, if need be with a second request. Rejects
   * with `UNSUPPORTED` for a kind of policy, or a change of it, that the dialect does not have.
   */
  replaceKeyPolicies(
    call: ApiCall,
    keyId: string,
    policies: readonly PolicyChange[],
  ): Promise<readonly PolicyResource[]>;
}

const kindOf = ({ kind }: PolicyChange | PolicyResource["kind"]) => kind;

const policiesPath = (keyId: string) => `/api/v2/keys/${pathSegment(keyId)}/policies`;

/** Creates the operations on a key's policies. */
export function createPolicyOperations(operations: OperationDeps): PolicyOperations {
  const { callApi, dialect, onAnomaly } = operations;

  const getKeyPolicies: PolicyOperations["getKeyPolicies"] = async (call, keyId) =>
    callApi(
      call,
      {
        method: "GET",
        path: policiesPath(keyId),
        accept: mediaType.policy,
        expected: [200],
        isAnswerSecret: false,
      },
      ({ body }) => decodePolicies(fromCollection(body, mediaType.policy), keyId, onAnomaly),
    );

  return {
    getKeyPolicies,
    replaceKeyPolicies: async (call, keyId, policies) => {
      const replaced = await callApi(
        call,
        {
          method: "PUT",
          path: policiesPath(keyId),
          accept: mediaType.policy,
          contentType: dialect.policyType,
          prefer: dialect.policyPreference,
          body: toCollection(
            mediaType.policy,
            policies.map((change) => dialect.policyResource(change)),
          ),
          expected: [200, 204],
          isAnswerSecret: false,
        },
        ({ status, body }) =>
          // 204 has no body.
          status === 204
            ? undefined
            : decodePolicies(fromCollection(body, mediaType.policy), keyId, onAnomaly),
      );
      if (replaced === undefined) return getKeyPolicies(call, keyId);
      // The response may contain only the policies of the request, so the others are read.
      const known = new Set([...policies, ...replaced.map(({ kind }) => kind)].map(kindOf));
      const isComplete = dialect.policyKinds.every((kind) => known.has(kind));
      return isComplete ? replaced : getKeyPolicies(call, keyId);
    },
  };
}
