"""Checks of the management of KMIP."""

import uuid

import keyprotect

from service import (
    Service,
    content,
    expect,
    expect_refusal,
    expect_status,
    first,
    ids,
)


def get_kmip_adapters(kp: Service) -> None:
    kp.new_adapter("first")
    key_id = kp.new_key()
    found = first(kp.create_adapter(key_id, name="second"))["id"]
    answer = content(
        kp.call("get_kmip_adapters", limit=1, offset=0, total_count=True, crk_id=key_id)
    )
    parsed = keyprotect.ListKMIPAdaptersWithTotalCount.from_dict(answer)
    expect([adapter.id for adapter in parsed.resources], [found])
    expect(answer["metadata"]["totalCount"], 1)
    expect(len(ids(kp.call("get_kmip_adapters"))), 2)


def create_kmip_adapter(kp: Service) -> None:
    key_id = kp.new_key(expirationDate="2999-01-01T00:00:00Z")
    fields = {"name": "vcenter", "description": "Rack 1"}
    expiring = lambda: kp.create_adapter(key_id, **fields)
    expect_refusal(400, "NATIVE_INVALID_CRK_ERR", expiring)
    made = kp.create_adapter(key_id, allow_expiring_key=True, **fields)
    adapter = keyprotect.ListKMIPAdapters.from_dict(content(made)).resources[0]
    expect((made.get_status_code(), adapter.name), (201, "vcenter"))
    expect(adapter.profile_data, {"crk_id": key_id})
    taken = lambda: kp.create_adapter(kp.new_key(), **fields)
    expect_refusal(409, "KMIP_ADAPTER_DUPLICATE_NAME_ERR", taken)


def get_kmip_adapter(kp: Service) -> None:
    adapter_id = kp.new_adapter("vcenter")
    by_name = content(kp.call("get_kmip_adapter", "vcenter"))
    expect(by_name, content(kp.call("get_kmip_adapter", adapter_id)))
    expect(keyprotect.ListKMIPAdapters.from_dict(by_name).resources[0].id, adapter_id)
    expect_refusal(404, "KMIP_ADAPTER_NOT_FOUND_ERR", lambda: kp.call("get_kmip_adapter", "other"))


def delete_kmip_adapter(kp: Service) -> None:
    adapter_id = kp.new_adapter()
    object_id = kp.plant_object(adapter_id)
    expect_refusal(409, None, lambda: kp.call("delete_kmip_adapter", adapter_id))
    kp.call("delete_kmip_object", adapter_id, id=object_id, force=True)
    expect_status(kp.call("delete_kmip_adapter", "vcenter"), 204)
    expect(ids(kp.call("get_kmip_adapters")), [])


def get_kmip_objects(kp: Service) -> None:
    adapter_id = kp.new_adapter()
    active = kp.plant_object(adapter_id, state=2)
    destroyed = kp.plant_object(adapter_id, state=5)
    answer = content(kp.call("get_kmip_objects", "vcenter", limit=1, offset=0, total_count=True))
    parsed = keyprotect.ListKMIPObjectsWithTotalCount.from_dict(answer)
    expect([(each.id, each.state) for each in parsed.resources], [(active, 2)])
    expect(answer["metadata"]["totalCount"], 1)
    expect(ids(kp.call("get_kmip_objects", adapter_id, state=[5, 6])), [destroyed])


def get_kmip_object(kp: Service) -> None:
    adapter_id = kp.new_adapter()
    object_id = kp.plant_object(adapter_id, state=4)
    answer = content(kp.call("get_kmip_object", adapter_id, id=object_id))
    found = keyprotect.ListKMIPObjectsWithTotalCount.from_dict(answer).resources[0]
    expect((found.id, found.kmip_object_type, found.state), (object_id, 2, 4))
    unknown = lambda: kp.call("get_kmip_object", adapter_id, id=str(uuid.uuid4()))
    expect_refusal(404, "KMIP_OBJECT_NOT_FOUND_ERR", unknown)


def delete_kmip_object(kp: Service) -> None:
    adapter_id = kp.new_adapter()
    object_id = kp.plant_object(adapter_id, state=2)
    delete = lambda **fields: kp.call("delete_kmip_object", adapter_id, id=object_id, **fields)
    expect_refusal(409, None, delete)
    expect_status(delete(force=True), 204)
    expect(first(kp.call("get_kmip_object", adapter_id, id=object_id))["state"], 5)


def get_kmip_client_certificates(kp: Service) -> None:
    adapter_id = kp.new_adapter()
    kp.add_certificate(adapter_id)
    query = {"limit": 1, "offset": 0, "total_count": True}
    answer = content(kp.call("get_kmip_client_certificates", "vcenter", **query))
    parsed = keyprotect.ListKMIPPartialClientCertificatesWithTotalCount.from_dict(answer)
    expect([each.name for each in parsed.resources], ["host"])
    assert "certificate" not in answer["resources"][0]
    expect(answer["metadata"]["totalCount"], 1)


def add_kmip_client_certificate(kp: Service) -> None:
    adapter_id = kp.new_adapter()
    refused = lambda: kp.add_certificate(adapter_id, "no PEM")
    expect_refusal(400, "INVALID_FIELD_ERR", refused)
    added = kp.add_certificate(adapter_id)
    parsed = keyprotect.ListKMIPClientCertificates.from_dict(content(added)).resources[0]
    expect((added.get_status_code(), parsed.name, parsed.certificate), (201, "host", kp.pem))
    other = kp.new_adapter("other")
    expect_refusal(409, "KMIP_CERT_REUSE_ERR", lambda: kp.add_certificate(other))


def get_kmip_client_certificate(kp: Service) -> None:
    adapter_id = kp.new_adapter()
    certificate_id = first(kp.add_certificate(adapter_id))["id"]
    by_name = content(kp.call("get_kmip_client_certificate", "vcenter", "host"))
    by_id = content(kp.call("get_kmip_client_certificate", adapter_id, certificate_id))
    expect(by_name, by_id)
    parsed = keyprotect.ListKMIPClientCertificates.from_dict(by_id).resources[0]
    expect((parsed.id, parsed.certificate), (certificate_id, kp.pem))


def delete_kmip_client_certificate(kp: Service) -> None:
    adapter_id = kp.new_adapter()
    kp.add_certificate(adapter_id)
    expect_status(kp.call("delete_kmip_client_certificate", adapter_id, "host"), 204)
    gone = lambda: kp.call("get_kmip_client_certificate", adapter_id, "host")
    expect_refusal(404, "KMIP_CERT_NOT_FOUND_ERR", gone)
