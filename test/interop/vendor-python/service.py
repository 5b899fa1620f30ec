"""The SDK with what every check needs: short calls, expectations, the emulator's control routes."""

import base64
import json
from collections.abc import Callable
from typing import Any

import keyprotect
import requests
from ibm_cloud_sdk_core import ApiException, DetailedResponse
from ibm_cloud_sdk_core.authenticators import IAMAuthenticator

KEY = "application/vnd.ibm.kms.key+json"
POLICY = "application/vnd.ibm.kms.policy+json"
ADAPTER = "application/vnd.ibm.kms.kmip_adapter+json"
CERTIFICATE = "application/vnd.ibm.kms.kmip_client_certificate+json"
PLAINTEXT = base64.b64encode(b"a data key of 32 bytes, for test").decode()


def collection(resource: dict[str, Any], kind: str = KEY) -> dict[str, Any]:
    """Returns the body of a collection with one resource."""
    return {"metadata": {"collectionType": kind, "collectionTotal": 1}, "resources": [resource]}


def collection_text(resource: dict[str, Any], kind: str = KEY) -> str:
    """Returns the body of a collection as text, which the SDK takes for some operations."""
    return json.dumps(collection(resource, kind))


def content(response: DetailedResponse) -> Any:
    """Decodes an answer. The SDK decodes only `application/json` by itself."""
    result = response.get_result()
    return result.json() if isinstance(result, requests.Response) else result


def first(response: DetailedResponse) -> dict[str, Any]:
    """Returns the first resource of a collection."""
    return content(response)["resources"][0]


def ids(response: DetailedResponse) -> list[str]:
    """Returns the IDs in a collection."""
    return [resource["id"] for resource in content(response)["resources"]]


def expect(actual: Any, expected: Any) -> None:
    """Fails if two values differ."""
    assert actual == expected, f"expected {expected!r}, not {actual!r}"


def expect_status(response: DetailedResponse, status: int) -> None:
    """Fails if an answer has another status."""
    expect(response.get_status_code(), status)


def expect_refusal(status: int, reason: str | None, call: Callable[[], Any]) -> None:
    """Fails if a call succeeds, or is refused with another status or reason."""
    try:
        call()
    except ApiException as error:
        resource = error.http_response.json()["resources"][0]
        expect((error.status_code, resource.get("reasons", [{}])[0].get("code")), (status, reason))
        return
    raise AssertionError(f"expected a refusal with {status} {reason}")


class Service:
    """The SDK with the arguments that all calls share, and the control routes of the emulator."""

    def __init__(self, url: str, instance_id: str, api_key: str, pem: str) -> None:
        self.url = url
        self.instance_id = instance_id
        self.api_key = api_key
        self.pem = pem
        self.sign_in()

    def sign_in(self) -> None:
        """Gets a new token with the next call."""
        authenticator = IAMAuthenticator(apikey=self.api_key, url=self.url)
        self.client = keyprotect.IbmKeyProtectApiV2(authenticator=authenticator)
        self.client.set_service_url(self.url)

    def call(self, method: str, *args: Any, **kwargs: Any) -> DetailedResponse:
        """Calls a method of the SDK."""
        return getattr(self.client, method)(*args, bluemix_instance=self.instance_id, **kwargs)

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """Sends a request to a control route of the emulator."""
        answer = requests.request(method, f"{self.url}/emulator{path}", json=body, timeout=10)
        answer.raise_for_status()
        return answer.json()

    def advance(self, seconds: float) -> None:
        """Moves the clock of the emulator. Tokens may then be expired."""
        self.control("POST", "/clock", {"advanceSeconds": seconds})
        self.sign_in()

    def executed(self) -> list[str]:
        """Returns the operations that the emulator executed for the SDK since the reset."""
        logged = self.control("GET", "/requests?service=keyprotect")["requests"]
        return [
            entry["operation"]
            for entry in logged
            if entry["status"] < 300
            and "ibm-python-sdk-core" in entry["headers"].get("user-agent", "").lower()
        ]

    def new_key(self, extractable: bool = False, **fields: Any) -> str:
        """Creates a key, by default a root key, and returns its ID."""
        resource = {"type": KEY, "name": "conformance", "extractable": extractable, **fields}
        return first(self.call("create_key", key_create_body=collection_text(resource)))["id"]

    def wrap(self, key_id: str) -> dict[str, Any]:
        """Wraps the plaintext of the tests."""
        body = json.dumps({"plaintext": PLAINTEXT})
        return content(self.call("wrap_key", key_id, key_action_wrap_body=body))

    def state(self, key_id: str) -> int:
        """Returns the state of a key."""
        return first(self.call("get_key_metadata", key_id))["state"]

    def new_adapter(self, name: str = "vcenter") -> str:
        """Creates a KMIP adapter with a root key of its own, and returns its ID."""
        return first(self.create_adapter(self.new_key(), name=name))["id"]

    def create_adapter(
        self, crk_id: str, allow_expiring_key: bool | None = None, **fields: Any
    ) -> DetailedResponse:
        """Creates a KMIP adapter with the SDK's models."""
        data = keyprotect.KMIPProfileDataBodyKMIPProfileDataNative(crk_id=crk_id)
        resource = keyprotect.CreateKMIPAdapterObject(
            profile="native_1.0", profile_data=data, **fields
        )
        return self.call(
            "create_kmip_adapter",
            metadata=keyprotect.CollectionMetadata(collection_type=ADAPTER, collection_total=1),
            resources=[resource],
            allow_expiring_key=allow_expiring_key,
        )

    def add_certificate(self, adapter: str, pem: str | None = None) -> DetailedResponse:
        """Adds a client certificate to a KMIP adapter with the SDK's models."""
        metadata = keyprotect.CollectionMetadata(collection_type=CERTIFICATE, collection_total=1)
        resource = keyprotect.CreateKMIPClientCertificateObject(
            certificate=self.pem if pem is None else pem, name="host"
        )
        return self.call(
            "add_kmip_client_certificate", adapter, metadata=metadata, resources=[resource]
        )

    def plant_object(self, adapter: str, **fields: Any) -> str:
        """Adds an object to a KMIP adapter, as a KMIP client would, and returns its ID."""
        return self.control("POST", "/kmip-objects", {"adapter": adapter, **fields})["id"]

    def protect_with_dual_authorization(self, key_id: str) -> None:
        """Sets a policy of dual authorization."""
        policy = collection({"type": POLICY, "dualAuthDelete": {"enabled": True}}, POLICY)
        self.call("put_policy", key_id, key_policy_put_body=policy)
