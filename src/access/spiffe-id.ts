/** What a SPIFFE ID may look like (SPIFFE-ID standard, section 2), as far as an X.509-SVID of a workload may carry it. */
const maxBytes = 2048;
const maxTrustDomainBytes = 255;
const spiffeId = /^spiffe:\/\/(?<trustDomain>[a-z0-9._-]+)(?:\/[A-Za-z0-9._-]+)+$/;

/** A trust domain: lower-case letters, digits, dots, dashes and underscores. */
export const isTrustDomain = (text: string): boolean =>
  text.length <= maxTrustDomainBytes && /^[a-z0-9._-]+$/.test(text);

/** The trust domain of a workload's SPIFFE ID; `undefined` if the text is not one. */
export function trustDomainOf(uri: string): string | undefined {
  if (uri.length > maxBytes) return undefined;
  const trustDomain = spiffeId.exec(uri)?.groups?.["trustDomain"];
  if (trustDomain === undefined || !isTrustDomain(trustDomain)) return undefined;
  // "." and ".." are no path segments (section 2.2), else one identity had several spellings.
  return uri.split("/").some((segment) => segment === "." || segment === "..")
    ? undefined
    : trustDomain;
}
