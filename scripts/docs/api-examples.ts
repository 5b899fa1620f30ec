/**
 * An example call of each RPC. docs/api.md shows the examples in the order of the RPCs in the
 * contract, and tests run them in that order, so an example may use what an earlier one made.
 */
import { in2019, type ApiExample, type ExampleControl } from "./example-commands.ts";

/** Moves the clock of the embedded Key Protect. */
const later = (advanceSeconds: number): ExampleControl => ({
  control: "clock",
  body: { advanceSeconds },
});
/** Shortest time between a change of a key's state and the next one. */
const settled = later(60);
const orders = { key_id: "$KEY_ID" } as const;
const hour = 3_600;
const vmware = { adapter: "vmware" } as const;
/** A self-signed certificate. Its private key does not exist any more. */
const certificatePem = [
  "-----BEGIN CERTIFICATE-----",
  "MIIBdzCCAR2gAwIBAgIUaaYXmJY5Q6Nvvz06+em94RBljygwCgYIKoZIzj0EAwIw",
  "EDEOMAwGA1UEAwwFZXN4LTEwIBcNMjYxMTI4MjIwNjE5WhgPMjEyNjExMDQyMjA2",
  "MTlaMBAxDjAMBgNVBAMMBWVzeC0xMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE",
  "9A6/eUdtuNHhNmql5K765YmMAM8R9sFPXrtI81Nah31sgQUUKzZMpn2e/YrTcGGt",
  "YJVBJG1aMtySNjB9nhVTvaNTMFEwHQYDVR0OBBYEFClNs0bflehjgrfiF9juSBqj",
  "Q1/5MB8GA1UdIwQYMBaAFClNs0bflehjgrfiF9juSBqjQ1/5MA8GA1UdEwEB/wQF",
  "MAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIhAM8HJtLMOHYa8GhSH6TTdyGtW3E+3WJA",
  "dfSTcp6aVWvUAiBukfAtDhH51WrgsxF6k+uQa0Gx9JbaqOOIpEIVqADcdg==",
  "-----END CERTIFICATE-----",
  "",
].join("\n");

