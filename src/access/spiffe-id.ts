/** SPIFFE IDs of workloads (SPIFFE-ID standard, section 2), as X.509-SVIDs carry them. */
const maxBytes = 2048;
const maxTrustDomainBytes = 255;
const spiffeId = /^spiffe:\/\/(?<trustDomain>[a-z0-9._-]+)(?:\/[A-Za-z0-9._-]+)+$/;

/** Whether a text is a trust domain: lower-case letters, digits, dots, dashes and underscores. */
export const isTrustDomain = (text: string): boolean =>
  text.length <= maxTrustDomainBytes && /^[a-z0-9._-]+$/.test(text);

/** The trust domain of a workload's SPIFFE ID; `undefined` if the text is not one. */
export function trustDomainOf(uri: string): string | undefined {
  if (uri.length > maxBytes) return undefined;
  const trustDomain = spiffeId.exec(uri)?.groups?.["trustDomain"];
  if (trustDomain === undefined || !isTrustDomain(trustDomain)) return undefined;
  // Section 2.2 forbids "." and ".." as segments; otherwise an identity would have several forms.
  return uri.split("/").some((segment) => segment === "." || segment === "..")
    ? undefined
    : trustDomain;
}
