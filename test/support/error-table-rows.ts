/**
 * The golden table of the error mapping: responses of Key Protect and the status that callers get.
 */
import type { FaultAction } from "../../src/emulator/control/faults.ts";
import type { RpcName } from "./golden-requests.ts";

/** The status that the caller must get. */
export interface ExpectedStatus {
  /** Name of the status, for example `NOT_FOUND`. */
  readonly code: string;
  readonly reason: string;
  /**
   * The details besides ErrorInfo and RequestInfo: BR BadRequest, H Help, PF PreconditionFailure,
   * QF QuotaFailure, RI RetryInfo, RS ResourceInfo; `never` stands for the pushback that forbids a
   * retry.
   */
  readonly details: string;
  /** Default `false`. */
  readonly mayHaveExecuted?: boolean;
  readonly httpStatus?: string;
  readonly upstreamReason?: string;
  /** The exact delay in milliseconds. Default: any delay. */
  readonly retryDelayMs?: number;
  /** Fields that BadRequest names. */
  readonly fields?: readonly string[];
  /** Types of the violations in PreconditionFailure. */
  readonly preconditions?: readonly string[];
  /** Further entries of `ErrorInfo.metadata`. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** One row: an RPC, the behaviour of Key Protect, and the resulting status. */
export interface ErrorRow {
  readonly title: string;
  readonly rpc: RpcName;
  readonly action: FaultAction;
  readonly expected: ExpectedStatus;
  readonly dialect?: "2019" | "current";
  /** How often the action applies. Default: always. */
  readonly times?: number;
}

/** A text in the upstream's bodies. No part of it may reach a caller. */
export const upstreamText = "canary in the text of the upstream";

const target = (name: string | undefined) =>
  name === undefined ? {} : { target: { type: "field", name } };

/** An error body of the current dialect. */
export const reasonBody = (status: number, code: string, field?: string) => ({
  metadata: { collectionType: "application/vnd.ibm.kms.error+json", collectionTotal: 1 },
  resources: [
    {
      errorMsg: `Error: ${upstreamText}`,
      reasons: [
        {
          code,
          message: upstreamText,
          status,
          moreInfo: `https://cloud.ibm.com/apidocs/key-protect?${upstreamText}`,
          ...target(field),
        },
      ],
    },
  ],
});

/** An error body of the 2019 dialect. */
export const bodyOf2019 = {
  metadata: { collectionType: "application/vnd.ibm.kms.error+json", collectionTotal: 1 },
  resources: [{ errorMsg: upstreamText }],
};

/** Responds with a status, and with the reason code if one is given. */
export const answering = (
  status: number,
  code?: string,
  more: { field?: string; retryAfter?: string } = {},
): FaultAction => ({
  kind: "respond",
  status,
  body: code === undefined ? bodyOf2019 : reasonBody(status, code, more.field),
  ...(more.retryAfter === undefined ? {} : { headers: { "Retry-After": more.retryAfter } }),
});

const row = (
  rpc: RpcName,
  status: number,
  code: string | undefined,
  [grpc, reason, details]: readonly [string, string, string],
  more: Partial<ExpectedStatus> & { field?: string; retryAfter?: string; title?: string } = {},
): ErrorRow => {
  const { field, retryAfter, title, ...expected } = more;
  const wait = retryAfter === undefined ? "" : ` with Retry-After ${retryAfter}`;
  return {
    title: title ?? `${status} ${code ?? "without a reason"}${wait} on ${rpc}`,
    rpc,
    action: answering(status, code, {
      ...(field === undefined ? {} : { field }),
      ...(retryAfter === undefined ? {} : { retryAfter }),
    }),
    expected: {
      code: grpc,
      reason,
      details,
      httpStatus: String(status),
      upstreamReason: code ?? "",
      ...expected,
    },
  };
};

const invalid = ["INVALID_ARGUMENT", "REQUEST_INVALID", "BR"] as const;
const invalidSomewhere = ["INVALID_ARGUMENT", "REQUEST_INVALID", ""] as const;
const ciphertext = ["INVALID_ARGUMENT", "CIPHERTEXT_REJECTED", "BR"] as const;
const ourDefect = ["INTERNAL", "UPSTREAM_REQUEST_REJECTED", ""] as const;
const denied = ["PERMISSION_DENIED", "UPSTREAM_ACCESS_DENIED", "H RS"] as const;
const deleted = ["FAILED_PRECONDITION", "KEY_DELETED", "PF RS"] as const;
const state = ["FAILED_PRECONDITION", "KEY_STATE_INVALID", "PF RS"] as const;
const notFound = ["NOT_FOUND", "KEY_NOT_FOUND", "RS"] as const;
const unknown = ["UNKNOWN", "OUTCOME_UNKNOWN", "never"] as const;
const unavailable = ["UNAVAILABLE", "UPSTREAM_UNAVAILABLE", "RI"] as const;
const timeout = ["UNAVAILABLE", "UPSTREAM_TIMEOUT", "RI"] as const;
const internal = ["UNAVAILABLE", "UPSTREAM_INTERNAL", "RI"] as const;
const limited = ["RESOURCE_EXHAUSTED", "UPSTREAM_RATE_LIMITED", "QF RI"] as const;
const unreadable = ["INTERNAL", "UPSTREAM_BAD_RESPONSE", ""] as const;
const unreadableChange = ["INTERNAL", "UPSTREAM_BAD_RESPONSE", "never"] as const;
const notItsAnswer = ["UNAVAILABLE", "UPSTREAM_BAD_RESPONSE", "RI"] as const;

const ambiguous = { mayHaveExecuted: true } as const;
const unsafeRpcs = [
  "CreateKey",
  "RotateKey",
  "CreateLocker",
  "RetrieveLocker",
  "CreateAdapter",
  "AddCertificate",
] as const;
const safeRpcs = ["GetKey", "WrapKey", "UnwrapKey", "GetKeyPolicies", "DeleteKey"] as const;

/** Responses about the request. */
const requestRows: readonly ErrorRow[] = [
  row("CreateKey", 400, "BAD_BODY_ERR", invalid, { field: "name", fields: ["name"] }),
  row("CreateKey", 400, "INVALID_FIELD_ERR", invalid, {
    field: "expirationDate",
    fields: ["expire_time"],
  }),
  row("WrapKey", 400, "INVALID_FIELD_ERR", invalid, { field: "plaintext", fields: ["plaintext"] }),
  row("WrapKey", 400, "INVALID_FIELD_ERR", invalid, {
    title: "400 INVALID_FIELD_ERR for additional data on WrapKey",
    field: "aad",
    fields: ["additional_authenticated_data"],
  }),
  row("ReplaceKeyPolicies", 400, "INVALID_FIELD_ERR", invalid, {
    field: "interval_month",
    fields: ["policies"],
  }),
  row("CreateKey", 400, "INVALID_FIELD_ERR", invalidSomewhere, {
    title: "400 INVALID_FIELD_ERR for a field that callers do not have",
    field: "metadata",
  }),
  row("WrapKey", 400, undefined, invalidSomewhere),
  row("UnwrapKey", 400, "INVALID_FIELD_ERR", ciphertext, {
    field: "ciphertext",
    fields: ["ciphertext"],
  }),
  ...["COLLECTION_TOTAL_MISMATCH_ERR", "NO_BODY_ERR", "NUM_COLLECTION_RESOURCE_ERR"].map((code) =>
    row("CreateKey", 400, code, ourDefect),
  ),
  row("ReplaceKeyPolicies", 400, "BODY_QUERY_PARAM_MISMATCH_ERR", ourDefect),
  ...[405, 406, 415].map((status) => row("GetKey", status, undefined, ourDefect)),
  row("GetKey", 400, "BEARER_SUB_EXTRACTION_ERR", [
    "INTERNAL",
    "UPSTREAM_CREDENTIALS_REJECTED",
    "",
  ]),
  row("WrapKey", 400, "KEY_ROOT_REQ_ERR", ["INVALID_ARGUMENT", "KEY_TYPE_MISMATCH", "BR RS"], {
    fields: ["key_id"],
  }),
  row("WrapKey", 422, "KEY_ROOT_REQ_REG_ERR", ["INVALID_ARGUMENT", "KEY_TYPE_MISMATCH", "BR RS"], {
    fields: ["key_id"],
  }),
  row(
    "RotateKey",
    400,
    "KEY_PAYLOAD_REQ_ERR",
    ["INVALID_ARGUMENT", "KEY_MATERIAL_REQUIRED", "BR RS"],
    {
      fields: ["material"],
    },
  ),
  ...(["INCORRECT_NONCE_ERR", "INCORRECT_NONCE_IV_ERR"] as const).flatMap((code) =>
    (["CreateKey", "RotateKey"] as const).map((rpc) =>
      row(rpc, 400, code, ["INVALID_ARGUMENT", "IMPORT_NONCE_REJECTED", "BR"], {
        fields: ["encrypted_key_material"],
      }),
    ),
  ),
  row("WrapKey", 413, undefined, ["INVALID_ARGUMENT", "PAYLOAD_TOO_LARGE", "BR"], {
    fields: ["plaintext"],
  }),
  row("UnwrapKey", 413, undefined, ["INVALID_ARGUMENT", "PAYLOAD_TOO_LARGE", "BR"], {
    fields: ["ciphertext"],
  }),
  row("UnwrapKey", 422, "UNPROCESSABLE_CIPHERTEXT_ERR", ciphertext, { fields: ["ciphertext"] }),
  row("UnwrapKey", 422, undefined, ciphertext, { fields: ["ciphertext"] }),
];

/** Responses about access and state. */
const stateRows: readonly ErrorRow[] = [
  row("GetKey", 401, "UNAUTHORIZED_ERR", denied, { metadata: { principal: "gateway" } }),
  row("CreateKey", 401, undefined, denied, { metadata: { principal: "gateway" } }),
  ...[
    "CONFIG_RULE_CONFLICT_ERR",
    "RESOURCE_OWNER_ERR",
    "SERVICE_ONLY_ERR",
    "FEATURE_RESTRICTED_ERR",
  ].map((code) => row("WrapKey", 403, code, denied)),
  row("ListKeys", 403, undefined, denied),
  row("GetKey", 404, "KEY_NOT_FOUND_ERR", notFound),
  row("WrapKey", 404, undefined, notFound),
  row("DeleteKey", 404, "KEY_NOT_FOUND_ERR", notFound),
  row("CreateKey", 404, undefined, ourDefect),
  row("ListKeys", 404, undefined, ourDefect),
  row("CreateLocker", 404, undefined, ourDefect),
  ...(
    ["GetKey", "GetKeyMaterial", "WrapKey", "GenerateDataKey", "UnwrapKey", "RotateKey"] as const
  ).map((rpc) => row(rpc, 410, "KEY_DELETED_ERR", deleted, { preconditions: ["KEY_DELETED"] })),
  row("GetKeyPolicies", 410, undefined, deleted, { preconditions: ["KEY_DELETED"] }),
  row("ReplaceKeyPolicies", 410, undefined, deleted, { preconditions: ["KEY_DELETED"] }),
  row("DeleteKey", 410, "KEY_DELETED_ERR", ["NOT_FOUND", "KEY_DELETED", "RS"]),
  row("RotateKey", 400, "KEY_IMPT_REQ_ERR", state, { preconditions: ["KEY_NOT_IMPORTED"] }),
  row("RotateKey", 400, "KEY_EXPIRED_ERR", state, { preconditions: ["KEY_EXPIRED"] }),
  ...["KEY_RESTORE_EXPIRED", "KEY_EXPIRED_ERR"].map((code) =>
    row("RestoreKey", 400, code, ["FAILED_PRECONDITION", "KEY_RESTORE_EXPIRED", "PF RS"]),
  ),
  ...(["UpdateKey", "GetKey"] as const).map((rpc) =>
    row(rpc, 404, "KEY_RING_NOT_FOUND_ERR", ["NOT_FOUND", "KEY_RING_NOT_FOUND", "RS"]),
  ),
  ...(["EnableKey", "DisableKey", "RestoreKey", "PurgeKey"] as const).map((rpc) =>
    row(rpc, 409, "KEY_ACTION_INVALID_STATE_ERR", state, { preconditions: ["KEY_STATE"] }),
  ),
  ...(["ScheduleKeyDeletion", "CancelKeyDeletion"] as const).map((rpc) =>
    row(rpc, 409, "NOT_DUAL_AUTH_ERR", ["FAILED_PRECONDITION", "DUAL_AUTH_NOT_ENABLED", "PF RS"]),
  ),
  ...(
    [
      ["EnableKey", 30_000],
      ["RestoreKey", 30_000],
      ["SyncKey", 3_600_000],
      ["PurgeKey", 14_400_000],
    ] as const
  ).map(([rpc, retryDelayMs]) =>
    row(rpc, 409, "REQ_TOO_EARLY_ERR", ["FAILED_PRECONDITION", "KEY_CHANGED_RECENTLY", "RI"], {
      retryDelayMs,
    }),
  ),
  row("ListKeys", 400, "KEY_SEARCH_TOO_BROAD", ["INVALID_ARGUMENT", "SEARCH_TOO_BROAD", "BR"], {
    fields: ["search"],
  }),
  row("ListKeys", 400, "INVALID_QUERY_PARAM_ERR", invalid, {
    field: "filter",
    fields: ["filter"],
    title: "400 INVALID_QUERY_PARAM_ERR about the filter on ListKeys",
  }),
  ...["KEY_RING_NOT_EMPTY_ERR", "KEY_RING_KEYS_NOT_DELETED_ERR"].map((code) =>
    row("DeleteKeyRing", 409, code, ["FAILED_PRECONDITION", "KEY_RING_NOT_EMPTY", "PF RS"]),
  ),
  row("DeleteKeyRing", 404, "KEY_RING_NOT_FOUND_ERR", ["NOT_FOUND", "KEY_RING_NOT_FOUND", "RS"]),
  row("DeleteAlias", 404, "KEY_ALIAS_NOT_FOUND_ERR", ["NOT_FOUND", "ALIAS_NOT_FOUND", "RS"]),
  row("CreateAlias", 409, "KEY_ALIAS_NOT_UNIQUE_ERR", ["ALREADY_EXISTS", "RESOURCE_EXISTS", "RS"]),
  row("ListRegistrations", 404, "KEY_NOT_FOUND_ERR", notFound),
  ...["interval_month", "allowed_ip", "allowed_network", "policy_type"].map((field) =>
    row("ReplaceInstancePolicies", 400, "INVALID_FIELD_ERR", invalid, {
      field,
      fields: ["policies"],
      title: `400 INVALID_FIELD_ERR about ${field} on ReplaceInstancePolicies`,
    }),
  ),
  row("ReplaceInstancePolicies", 400, "BAD_BODY_ERR", invalidSomewhere),
  ...[
    "BODY_QUERY_PARAM_MISMATCH_ERR",
    "COLLECTION_TOTAL_MISMATCH_ERR",
    "NUM_COLLECTION_RESOURCE_ERR",
    "NO_BODY_ERR",
  ].map((code) => row("ReplaceInstancePolicies", 400, code, ourDefect)),
  row("ReplaceInstancePolicies", 403, "FEATURE_RESTRICTED_ERR", denied),
  row("ReplaceInstancePolicies", 409, undefined, state),
  row("ReplaceInstancePolicies", 500, undefined, internal),
  row("GetInstancePolicies", 401, undefined, denied),
  row("GetInstancePolicies", 403, "CONFIG_RULE_CONFLICT_ERR", denied),
  row("GetInstancePolicies", 404, undefined, ourDefect),
  row("GetPrivateEndpointPort", 401, undefined, denied),
  row("RewrapKey", 422, "UNPROCESSABLE_CIPHERTEXT_ERR", ciphertext),
  row("WrapKey", 409, "KEY_ACTION_INVALID_STATE_ERR", state, { preconditions: ["KEY_STATE"] }),
  row("WrapKey", 422, "KEY_INVALID_STATE_ERR", state, { preconditions: ["KEY_STATE"] }),
  row("UnwrapKey", 422, "KEY_VERSION_INVALID", state, { preconditions: ["KEY_VERSION"] }),
  row("WrapKey", 409, undefined, state),
  row("WrapKey", 412, undefined, state),
  ...["PROTECTED_RESOURCE_ERR", "PREV_KEY_DEL_ERR"].map((code) =>
    row("DeleteKey", 409, code, ["FAILED_PRECONDITION", "KEY_PROTECTS_RESOURCES", "H PF RS"]),
  ),
  row("DeleteKey", 409, "AUTHORIZATIONS_NOT_MET", [
    "FAILED_PRECONDITION",
    "DUAL_AUTH_REQUIRED",
    "PF",
  ]),
  row("CreateKey", 409, "KEY_CREATE_IMPORT_ACCESS_ERR", [
    "FAILED_PRECONDITION",
    "INSTANCE_POLICY_VIOLATION",
    "H PF",
  ]),
  row("CreateKey", 409, "IMPORT_TOKEN_EXPIRED_ERR", [
    "FAILED_PRECONDITION",
    "IMPORT_TOKEN_EXPIRED",
    "PF",
  ]),
  row(
    "RotateKey",
    409,
    "KEY_ROTATION_NOT_PERMITTED",
    ["FAILED_PRECONDITION", "KEY_ROTATED_RECENTLY", "PF RI"],
    { retryDelayMs: 3_600_000 },
  ),
  row(
    "DeleteKey",
    409,
    "REQ_TOO_EARLY_ERR",
    ["FAILED_PRECONDITION", "KEY_CHANGED_RECENTLY", "RI"],
    {
      retryDelayMs: 30_000,
    },
  ),
  row("CreateKey", 409, undefined, ["ALREADY_EXISTS", "RESOURCE_EXISTS", "RS"]),
  ...[
    row("RetrieveLocker", 404, undefined, ["NOT_FOUND", "LOCKER_NOT_FOUND", "RS"]),
    row("RetrieveLocker", 409, "IMPORT_TOKEN_EXPIRED_ERR", [
      "FAILED_PRECONDITION",
      "IMPORT_TOKEN_EXPIRED",
      "PF",
    ]),
    row("RetrieveLocker", 410, undefined, ["FAILED_PRECONDITION", "IMPORT_TOKEN_EXPIRED", "PF"]),
  ].map((locker) => ({ ...locker, dialect: "2019" as const })),
];

const exists = ["ALREADY_EXISTS", "RESOURCE_EXISTS", "RS"] as const;
const noAdapter = ["NOT_FOUND", "KMIP_ADAPTER_NOT_FOUND", "RS"] as const;
const noObject = ["NOT_FOUND", "KMIP_OBJECT_NOT_FOUND", "RS"] as const;
const noCertificate = ["NOT_FOUND", "KMIP_CERTIFICATE_NOT_FOUND", "RS"] as const;

/** Responses about KMIP. */
const kmipRows: readonly ErrorRow[] = [
  ...(["GetAdapter", "DeleteAdapter", "ListObjects", "ListCertificates", "AddCertificate"] as const)
    // The current API always gives a reason, but a gateway must not depend on an unpublished one.
    .flatMap((rpc) => [
      row(rpc, 404, "KMIP_ADAPTER_NOT_FOUND_ERR", noAdapter),
      row(rpc, 404, undefined, noAdapter),
    ]),
  ...(["GetObject", "DeleteObject"] as const).flatMap((rpc) => [
    row(rpc, 404, "KMIP_OBJECT_NOT_FOUND_ERR", noObject),
    row(rpc, 404, "KMIP_ADAPTER_NOT_FOUND_ERR", noAdapter),
    row(rpc, 404, "NEVER_SEEN_ERR", noObject),
  ]),
  ...(["GetCertificate", "DeleteCertificate"] as const).flatMap((rpc) => [
    row(rpc, 404, "KMIP_CERT_NOT_FOUND_ERR", noCertificate),
    row(rpc, 404, "KMIP_ADAPTER_NOT_FOUND_ERR", noAdapter),
    row(rpc, 404, "NEVER_SEEN_ERR", noCertificate),
  ]),
  row("ListAdapters", 404, undefined, ourDefect),
  row("CreateAdapter", 404, "NATIVE_CRK_ID_NOT_FOUND_ERR", notFound),
  row("CreateAdapter", 404, undefined, notFound),
  ...["NATIVE_INVALID_CRK_ERR", "KEY_ROOT_REQ_ERR"].map((code) =>
    row("CreateAdapter", 400, code, ["INVALID_ARGUMENT", "KEY_TYPE_MISMATCH", "BR RS"], {
      fields: ["root_key_id"],
    }),
  ),
  row("CreateAdapter", 400, "INVALID_FIELD_ERR", invalid, {
    field: "profile_data.crk_id",
    fields: ["root_key_id"],
  }),
  row("CreateAdapter", 409, "KMIP_ADAPTER_DUPLICATE_NAME_ERR", exists),
  row("CreateAdapter", 409, undefined, exists),
  row("CreateAdapter", 409, "KEY_ACTION_INVALID_STATE_ERR", state, {
    preconditions: ["KEY_STATE"],
  }),
  row("DeleteAdapter", 409, undefined, ["FAILED_PRECONDITION", "KMIP_ADAPTER_NOT_EMPTY", "PF RS"]),
  row("DeleteObject", 409, undefined, state, { preconditions: ["KMIP_OBJECT_STATE"] }),
  row("DeleteObject", 410, undefined, noObject),
  row("AddCertificate", 400, "INVALID_FIELD_ERR", invalid, {
    field: "certificate",
    fields: ["certificate_pem"],
  }),
  row("AddCertificate", 413, undefined, ["INVALID_ARGUMENT", "PAYLOAD_TOO_LARGE", "BR"], {
    fields: ["certificate_pem"],
  }),
  ...[
    "KMIP_CERT_DUPLICATE_NAME_ERR",
    "KMIP_CERT_DUPLICATE_ERR",
    "KMIP_CERT_REUSE_ERR",
    undefined,
  ].map((code) => row("AddCertificate", 409, code, exists)),
];

/** Failures that the request did not cause. */
const troubleRows: readonly ErrorRow[] = [
  row("WrapKey", 429, undefined, limited),
  row("CreateKey", 429, undefined, limited, { retryAfter: "2", retryDelayMs: 2_000 }),
  ...(["CreateKey", "WrapKey"] as const).map((rpc) =>
    row(rpc, 429, undefined, limited, { retryAfter: "0", retryDelayMs: 2_000 }),
  ),
  row("WrapKey", 503, undefined, unavailable, { retryAfter: "0", retryDelayMs: 1_000 }),
  row(
    "DeleteKey",
    409,
    "REQ_TOO_EARLY_ERR",
    ["FAILED_PRECONDITION", "KEY_CHANGED_RECENTLY", "RI"],
    {
      retryAfter: "0",
      retryDelayMs: 30_000,
    },
  ),
  row(
    "RotateKey",
    409,
    "KEY_ROTATION_NOT_PERMITTED",
    ["FAILED_PRECONDITION", "KEY_ROTATED_RECENTLY", "PF RI"],
    { retryAfter: "0", retryDelayMs: 3_600_000 },
  ),
  row("GetKey", 500, "INCOMPLETE_METADATA_ERR", ["DATA_LOSS", "UPSTREAM_DATA_CORRUPT", "H RS"]),
  row("UnwrapKey", 422, "INVALID_SIG_EXP_ERR", ["INTERNAL", "UPSTREAM_INTERNAL", "H"]),
  row("GetKey", 501, undefined, ["UNIMPLEMENTED", "UPSTREAM_REQUEST_REJECTED", ""]),
  ...safeRpcs.flatMap((rpc) => [
    row(rpc, 500, undefined, internal),
    row(rpc, 502, undefined, unavailable),
    row(rpc, 503, undefined, unavailable),
    row(rpc, 504, undefined, timeout),
    row(rpc, 408, undefined, timeout),
  ]),
  ...unsafeRpcs.flatMap((rpc) => [
    ...[408, 500, 502, 503, 504].map((status) => row(rpc, status, undefined, unknown, ambiguous)),
    row(rpc, 503, undefined, unknown, { retryAfter: "4", ...ambiguous }),
    row(rpc, 503, undefined, unknown, { retryAfter: "0", ...ambiguous }),
  ]),
  row("WrapKey", 503, undefined, unavailable, { retryAfter: "4", retryDelayMs: 4_000 }),
  row("DeleteKey", 500, "KEY_NOT_FOUND_ERR", internal),
];

const act = (
  title: string,
  rpc: RpcName,
  action: FaultAction,
  [code, reason, details]: readonly [string, string, string],
  more: Partial<ExpectedStatus> = {},
): ErrorRow => ({
  title: `${title} on ${rpc}`,
  rpc,
  action,
  expected: { code, reason, details, ...more },
});

/** A page with a success status, which a proxy sends whatever became of the request. */
const successPages = [
  ["a page", `<html>${upstreamText}</html>`],
  ["nothing", ""],
] as const;

const success = (status: number, body: string | Record<string, never> | object): FaultAction => ({
  kind: "respond",
  status,
  body: JSON.parse(JSON.stringify(body)),
});

const keyCollection = (...resources: readonly object[]) => ({
  metadata: {
    collectionType: "application/vnd.ibm.kms.key+json",
    collectionTotal: resources.length,
  },
  resources,
});

/** Broken connections and unusable responses. */
const brokenRows: readonly ErrorRow[] = [
  ...(["before-processing", "after-processing"] as const).flatMap((when) => [
    ...safeRpcs.map((rpc) => act(`a reset ${when}`, rpc, { kind: "reset", when }, unavailable)),
    ...unsafeRpcs.map((rpc) =>
      act(`a reset ${when}`, rpc, { kind: "reset", when }, unknown, ambiguous),
    ),
  ]),
  act("an answer cut short", "ListKeys", { kind: "truncate" }, unavailable),
  act("an answer cut short", "CreateKey", { kind: "truncate" }, unknown, ambiguous),
  act("silence", "WrapKey", { kind: "hang" }, timeout),
  act("silence", "CreateKey", { kind: "hang" }, unknown, ambiguous),
  act("silence", "RotateKey", { kind: "hang" }, unknown, ambiguous),
  act("silence in the midst of an answer", "ListKeys", { kind: "stall" }, timeout),
  act("silence in the midst of an answer", "CreateKey", { kind: "stall" }, unknown, ambiguous),
  act("JSON that does not parse", "ListKeys", { kind: "garble" }, unreadable),
  act("JSON that does not parse", "CreateKey", { kind: "garble" }, unreadableChange, ambiguous),
  act("JSON that does not parse", "CreateLocker", { kind: "garble" }, unreadableChange, ambiguous),
  act(
    "too large an answer",
    "CreateKey",
    { kind: "oversize", bytes: 1_000_000 },
    unreadableChange,
    ambiguous,
  ),
  act("too large an answer", "ListKeys", { kind: "oversize", bytes: 9_000_000 }, unreadable),
  act(
    "an HTML page with 200",
    "GetKey",
    { kind: "respond", status: 200, body: `<html>${upstreamText}` },
    unreadable,
  ),
  act("nothing with 200", "GetKey", { kind: "respond", status: 200, body: "" }, unreadable),
  ...successPages.flatMap(([what, body]) => [
    act(`200 with ${what}`, "DeleteKey", { kind: "respond", status: 200, body }, unreadable),
    ...unsafeRpcs.map((rpc) =>
      act(
        `200 with ${what}`,
        rpc,
        { kind: "respond", status: 200, body },
        unreadableChange,
        ambiguous,
      ),
    ),
  ]),
  act("no content", "GetKey", { kind: "respond", status: 204, body: "" }, unreadable),
  act(
    "another key",
    "GetKey",
    success(
      200,
      keyCollection({
        type: "application/vnd.ibm.kms.key+json",
        id: "11111111-2222-4333-8444-555555555555",
        extractable: false,
        state: 1,
      }),
    ),
    unreadable,
  ),
  act("two keys", "GetKey", success(200, keyCollection({ id: "a" }, { id: "b" })), unreadable),
  act("no key", "CreateKey", success(201, keyCollection()), unreadableChange, ambiguous),
  act("base64 that is none", "UnwrapKey", success(200, { plaintext: "n*t base64" }), unreadable),
  act("base64 with bits to spare", "UnwrapKey", success(200, { plaintext: "YR==" }), unreadable),
  act("no plaintext", "UnwrapKey", success(200, {}), unreadable),
  act("no ciphertext", "WrapKey", success(200, { plaintext: "YQ==" }), unreadable),
  act("no data key", "GenerateDataKey", success(200, { ciphertext: "YQ==" }), unreadable),
  act(
    "a list of policies that is none",
    "GetKeyPolicies",
    success(200, { resources: {} }),
    unreadable,
  ),
  act(
    "policies without a flag",
    "GetInstancePolicies",
    success(200, {
      metadata: { collectionType: "application/vnd.ibm.kms.policy+json", collectionTotal: 1 },
      resources: [{ policy_type: "metrics", policy_data: {} }],
    }),
    unreadable,
  ),
  act(
    "a port that is none",
    "GetPrivateEndpointPort",
    success(200, {
      metadata: { collectionType: "application/vnd.ibm.kms.allowed_ip_metadata+json" },
      resources: [{ private_endpoint_port: 65_536 }],
    }),
    unreadable,
  ),
  act("no number of keys", "CountKeys", { kind: "respond", status: 200, body: "" }, unreadable),
  ...[301, 302, 303, 307, 308].flatMap((status) => {
    const headers = { Location: "http://127.0.0.1:1/" };
    const action = { kind: "respond", status, body: "", headers } as const;
    return [
      act(`a redirect ${status}`, "GetKey", action, unreadable),
      act(`a redirect ${status}`, "CreateKey", action, unreadableChange, ambiguous),
    ];
  }),
];

/** Error pages of proxies. They cannot be parsed, so the HTTP status decides. */
const pageRows: readonly ErrorRow[] = (
  [
    ["more than is read", "x".repeat(100_000), {}],
    ["a compressed page", upstreamText, { "Content-Encoding": "gzip" }],
  ] as const
).flatMap(([what, body, headers]) => [
  act(`503 with ${what}`, "WrapKey", { kind: "respond", status: 503, body, headers }, unavailable, {
    httpStatus: "503",
  }),
  act(
    `503 and Retry-After with ${what}`,
    "CreateKey",
    { kind: "respond", status: 503, body, headers: { ...headers, "Retry-After": "4" } },
    unknown,
    { httpStatus: "503", ...ambiguous },
  ),
  act(`502 with ${what}`, "CreateKey", { kind: "respond", status: 502, body, headers }, unknown, {
    httpStatus: "502",
    ...ambiguous,
  }),
  act(`429 with ${what}`, "WrapKey", { kind: "respond", status: 429, body, headers }, limited, {
    httpStatus: "429",
  }),
  act(`429 with ${what}`, "CreateKey", { kind: "respond", status: 429, body, headers }, unknown, {
    httpStatus: "429",
    ...ambiguous,
  }),
]);

/** All rows of the table that a response, or its absence, can cause. */
export const errorRows: readonly ErrorRow[] = [
  ...requestRows,
  ...stateRows,
  ...kmipRows,
  ...troubleRows,
  ...brokenRows,
  ...pageRows,
];

const notFoundTexts: readonly (readonly [
  body: string,
  action: FaultAction,
  upstreamReason: string,
])[] = [
  ["reasons", answering(404, "KEY_NOT_FOUND_ERR"), "KEY_NOT_FOUND_ERR"],
  ["a blank before the code", answering(404, " KEY_NOT_FOUND_ERR"), "KEY_NOT_FOUND_ERR"],
  ["no reasons, as in 2019", answering(404), ""],
  ["a code that is not known", answering(404, "NEVER_SEEN_ERR"), "NEVER_SEEN_ERR"],
  ["a code that is a sentence", answering(404, upstreamText), ""],
  ["a code of JavaScript", answering(404, "__proto__"), ""],
  ["a text as resource", { kind: "respond", status: 404, body: { resources: [upstreamText] } }, ""],
  [
    "reasons that are none",
    {
      kind: "respond",
      status: 404,
      body: { resources: [{ reasons: [null, 1, "x", { code: 7 }] }] },
    },
    "",
  ],
  [
    "1,000 reasons",
    {
      kind: "respond",
      status: 404,
      body: {
        resources: [
          { reasons: Array.from({ length: 1_000 }, (_, at) => ({ code: `REASON_${at}_ERR` })) },
        ],
      },
    },
    "REASON_0_ERR,REASON_1_ERR,REASON_2_ERR,REASON_3_ERR",
  ],
];

/** Bodies that are not Key Protect's: pages of proxies, other servers' JSON, and none. */
const foreignBodies: readonly (readonly [body: string, action: FaultAction])[] = [
  ["HTML", { kind: "respond", status: 404, body: `<html><h1>${upstreamText}</h1></html>` }],
  ["nothing", { kind: "respond", status: 404, body: "" }],
  ["JSON cut short", { kind: "respond", status: 404, body: '{"metadata":{"collectionType":"app' }],
  ["null as resources", { kind: "respond", status: 404, body: '{"resources":null}' }],
  ["an array", { kind: "respond", status: 404, body: "[]" }],
  ["a number", { kind: "respond", status: 404, body: "404" }],
  ["100 KB", { kind: "respond", status: 404, body: `{"resources":["${"x".repeat(100_000)}"]}` }],
  ["another server's JSON", { kind: "respond", status: 404, body: { error: upstreamText } }],
  ["no resource", { kind: "respond", status: 404, body: { resources: [] } }],
];

const foreignPage = {
  kind: "respond",
  body: `<html>${upstreamText}</html>`,
  contentType: "text/html",
} as const;

/** Definite statuses that Key Protect's own body does not confirm. */
const foreignRows: readonly ErrorRow[] = [
  ...foreignBodies.map(([body, action]) =>
    act(`404 with ${body}`, "GetKey", action, notItsAnswer, { httpStatus: "404" }),
  ),
  ...[400, 401, 403, 404, 407, 409, 410, 412, 413, 422, 451, 501].flatMap((status) =>
    (
      [
        ["a page", { ...foreignPage, status }],
        ["nothing", { kind: "respond", status, body: "", contentType: "text/plain" }],
      ] as const
    ).flatMap(([what, action]) => {
      const more = { httpStatus: String(status) };
      return [
        ...(["WrapKey", "DeleteKey", "CountKeys"] as const).map((rpc) =>
          act(`${status} with ${what} of a proxy`, rpc, action, notItsAnswer, more),
        ),
        ...(["CreateKey", "RotateKey"] as const).map((rpc) =>
          act(`${status} with ${what} of a proxy`, rpc, action, unreadableChange, {
            ...more,
            ...ambiguous,
          }),
        ),
      ];
    }),
  ),
];

/** The same rejection in every kind of body, with the same status. */
export const bodyRows: readonly ErrorRow[] = [
  ...foreignRows,
  ...notFoundTexts.map(([body, action, upstreamReason]) => ({
    title: `404 with ${body} on GetKey`,
    rpc: "GetKey" as const,
    action,
    expected: {
      code: "NOT_FOUND",
      reason: "KEY_NOT_FOUND",
      details: "RS",
      httpStatus: "404",
      upstreamReason,
    },
  })),
  ...(
    [
      // The request sends no value of the caller, so no value can be wrong.
      [400, ...ourDefect],
      [401, ...denied],
      [403, ...denied],
      [404, ...ourDefect],
      [409, ...state],
      [429, ...limited],
      [500, ...internal],
      [501, "UNIMPLEMENTED", "UPSTREAM_REQUEST_REJECTED", ""],
      [503, ...unavailable],
      [504, ...timeout],
    ] as const
  ).map(([status, code, reason, details]) => ({
    title: `${status} without a body on CountKeys`,
    rpc: "CountKeys" as const,
    action: answering(status, "KEY_NOT_FOUND_ERR"),
    expected: { code, reason, details, httpStatus: String(status), upstreamReason: "" },
  })),
];
