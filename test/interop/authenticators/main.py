"""Gets a token by IBM's own authenticators, from the environment alone.

Prints one line of JSON: the type of the authenticator and the token, or the failure.
"""

import json

from ibm_cloud_sdk_core import ApiException, get_authenticator_from_environment

authenticator = get_authenticator_from_environment("ibm_key_protect_api")
result = {"type": authenticator.authentication_type()}
try:
    result["token"] = authenticator.token_manager.get_token()
except ApiException as error:
    result["failure"] = {"status": error.status_code, "body": error.http_response.json()}
print(json.dumps(result))
