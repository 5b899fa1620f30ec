/** Paths of the REST API without what identifies a resource. */

/** Segments after which an ID or a name follows. */
const collections: ReadonlySet<string> = new Set([
  "keys",
  "aliases",
  "key_rings",
  "lockers",
  "kmip_adapters",
  "kmip_objects",
  "certificates",
]);

/** Segments that may follow a collection and are no ID. */
const ofCollection: ReadonlySet<string> = new Set(["registrations"]);

/** All other segments of the API. */
const words: ReadonlySet<string> = new Set(
  `api v2 ${[...collections].join(" ")} keys_with_policy_overrides import_token instance
  metadata versions actions policies registrations restore purge allowed_ip_port
  wrap unwrap rewrap rotate enable disable sync setKeyForDeletion unsetKeyForDeletion`.split(/\s+/),
);

/**
 * Returns a path without the query and with `{id}` in place of each ID and name. A segment that the
 * API does not have is replaced as well, so that the results are few and tell nothing of requests.
 */
export function pathTemplate(path: string): string {
  const [plain = ""] = path.split("?", 1);
  const segments = plain.split("/");
  return segments
    .map((segment, at) => {
      if (segment === "") return segment;
      const isOfCollection = collections.has(segments[at - 1] ?? "");
      return (isOfCollection ? ofCollection : words).has(segment) ? segment : "{id}";
    })
    .join("/");
}
