"""Every operation of IBM's Key Protect SDK for Python, unpatched, against an emulator.

Usage: main.py <url> <instance ID> <API key> <certificate in PEM format>

A check is a function with the name of the SDK's method. It begins with an emulator that was just
reset. It reads the answers with the SDK's own models where the SDK has one. For each check a line
of JSON goes to standard output: the method, the operations that the emulator executed for the SDK,
and the error of a check that failed. See ../vendor-python.test.ts.
"""

import inspect
import json
import logging
import sys
import traceback
from collections.abc import Callable
from typing import Any

import keyprotect

import action_checks
import instance_checks
import key_checks
import kmip_checks
from service import Service

MODULES = (key_checks, action_checks, instance_checks, kmip_checks)


def check_of(method: str) -> Callable[[Service], None]:
    """Finds the check of a method. Raises if there is none."""
    found = [getattr(module, method) for module in MODULES if hasattr(module, method)]
    if len(found) != 1:
        raise LookupError(f"there are {len(found)} checks of {method}")
    return found[0]


def methods_of_the_sdk() -> list[str]:
    """Returns the names of the SDK's methods that send a request."""
    functions = inspect.getmembers(keyprotect.IbmKeyProtectApiV2, inspect.isfunction)
    return [
        name
        for name, function in functions
        if "bluemix_instance" in inspect.signature(function).parameters
    ]


def main(url: str, instance_id: str, api_key: str, pem: str) -> None:
    """Runs the check of each method, and reports a method without a check as failed."""
    # The SDK warns of its deprecated method with each call.
    logging.disable(logging.WARNING)
    for method in methods_of_the_sdk():
        result: dict[str, Any] = {"method": method, "operations": []}
        try:
            service = Service(url, instance_id, api_key, pem)
            service.control("POST", "/reset")
            check_of(method)(service)
            result["operations"] = service.executed()
        except Exception:  # pylint: disable=broad-except
            result["error"] = traceback.format_exc()
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
