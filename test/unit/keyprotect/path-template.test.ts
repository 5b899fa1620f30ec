import { expect, test } from "vitest";
import { pathTemplate } from "../../../src/keyprotect/path-template.ts";

const id = "02fd6835-6001-4482-a892-13bd2085f75d";

test.each([
  ["/api/v2/keys", "/api/v2/keys"],
  ["/api/v2/keys?limit=10&search=secret", "/api/v2/keys"],
  ["/api/v2/keys_with_policy_overrides", "/api/v2/keys_with_policy_overrides"],
  [`/api/v2/keys/${id}`, "/api/v2/keys/{id}"],
  [`/api/v2/keys/${id}?action=wrap`, "/api/v2/keys/{id}"],
  [`/api/v2/keys/${id}/actions/wrap`, "/api/v2/keys/{id}/actions/wrap"],
  [`/api/v2/keys/${id}/actions/setKeyForDeletion`, "/api/v2/keys/{id}/actions/setKeyForDeletion"],
  // An alias may be a word of the API.
  ["/api/v2/keys/wrap/metadata", "/api/v2/keys/{id}/metadata"],
  ["/api/v2/keys/registrations", "/api/v2/keys/registrations"],
  [`/api/v2/keys/${id}/registrations`, "/api/v2/keys/{id}/registrations"],
  [`/api/v2/keys/${id}/aliases/orders`, "/api/v2/keys/{id}/aliases/{id}"],
  ["/api/v2/key_rings/orders", "/api/v2/key_rings/{id}"],
  ["/api/v2/kmip_adapters/a/kmip_objects/b", "/api/v2/kmip_adapters/{id}/kmip_objects/{id}"],
  ["/api/v2/kmip_adapters/a/certificates", "/api/v2/kmip_adapters/{id}/certificates"],
  ["/api/v2/instance/allowed_ip_port", "/api/v2/instance/allowed_ip_port"],
  // Nothing unknown is passed on.
  ["/api/v2/something%20else/x", "/api/v2/{id}/{id}"],
])("the template of %s is %s", (path, template) => {
  expect(pathTemplate(path)).toBe(template);
});
