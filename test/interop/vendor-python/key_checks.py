"""Checks of the operations on keys."""

import base64
import json
import uuid

import keyprotect

from service import (
    KEY,
    PLAINTEXT,
    Service,
    collection_text,
    content,
    expect,
    expect_refusal,
    expect_status,
    first,
    ids,
)


def create_key(kp: Service) -> None:
    body = collection_text({"type": KEY, "name": "root", "extractable": False, "aliases": ["one"]})
    made = kp.call("create_key", key_create_body=body, prefer="return=representation")
    expect_status(made, 201)
    key = keyprotect.KeyWithPayload.from_dict(first(made))
    expect((key.name, key.state, key.extractable, key.aliases), ("root", 1, False, ["one"]))


def create_key_with_policies_overrides(kp: Service) -> None:
    resource = {
        "type": KEY,
        "name": "root",
        "extractable": False,
        "rotation": {"enabled": True, "interval_month": 3},
        "dualAuthDelete": {"enabled": True},
    }
    made = kp.call(
        "create_key_with_policies_overrides",
        key_with_policy_overrides_create_body=collection_text(resource),
    )
    expect_status(made, 201)
    policies = content(kp.call("get_policy", first(made)["id"]))
    expect(policies["metadata"]["collectionTotal"], 2)


def get_keys(kp: Service) -> None:
    found = kp.new_key(name="orders", aliases=["orders-1"])
    kp.new_key(extractable=True)
    listed = kp.call("get_keys", limit=10, offset=0, extractable=False, state=[1, 2], sort="-id")
    parsed = keyprotect.ListKeys.from_dict(content(listed))
    expect([key.id for key in parsed.resources], [found])
    expect(ids(kp.call("get_keys", search="exact:alias:orders-1")), [found])
    expect(ids(kp.call("get_keys", filter="extractable=false")), [found])
    expect(ids(kp.call("get_keys", x_kms_key_ring="other")), [])


def get_key_collection_metadata(kp: Service) -> None:
    kp.new_key()
    kp.new_key(extractable=True)
    counted = kp.call("get_key_collection_metadata")
    expect((counted.get_status_code(), counted.get_headers()["Key-Total"]), (200, "2"))
    roots = kp.call("get_key_collection_metadata", state=[1], extractable=False)
    expect(roots.get_headers()["Key-Total"], "1")


def get_key(kp: Service) -> None:
    payload = base64.b64encode(b"a secret").decode()
    key_id = kp.new_key(extractable=True, payload=payload)
    shown = content(kp.call("get_key", key_id))
    keyprotect.GetKey.from_dict(shown)
    expect((shown["resources"][0]["payload"], shown["resources"][0]["id"]), (payload, key_id))
    expect_refusal(404, "KEY_NOT_FOUND_ERR", lambda: kp.call("get_key", str(uuid.uuid4())))


def get_key_metadata(kp: Service) -> None:
    key_id = kp.new_key(extractable=True, payload=PLAINTEXT)
    shown = content(kp.call("get_key_metadata", key_id))
    keyprotect.GetKeyMetadata.from_dict(shown)
    expect(shown["resources"][0]["id"], key_id)
    assert "payload" not in shown["resources"][0]


def patch_key(kp: Service) -> None:
    key_id = kp.new_key()
    kp.call("create_key_ring", "orders")
    body = json.dumps({"keyRingID": "orders"})
    moved = kp.call("patch_key", key_id, key_patch_body=body, x_kms_key_ring="default")
    keyprotect.PatchKeyResponseBody.from_dict(content(moved))
    expect(first(moved)["keyRingID"], "orders")


def delete_key(kp: Service) -> None:
    key_id = kp.new_key()
    kp.control("POST", "/registrations", {"keyId": key_id, "resourceCrn": "crn:v1:a:b:c:d:e:f::"})
    expect_refusal(409, "PROTECTED_RESOURCE_ERR", lambda: kp.call("delete_key", key_id))
    deleted = kp.call("delete_key", key_id, force=True, prefer="return=representation")
    keyprotect.DeleteKey.from_dict(content(deleted))
    expect((deleted.get_status_code(), first(deleted)["state"]), (200, 5))
    expect_status(kp.call("delete_key", kp.new_key()), 204)


def restore_key(kp: Service) -> None:
    key_id = kp.new_key()
    kp.call("delete_key", key_id)
    expect_refusal(409, "REQ_TOO_EARLY_ERR", lambda: kp.call("restore_key", key_id))
    kp.advance(30)
    expect_status(kp.call("restore_key", key_id, prefer="return=representation"), 201)
    expect(kp.state(key_id), 1)


def purge_key(kp: Service) -> None:
    key_id = kp.new_key()
    kp.call("delete_key", key_id)
    expect_refusal(409, "REQ_TOO_EARLY_ERR", lambda: kp.call("purge_key", key_id))
    kp.advance(4 * 3600)
    purged = kp.call("purge_key", key_id, prefer="return=representation")
    expect((purged.get_status_code(), first(purged)["id"]), (200, key_id))
    expect_refusal(404, "KEY_NOT_FOUND_ERR", lambda: kp.call("get_key_metadata", key_id))


def get_key_versions(kp: Service) -> None:
    key_id = kp.new_key()
    kp.call("rotate_key", key_id)
    page = content(kp.call("get_key_versions", key_id, limit=1, offset=1, total_count=True))
    keyprotect.ListKeyVersions.from_dict(page)
    expect((len(page["resources"]), page["metadata"]["totalCount"]), (1, 2))
    kp.call("disable_key", key_id)
    refused = lambda: kp.call("get_key_versions", key_id)
    expect_refusal(409, "KEY_ACTION_INVALID_STATE_ERR", refused)
    expect(len(ids(kp.call("get_key_versions", key_id, all_key_states=True))), 2)
