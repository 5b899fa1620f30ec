"""Checks of the actions on keys."""

import base64
import json
import os
from typing import Any

import keyprotect

from service import (
    PLAINTEXT,
    Service,
    content,
    expect,
    expect_refusal,
    expect_status,
    first,
)


def dual_authorization(kp: Service, key_id: str) -> dict[str, Any]:
    """Returns the dual authorization in the metadata of a key."""
    return first(kp.call("get_key_metadata", key_id))["dualAuthDelete"]


def action_on_key(kp: Service) -> None:
    key_id = kp.new_key()
    body = json.dumps({"plaintext": PLAINTEXT})
    wrapped = content(kp.call("action_on_key", key_id, action="wrap", key_action_body=body))
    body = json.dumps({"ciphertext": wrapped["ciphertext"]})
    unwrapped = content(kp.call("action_on_key", key_id, action="unwrap", key_action_body=body))
    expect(unwrapped["plaintext"], PLAINTEXT)


def wrap_key(kp: Service) -> None:
    key_id = kp.new_key()
    keyprotect.WrapKeyResponseBody.from_dict(kp.wrap(key_id))
    generated = content(kp.call("wrap_key", key_id))
    expect(len(base64.b64decode(generated["plaintext"])), 32)


def unwrap_key(kp: Service) -> None:
    key_id = kp.new_key()
    wrapped = content(
        kp.call(
            "wrap_key",
            key_id,
            key_action_wrap_body=json.dumps({"plaintext": PLAINTEXT, "aad": ["a"]}),
        )
    )
    body = json.dumps({"ciphertext": wrapped["ciphertext"], "aad": ["a"]})
    unwrapped = content(kp.call("unwrap_key", key_id, key_action_unwrap_body=body))
    expect(keyprotect.UnwrapKeyResponseBody.from_dict(unwrapped).plaintext, PLAINTEXT)
    body = json.dumps({"ciphertext": wrapped["ciphertext"], "aad": ["b"]})
    refused = lambda: kp.call("unwrap_key", key_id, key_action_unwrap_body=body)
    expect_refusal(422, "UNPROCESSABLE_CIPHERTEXT_ERR", refused)


def rewrap_key(kp: Service) -> None:
    key_id = kp.new_key()
    wrapped = kp.wrap(key_id)
    kp.call("rotate_key", key_id)
    body = json.dumps({"ciphertext": wrapped["ciphertext"]})
    answer = content(kp.call("rewrap_key", key_id, key_action_rewrap_body=body))
    rewrapped = keyprotect.RewrapKeyResponseBody.from_dict(answer)
    assert rewrapped.ciphertext != wrapped["ciphertext"]
    expect(answer["keyVersion"], wrapped["keyVersion"])
    assert answer["rewrappedKeyVersion"] != wrapped["keyVersion"]


def rotate_key(kp: Service) -> None:
    key_id = kp.new_key()
    expect_status(kp.call("rotate_key", key_id), 204)
    expect_refusal(409, "KEY_ROTATION_NOT_PERMITTED", lambda: kp.call("rotate_key", key_id))
    imported = kp.new_key(payload=base64.b64encode(os.urandom(32)).decode())
    body = json.dumps({"payload": base64.b64encode(os.urandom(32)).decode()})
    expect_status(kp.call("rotate_key", imported, key_action_rotate_body=body), 204)


def set_key_for_deletion(kp: Service) -> None:
    key_id = kp.new_key()
    refused = lambda: kp.call("set_key_for_deletion", key_id)
    expect_refusal(409, "NOT_DUAL_AUTH_ERR", refused)
    kp.protect_with_dual_authorization(key_id)
    expect_status(kp.call("set_key_for_deletion", key_id), 204)
    expect(dual_authorization(kp, key_id)["keySetForDeletion"], True)


def unset_key_for_deletion(kp: Service) -> None:
    key_id = kp.new_key()
    kp.protect_with_dual_authorization(key_id)
    kp.call("set_key_for_deletion", key_id)
    expect_status(kp.call("unset_key_for_deletion", key_id), 204)
    expect(dual_authorization(kp, key_id)["keySetForDeletion"], False)


def disable_key(kp: Service) -> None:
    key_id = kp.new_key()
    expect_status(kp.call("disable_key", key_id), 204)
    expect(kp.state(key_id), 2)


def enable_key(kp: Service) -> None:
    key_id = kp.new_key()
    kp.call("disable_key", key_id)
    expect_refusal(409, "REQ_TOO_EARLY_ERR", lambda: kp.call("enable_key", key_id))
    kp.advance(30)
    expect_status(kp.call("enable_key", key_id), 204)
    expect(kp.state(key_id), 1)


def sync_associated_resources(kp: Service) -> None:
    key_id = kp.new_key()
    expect_status(kp.call("sync_associated_resources", key_id), 204)
    refused = lambda: kp.call("sync_associated_resources", key_id)
    expect_refusal(409, "REQ_TOO_EARLY_ERR", refused)
