import type { StatusRequest, StatusResponse } from "../../gen/kubernetes/kms/v2/api.ts";
import type { UnaryHandler } from "../../grpc/interceptors/interceptor.ts";
import { createHandler } from "../../service/create-handler.ts";
import { formatKeyId } from "./key-id.ts";
import type { KeyVersionStatus } from "./key-version-status.ts";

/** Version of the protocol. The API server does not accept that it changes. */
const version = "v2";
/** The only text that the API server takes for health. */
const healthy = "ok";

/** Dependencies of Status. */
export interface StatusDeps {
  readonly instanceId: string;
  readonly endpoint: { readonly keyId: string };
  readonly keyVersion: Pick<KeyVersionStatus, "current">;
}

/**
 * Creates the handler of Status. It answers also if the key cannot be used: `healthz` is then the
 * reason and nothing else, because the API server prints it.
 */
export const createStatus = ({
  instanceId,
  endpoint: { keyId },
  keyVersion,
}: StatusDeps): UnaryHandler<StatusRequest, StatusResponse> =>
  createHandler({
    validate: () => undefined,
    async answer(_request, context) {
      const { keyVersionId, failure } = await keyVersion.current(context);
      return {
        version,
        healthz: failure ?? healthy,
        keyId: keyVersionId === undefined ? "" : formatKeyId({ instanceId, keyId, keyVersionId }),
      };
    },
  });