/** Examples by RPC, such as `KeysService/GetKey`. */
export const apiExamples: Readonly<Record<string, ApiExample>> = {
  "KeysService/CreateKey": {
    request: {
      name: "orders at rest",
      type: "KEY_TYPE_ROOT",
      description: "wraps the data keys of the order service",
      tags: ["orders"],
    },
    sets: ["KEY_ID", ".key.id"],
  },
  "KeysService/ListKeys": {
    request: { page_size: 10, states: ["KEY_STATE_ACTIVE"], include_total: true },
  },
  "KeysService/CountKeys": { request: { types: ["KEY_TYPE_ROOT"] } },
  "KeysService/GetKey": { request: orders },
  "KeysService/GetKeyMaterial": {
    note: "Only standard keys can be read.",
    before: [
      {
        rpc: "KeysService/CreateKey",
        request: { name: "a password", type: "KEY_TYPE_STANDARD", key_material: "aHVudGVyMg==" },
        sets: ["PASSWORD_ID", ".key.id"],
      },
    ],
    request: { key_id: "$PASSWORD_ID" },
  },
  "KeysService/DeleteKey": {
    request: {
      key_id: "$PASSWORD_ID",
      return_preference: "RETURN_PREFERENCE_REPRESENTATION",
    },
  },
  "KeysService/UpdateKey": {
    before: [{ rpc: "KeyRingsService/CreateKeyRing", request: { key_ring_id: "payments" } }],
    request: { key_id: "$KEY_ID", key_ring_id: "payments" },
  },
  "KeysService/RestoreKey": {
    note: "The first command moves the clock beyond the 30 seconds that Key Protect demands.",
    before: [settled],
    request: { key_id: "$PASSWORD_ID" },
  },
  "KeysService/PurgeKey": {
    note: "Between the deletion and the purge lie at least four hours.",
    before: [
      settled,
      { rpc: "KeysService/DeleteKey", request: { key_id: "$PASSWORD_ID" } },
      later(5 * hour),
    ],
    request: { key_id: "$PASSWORD_ID" },
  },
  "KeysService/EnableKey": {
    before: [
      {
        rpc: "KeysService/CreateKey",
        request: { name: "archive", type: "KEY_TYPE_ROOT" },
        sets: ["ARCHIVE_ID", ".key.id"],
      },
      { rpc: "KeysService/DisableKey", request: { key_id: "$ARCHIVE_ID" } },
      settled,
    ],
    request: { key_id: "$ARCHIVE_ID" },
  },
  "KeysService/DisableKey": { before: [settled], request: { key_id: "$ARCHIVE_ID" } },
  "KeysService/ScheduleKeyDeletion": {
    note: "Two users have to authorize the deletion of this key.",
    before: [
      {
        rpc: "KeysService/CreateKey",
        request: {
          name: "guarded",
          type: "KEY_TYPE_ROOT",
          policy_overrides: { dual_auth_delete: { enabled: true } },
        },
        sets: ["GUARDED_ID", ".key.id"],
      },
    ],
    request: { key_id: "$GUARDED_ID" },
  },
  "KeysService/CancelKeyDeletion": { request: { key_id: "$GUARDED_ID" } },
  "KeysService/SyncKey": { before: [later(hour)], request: orders },
  "KeysService/ListKeyVersions": { request: orders },

  "KeyActionsService/WrapKey": {
    note: "In JSON, bytes are base64. This plaintext is `a data key, 32 bytes in length..`.",
    request: {
      key_id: "$KEY_ID",
      plaintext: "YSBkYXRhIGtleSwgMzIgYnl0ZXMgaW4gbGVuZ3RoLi4=",
      additional_authenticated_data: ["orders"],
    },
    sets: ["CIPHERTEXT", ".ciphertext"],
  },
  "KeyActionsService/GenerateDataKey": { request: orders },
  "KeyActionsService/UnwrapKey": {
    request: {
      key_id: "$KEY_ID",
      ciphertext: "$CIPHERTEXT",
      additional_authenticated_data: ["orders"],
    },
  },
  "KeyActionsService/RotateKey": { request: orders },
  "KeyActionsService/RewrapKey": {
    request: {
      key_id: "$KEY_ID",
      ciphertext: "$CIPHERTEXT",
      additional_authenticated_data: ["orders"],
    },
  },
  "KeyActionsService/BatchWrapKey": {
    request: {
      items: [
        { key_id: "$KEY_ID", plaintext: "YSBkYXRhIGtleSwgMzIgYnl0ZXMgaW4gbGVuZ3RoLi4=" },
        { key_id: "$KEY_ID", plaintext: "YW5vdGhlciBkYXRhIGtleSwgd2l0aCAzMiBieXRlcy4=" },
      ],
    },
  },
  "KeyActionsService/BatchUnwrapKey": {
    before: [
      {
        rpc: "KeyActionsService/GenerateDataKey",
        request: { key_id: "$KEY_ID", omit_plaintext: true },
        sets: ["SECOND", ".ciphertext"],
      },
    ],
    request: {
      items: [
        {
          key_id: "$KEY_ID",
          ciphertext: "$CIPHERTEXT",
          additional_authenticated_data: ["orders"],
        },
        { key_id: "$KEY_ID", ciphertext: "$SECOND" },
      ],
    },
  },
  "KeyActionsService/BatchRewrapKey": {
    request: { items: [{ key_id: "$KEY_ID", ciphertext: "$SECOND" }] },
  },
  "KeyActionsService/RewrapStream": {
    note: "grpcurl sends one message here; several follow each other in `-d`.",
    request: { item: { item_id: "row 1", key_id: "$KEY_ID", ciphertext: "$SECOND" } },
  },

  "PoliciesService/GetKeyPolicies": { request: orders },
  "PoliciesService/ReplaceKeyPolicies": {
    request: { key_id: "$KEY_ID", policies: [{ rotation: { interval_months: 3 } }] },
  },

  "InstancePoliciesService/GetInstancePolicies": {
    request: { kind: "INSTANCE_POLICY_KIND_ROTATION" },
  },
  "InstancePoliciesService/ReplaceInstancePolicies": {
    note: "Limiting the addresses may shut the gateway out, so the second call has to accept that.",
    before: [
      {
        rpc: "InstancePoliciesService/ReplaceInstancePolicies",
        request: {
          policies: [
            { enabled: true, rotation: { interval_months: 3 } },
            { enabled: false, allowed_network: { network: "INSTANCE_NETWORK_PRIVATE_ONLY" } },
          ],
        },
      },
    ],
    request: {
      policies: [{ enabled: true, allowed_ip: { cidrs: ["203.0.113.0/24"] } }],
      accept_lockout: true,
    },
  },
  "InstancePoliciesService/GetPrivateEndpointPort": { request: {} },

  "AliasesService/CreateAlias": { request: { key_id: "$KEY_ID", alias: "orders" } },
  "AliasesService/DeleteAlias": { request: { key_id: "$KEY_ID", alias: "orders" } },

  "KeyRingsService/ListKeyRings": { request: {} },
  "KeyRingsService/CreateKeyRing": { request: { key_ring_id: "shipping" } },
  "KeyRingsService/DeleteKeyRing": { request: { key_ring_id: "shipping" } },

  "RegistrationsService/ListRegistrations": {
    note: "Cloud services register what a key protects. Here the first command does it for them.",
    before: [
      {
        control: "registrations",
        body: {
          keyId: "$KEY_ID",
          resourceCrn: "crn:v1:bluemix:public:cloud-object-storage:global:a/1:2:bucket:orders",
        },
      },
    ],
    request: orders,
  },

  "LockersService/CreateLocker": {
    request: { ttl: "600s", max_allowed_retrievals: 1 },
    sets: ["LOCKER_ID", ".locker.id"],
  },
  "LockersService/ListLockers": {
    note: "`npm run dev` offers an instance of the 2019 API under this alias.",
    metadata: in2019,
    request: {},
  },
  "LockersService/RetrieveLocker": { request: { locker_id: "$LOCKER_ID" } },

  "KmipAdaptersService/ListAdapters": { request: { root_key_id: "$KEY_ID" } },
  "KmipAdaptersService/CreateAdapter": {
    request: { name: "vmware", description: "the cluster in Dallas", root_key_id: "$KEY_ID" },
  },
  "KmipAdaptersService/GetAdapter": { request: vmware },
  "KmipAdaptersService/DeleteAdapter": {
    before: [
      {
        rpc: "KmipAdaptersService/CreateAdapter",
        request: { name: "retired", root_key_id: "$KEY_ID" },
      },
    ],
    request: { adapter: "retired" },
  },

  "KmipObjectsService/ListObjects": {
    note: "KMIP clients make objects. Here the first command does it for them.",
    before: [{ control: "kmip-objects", body: { adapter: "vmware" }, sets: ["OBJECT_ID", ".id"] }],
    request: { ...vmware, states: ["KMIP_OBJECT_STATE_ACTIVE"] },
  },
  "KmipObjectsService/GetObject": { request: { ...vmware, object_id: "$OBJECT_ID" } },
  "KmipObjectsService/DeleteObject": {
    note: "The object is active, so its deletion has to be forced.",
    request: { ...vmware, object_id: "$OBJECT_ID", force: true },
  },

  "KmipCertificatesService/ListCertificates": { request: vmware },
  "KmipCertificatesService/AddCertificate": {
    note: "For a certificate in a file: `jq -Rs '{adapter: \"vmware\", certificate_pem: .}' cert.pem`.",
    request: { ...vmware, name: "esx-1", certificate_pem: certificatePem },
  },
  "KmipCertificatesService/GetCertificate": { request: { ...vmware, certificate: "esx-1" } },
  "KmipCertificatesService/DeleteCertificate": { request: { ...vmware, certificate: "esx-1" } },
};
