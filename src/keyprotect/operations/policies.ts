import type { UpstreamCall } from "../../upstream/layer.ts";
import { fromCollection, toCollection } from "../collection.ts";
import { decodePolicies } from "../decode/policies.ts";
import { mediaType } from "../media-types.ts";
import { type OperationDeps, pathSegment } from "../call-api.ts";
import type { PolicyChange, PolicyResource } from "../resources.ts";

/** The operations on a key's policies. */
export interface PolicyOperations {
  getKeyPolicies(call: UpstreamCall, keyId: string): Promise<readonly PolicyResource[]>;
  replaceKeyPolicies(
    call: UpstreamCall,
    keyId: string,
    policies: readonly PolicyChange[],
  ): Promise<readonly PolicyResource[]>;
}

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
          contentType: mediaType.policy,
          prefer: dialect.policyPreference,
          body: toCollection(
            mediaType.policy,
            policies.map((change) => dialect.policyResource(change)),
          ),
          expected: [200, 204],
          isAnswerSecret: false,
        },
        ({ status, body }) =>
          status === 204
            ? undefined
            : decodePolicies(fromCollection(body, mediaType.policy), keyId, onAnomaly),
      );
      // 204 confirms without showing, so that what is now in force has to be read.
      return replaced ?? getKeyPolicies(call, keyId);
    },
  };
}
