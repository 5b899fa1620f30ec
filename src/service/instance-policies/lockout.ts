/**
 * Judges whether policies of an instance would, or could, shut the gateway out of it. The gateway
 * says so unless it knows that they do not: what it cannot know counts as a lock-out. Decision 0025
 * explains the rules.
 */
import type {
  InstancePolicyChange,
  InstancePolicyContent,
} from "../../keyprotect/decode/instance-policies.ts";
import {
  isWithin,
  parseIpAddress,
  parseIpNetwork,
  type IpNetwork,
} from "../../platform/network/ip-network.ts";
import type { InstanceEndpoint } from "../service-deps.ts";

/** A cause of a lock-out: a type of precondition and its description, without addresses. */
export type LockoutCause = readonly [type: string, description: string];

/** `private.us-south.kms.cloud.ibm.com`, `<instance>.api.private.us-south.kms.appdomain.cloud`. */
const privateHost =
  /(?:^|\.)private\.[a-z0-9.-]+\.kms\.(?:test\.)?(?:cloud\.ibm\.com|appdomain\.cloud)$/;

/** A name of the operator's own, or an IP address, is not known to be a private endpoint. */
const isPrivate = ({ serviceUrl }: InstanceEndpoint): boolean =>
  privateHost.test(new URL(serviceUrl).hostname);

/** Whether the URL has a port of its own, as the private endpoint has for an `allowedIP` policy. */
const hasPort = ({ serviceUrl }: InstanceEndpoint): boolean => new URL(serviceUrl).port !== "";

const toNetworks = (texts: readonly string[]): readonly IpNetwork[] =>
  texts
    .map((text) => parseIpNetwork(text) ?? parseIpAddress(text))
    .filter((network) => network !== undefined);

/** Why an enabled `allowedIP` policy may shut the endpoint out; `undefined` if it does not. */
function addressCause(
  endpoint: InstanceEndpoint,
  allowed: readonly IpNetwork[],
): string | undefined {
  const isOverPrivate = isPrivate(endpoint);
  if (isOverPrivate && !hasPort(endpoint)) {
    return "the gateway's private endpoint lacks the port that an allowed_ip policy needs";
  }
  if (endpoint.egressAddresses === undefined) {
    return "the gateway's own addresses are not configured, so they may not be allowed";
  }
  const own = toNetworks(endpoint.egressAddresses);
  const isAllowed = (address: IpNetwork): boolean =>
    (!isOverPrivate || address.family === "ipv4") &&
    allowed.some((outer) => isWithin(address, outer));
  const isKnown = own.length > 0 && own.length === endpoint.egressAddresses.length;
  return isKnown && own.every(isAllowed) ? undefined : "an address of the gateway is not allowed";
}

function causeOf(
  enabled: boolean,
  content: InstancePolicyContent,
  endpoint: InstanceEndpoint,
): LockoutCause | undefined {
  if (content.kind === "allowedNetwork") {
    const isRefused = enabled && content.network === "private-only" && !isPrivate(endpoint);
    return isRefused
      ? ["ALLOWED_NETWORK", "the gateway does not use a private endpoint of IBM Cloud"]
      : undefined;
  }
  if (content.kind !== "allowedIP") return undefined;
  if (enabled) {
    const cause = addressCause(endpoint, toNetworks(content.cidrs));
    return cause === undefined ? undefined : ["ALLOWED_IP", cause];
  }
  return isPrivate(endpoint) && hasPort(endpoint)
    ? ["ALLOWED_IP", "the gateway uses the private endpoint's port, which belongs to the policy"]
    : undefined;
}

/** All causes for which the changes may shut the gateway out of an instance with the endpoints. */
export function lockoutCauses(
  changes: readonly InstancePolicyChange[],
  endpoints: readonly InstanceEndpoint[],
): readonly LockoutCause[] {
  const causes = changes.flatMap(({ enabled, content }) =>
    endpoints.flatMap((endpoint) => {
      const cause = causeOf(enabled, content, endpoint);
      return cause === undefined ? [] : [cause];
    }),
  );
  return [...new Map(causes.map((cause) => [cause.join(), cause])).values()];
}
