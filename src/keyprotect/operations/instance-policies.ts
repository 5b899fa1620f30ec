/** Read and replace the policies of an instance. */
import type { ApiCall, OperationDeps } from "../call-api.ts";
import { fromCollection, fromPage, toCollection } from "../collection.ts";
import {
  decodeInstancePolicies,
  toInstancePolicyResource,
  type InstancePolicyChange,
  type InstancePolicyResource,
  type InstancePolicyType,
} from "../decode/instance-policies.ts";
import { optionalInt32 } from "../decode/json.ts";
import { badResponseError, KeyProtectError } from "../error.ts";
import { mediaType } from "../media-types.ts";

/** The operations on the policies of an instance. All are of the current API. */
export interface InstancePolicyOperations {
  /** Reads the policies of one kind, or of every kind. */
  getInstancePolicies(
    call: ApiCall,
    kind?: InstancePolicyType,
  ): Promise<readonly InstancePolicyResource[]>;
  /** Replaces the policies of the given kinds, with one request. */
  replaceInstancePolicies(call: ApiCall, policies: readonly InstancePolicyChange[]): Promise<void>;
  /** The port of the private endpoint; `undefined` without an enabled `allowedIP` policy. */
  getPrivateEndpointPort(call: ApiCall): Promise<number | undefined>;
}

const path = "/api/v2/instance/policies";

/** 1,000 allowed networks have 50 KB, and a list of all policies contains them twice. */
const policiesBytes = 262_144;

/** Reads the port. Without a policy the service answers 404 or, as its Go SDK expects, no port. */
function readPort(body: Buffer): number | undefined {
  const [resource] = fromPage(body, mediaType.allowedIpPort).resources;
  if (resource === undefined) return undefined;
  const port = optionalInt32(resource, "private_endpoint_port");
  if (port === undefined || (port >= 1 && port <= 65_535)) return port;
  throw badResponseError("private_endpoint_port is not a port");
}

/** Creates the operations on the policies of an instance. */
export const createInstancePolicyOperations = ({
  callApi,
  onAnomaly,
}: OperationDeps): InstancePolicyOperations => ({
  getInstancePolicies: async (call, kind) =>
    callApi(
      call,
      {
        method: "GET",
        path: kind === undefined ? path : `${path}?policy=${kind}`,
        isCurrentOnly: true,
        accept: mediaType.policy,
        expected: [200],
        isAnswerSecret: false,
        maxResponseBytes: policiesBytes,
      },
      ({ body }) => {
        const policies = decodeInstancePolicies(fromCollection(body, mediaType.policy), onAnomaly);
        return policies.filter(({ content }) => kind === undefined || content.kind === kind);
      },
    ),

  replaceInstancePolicies: async (call, policies) =>
    callApi(
      call,
      {
        method: "PUT",
        path,
        isCurrentOnly: true,
        accept: mediaType.policy,
        contentType: mediaType.policy,
        body: toCollection(mediaType.policy, policies.map(toInstancePolicyResource)),
        expected: [204],
        isAnswerSecret: false,
      },
      () => undefined,
    ),

  getPrivateEndpointPort: async (call) => {
    try {
      return await callApi(
        call,
        {
          method: "GET",
          path: "/api/v2/instance/allowed_ip_port",
          isCurrentOnly: true,
          accept: mediaType.allowedIpPort,
          expected: [200],
          isAnswerSecret: false,
        },
        ({ body }) => readPort(body),
      );
    } catch (error) {
      const isRejected = error instanceof KeyProtectError && error.code === "REJECTED";
      if (isRejected && error.httpStatus === 404) return undefined;
      throw error;
    }
  },
});
