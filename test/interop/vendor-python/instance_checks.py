"""Checks of policies, import tokens, registrations, aliases and key rings."""

import keyprotect

from service import (
    KEY,
    POLICY,
    Service,
    collection,
    collection_text,
    content,
    expect,
    expect_refusal,
    expect_status,
    first,
)


def put_policy(kp: Service) -> None:
    key_id = kp.new_key()
    policy = collection({"type": POLICY, "rotation": {"interval_month": 3}}, POLICY)
    put = kp.call("put_policy", key_id, key_policy_put_body=policy, policy="rotation")
    expect((put.get_status_code(), first(put)["rotation"]["interval_month"]), (200, 3))
    wrong = lambda: kp.call(
        "put_policy", key_id, key_policy_put_body=policy, policy="dualAuthDelete"
    )
    expect_refusal(400, "BODY_QUERY_PARAM_MISMATCH_ERR", wrong)


def get_policy(kp: Service) -> None:
    key_id = kp.new_key()
    expect(content(kp.call("get_policy", key_id))["resources"], [])
    kp.protect_with_dual_authorization(key_id)
    shown = content(kp.call("get_policy", key_id, policy="dualAuthDelete"))
    keyprotect.GetKeyPoliciesOneOfGetKeyPolicyDualAuthDelete.from_dict(shown)
    expect(shown["resources"][0]["dualAuthDelete"]["enabled"], True)


INSTANCE_POLICIES = {
    "allowedNetwork": {"allowed_network": "public-and-private"},
    "dualAuthDelete": None,
    "allowedIP": {"allowed_ip": ["192.0.2.0/24"]},
    "keyCreateImportAccess": {"create_root_key": True},
    "metrics": None,
    "rotation": {"interval_month": 2},
}


def put_instance_policy(kp: Service) -> None:
    for name, attributes in INSTANCE_POLICIES.items():
        data = (
            {"enabled": True} if attributes is None else {"enabled": True, "attributes": attributes}
        )
        body = collection({"policy_type": name, "policy_data": data}, POLICY)
        put = kp.call("put_instance_policy", instance_policy_put_body=body, policy=name)
        expect_status(put, 204)
    stored = content(kp.call("get_instance_policy"))["resources"]
    expect({policy["policy_type"] for policy in stored}, set(INSTANCE_POLICIES))


def get_instance_policy(kp: Service) -> None:
    expect(content(kp.call("get_instance_policy"))["resources"], [])
    data = {"enabled": True, "attributes": {"interval_month": 2}}
    body = collection({"policy_type": "rotation", "policy_data": data}, POLICY)
    kp.call("put_instance_policy", instance_policy_put_body=body)
    shown = content(kp.call("get_instance_policy", policy="rotation"))
    keyprotect.GetInstancePoliciesOneOfGetInstancePolicyRotation.from_dict(shown)
    expect(shown["resources"][0]["policy_data"], data)


def get_allowed_ip_port(kp: Service) -> None:
    expect_refusal(404, None, lambda: kp.call("get_allowed_ip_port"))
    data = {"enabled": True, "attributes": {"allowed_ip": ["192.0.2.0/24"]}}
    body = collection({"policy_type": "allowedIP", "policy_data": data}, POLICY)
    kp.call("put_instance_policy", instance_policy_put_body=body)
    answer = keyprotect.AllowedIPPort.from_dict(content(kp.call("get_allowed_ip_port")))
    assert answer.resources[0].private_endpoint_port > 0


def post_import_token(kp: Service) -> None:
    made = kp.call("post_import_token", expiration=600, max_allowed_retrievals=1)
    token = keyprotect.ImportToken.from_dict(content(made))
    expect((made.get_status_code(), token.max_allowed_retrievals), (200, 1))


def get_import_token(kp: Service) -> None:
    kp.call("post_import_token", expiration=600, max_allowed_retrievals=1)
    token = keyprotect.GetImportToken.from_dict(content(kp.call("get_import_token")))
    assert token.payload.startswith(b"-----BEGIN PUBLIC KEY-----")
    refused = lambda: kp.call("get_import_token")
    expect_refusal(409, "IMPORT_TOKEN_EXPIRED_ERR", refused)


BUCKET = "crn:v1:bluemix:public:cloud-object-storage:global:a/1:2:bucket:3"


def get_registrations(kp: Service) -> None:
    key_id = kp.new_key()
    kp.control("POST", "/registrations", {"keyId": key_id, "resourceCrn": BUCKET})
    query = {
        "limit": 1,
        "offset": 0,
        "total_count": True,
        "url_encoded_resource_crn_query": "crn:v1:bluemix:public:cloud-object-storage:*",
        "prevent_key_deletion": False,
    }
    answer = content(kp.call("get_registrations", key_id, **query))
    parsed = keyprotect.RegistrationWithTotalCount.from_dict(answer)
    expect([each.resource_crn for each in parsed.resources], [BUCKET])
    expect(answer["metadata"]["totalCount"], 1)


def get_registrations_all_keys(kp: Service) -> None:
    key_id = kp.new_key()
    kp.control("POST", "/registrations", {"keyId": key_id, "resourceCrn": BUCKET})
    answer = content(kp.call("get_registrations_all_keys", total_count=True))
    parsed = keyprotect.RegistrationWithTotalCount.from_dict(answer)
    expect([each.key_id for each in parsed.resources], [key_id])
    none = kp.call("get_registrations_all_keys", url_encoded_resource_crn_query="crn:v2:*")
    expect(content(none)["resources"], [])


def create_key_alias(kp: Service) -> None:
    key_id = kp.new_key()
    made = kp.call("create_key_alias", key_id, "orders")
    alias = keyprotect.KeyAlias.from_dict(content(made)).resources[0]
    expect((made.get_status_code(), alias.key_id, alias.alias), (201, key_id, "orders"))
    expect(first(kp.call("get_key_metadata", "orders"))["id"], key_id)
    other = kp.new_key()
    refused = lambda: kp.call("create_key_alias", other, "orders")
    expect_refusal(409, "KEY_ALIAS_NOT_UNIQUE_ERR", refused)


def delete_key_alias(kp: Service) -> None:
    key_id = kp.new_key(aliases=["orders"])
    expect_status(kp.call("delete_key_alias", key_id, "orders"), 204)
    expect_refusal(404, "KEY_NOT_FOUND_ERR", lambda: kp.call("get_key_metadata", "orders"))


def list_key_rings(kp: Service) -> None:
    kp.call("create_key_ring", "orders")
    answer = content(kp.call("list_key_rings", limit=10, offset=0, total_count=True))
    expect([ring["id"] for ring in answer["resources"]], ["default", "orders"])
    keyprotect.ListKeyRingsWithTotalCount.from_dict(answer)
    expect(answer["metadata"]["totalCount"], 2)


def create_key_ring(kp: Service) -> None:
    expect_status(kp.call("create_key_ring", "orders"), 201)
    expect_refusal(400, "INVALID_FIELD_ERR", lambda: kp.call("create_key_ring", "orders"))


def delete_key_ring(kp: Service) -> None:
    kp.call("create_key_ring", "orders")
    body = collection_text({"type": KEY, "name": "ringed", "extractable": False})
    made = kp.call("create_key", key_create_body=body, x_kms_key_ring="orders")
    refused = lambda: kp.call("delete_key_ring", "orders")
    expect_refusal(409, "KEY_RING_NOT_EMPTY_ERR", refused)
    kp.call("delete_key", first(made)["id"])
    expect_status(kp.call("delete_key_ring", "orders", force=True), 204)
