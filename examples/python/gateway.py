"""The connection to the gateway: credentials, retry policy, deadline, correlation ID, errors."""

import os
import re
import uuid
from pathlib import Path

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from keyprotect.v1 import key_actions_service_pb2 as actions_pb
from keyprotect.v1 import key_actions_service_pb2_grpc as actions_rpc

# The time in seconds that a call may take, with all its attempts.
TIMEOUT_S = 10

# Retries what may be repeated, and nothing else. The gateway's repository generates it.
SERVICE_CONFIG = Path(__file__).parents[2] / "proto/keyprotect/v1/service_config.json"

# Loopback addresses and Unix sockets. Data keys must not cross a network in the clear.
LOCAL = re.compile(r"unix:.+|(localhost|127\.0\.0\.1|\[::1\]):\d+")


class UsageError(Exception):
    """A mistake of the user: wrong arguments or environment variables."""


class Gateway:
    """Makes the two calls that envelope encryption needs. They raise `grpc.RpcError`."""

    def __init__(self) -> None:
        """Opens the channel that the environment variables describe. A process needs only one."""
        # Finds all calls of this job in the logs of the gateway and of Key Protect.
        self.correlation_id = str(uuid.uuid4())
        address = os.environ.get("KEYPROTECT_GATEWAY", "127.0.0.1:50051")
        self._channel = _open_channel(address)
        self._actions = actions_rpc.KeyActionsServiceStub(self._channel)

    def generate_data_key(
        self, request: actions_pb.GenerateDataKeyRequest
    ) -> actions_pb.GenerateDataKeyResponse:
        return self._actions.GenerateDataKey(request, **self._call_options())

    def unwrap_key(self, request: actions_pb.UnwrapKeyRequest) -> actions_pb.UnwrapKeyResponse:
        return self._actions.UnwrapKey(request, **self._call_options())

    def close(self) -> None:
        self._channel.close()

    def _call_options(self) -> dict:
        return {"timeout": TIMEOUT_S, "metadata": [("x-correlation-id", self.correlation_id)]}


def _open_channel(address: str) -> grpc.Channel:
    options = [("grpc.service_config", SERVICE_CONFIG.read_text())]
    ca, key, certificate = (
        Path(path).read_bytes() if (path := os.environ.get(name)) else None
        for name in (
            "KEYPROTECT_GATEWAY_CA_FILE",
            "KEYPROTECT_GATEWAY_KEY_FILE",
            "KEYPROTECT_GATEWAY_CERT_FILE",
        )
    )
    if ca is not None:
        credentials = grpc.ssl_channel_credentials(ca, key, certificate)
        return grpc.secure_channel(address, credentials, options)
    if LOCAL.fullmatch(address):
        return grpc.insecure_channel(address, options)
    raise UsageError(f"{address} needs TLS: set KEYPROTECT_GATEWAY_CA_FILE")


def describe(error: grpc.RpcError) -> str:
    """Describes a failed call: status, text, and the details that the gateway adds.

    A program decides by status and reason, never by the text. Without a reason, the failure is not
    the gateway's own: it comes from this library, the network or a proxy.
    """
    lines = [f"{error.code().name}: {error.details()}"]
    status = rpc_status.from_call(error)
    for detail in status.details if status is not None else ():
        info = error_details_pb2.ErrorInfo()
        bad_request = error_details_pb2.BadRequest()
        retry = error_details_pb2.RetryInfo()
        if detail.Unpack(info):
            lines.append(f"  reason: {info.reason}")
            lines.append(f"  may have executed: {info.metadata['mayHaveExecuted']}")
        elif detail.Unpack(bad_request):
            for violation in bad_request.field_violations:
                lines.append(f"  field {violation.field}: {violation.description}")
        elif detail.Unpack(retry):
            lines.append(f"  retry after: {retry.retry_delay.ToTimedelta().total_seconds():.1f} s")
    return "\n".join(lines)
