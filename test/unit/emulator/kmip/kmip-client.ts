/** Requests to the KMIP routes of the emulator, for their tests. */
import { createCertificateAuthority } from "../../../support/certificates.ts";
import { collectionOf } from "../rest-client.ts";
import type { RestAnswer, RestClient } from "../rest-client.ts";

const authority = createCertificateAuthority();

/** Returns a new client certificate in PEM format. */
export const newPem = (): string => authority.issue({ commonName: "kmip client" }).cert;

/** Sends the creation of an adapter with the given fields. */
export function postAdapter(
  client: RestClient,
  rootKeyId: string,
  fields: Readonly<Record<string, unknown>> = {},
  query = "",
): Promise<RestAnswer> {
  const resource = { profile: "native_1.0", profile_data: { crk_id: rootKeyId }, ...fields };
  return client.call("POST", `/kmip_adapters${query}`, collectionOf(resource));
}

/** Creates an adapter with a new root key, and returns its ID. */
export async function newAdapter(
  client: RestClient,
  fields: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const created = await postAdapter(client, await client.createKey(), fields);
  return created.body.text("resources", 0, "id");
}

/** Sends the addition of a certificate to an adapter. */
export function postCertificate(
  client: RestClient,
  adapter: string,
  fields: Readonly<Record<string, unknown>>,
): Promise<RestAnswer> {
  return client.call("POST", `/kmip_adapters/${adapter}/certificates`, collectionOf(fields));
}

/** Returns a field of every resource of a list. */
export function fieldsIn({ body }: RestAnswer, name: string): readonly unknown[] {
  const resources = body.at("resources");
  return Array.isArray(resources)
    ? resources.map((_, index) => body.at("resources", index, name))
    : [];
}
