/** Asks a running gateway for the Status of an endpoint. */
import { credentials, Metadata, status } from "@grpc/grpc-js";
import { formatListenAddress } from "../../../config/listen-address.ts";
import type { KubernetesKmsConfig } from "../../../config/endpoint.ts";
import { KeyManagementServiceClient } from "../../../gen/kubernetes/kms/v2/api.ts";
import { parseKeyId } from "../key-id.ts";
import type { Report } from "./finding.ts";

/** The API server's default, in milliseconds. */
const timeoutMs = 3_000;

/** The meaning of each status of the call. Others are reported by their names. */
const meanings: Readonly<Partial<Record<status, string>>> = {
  [status.UNAVAILABLE]:
    "nothing answers on the socket: the gateway does not run, listens elsewhere, or this user may not open the socket",
  [status.UNIMPLEMENTED]: "the process at the socket does not speak KMS v2",
  [status.PERMISSION_DENIED]:
    "the policy of the running gateway does not allow its caller KubernetesKms/Status",
  [status.DEADLINE_EXCEEDED]: "the socket gives no answer within 3s",
};

/** Reports what Status of an endpoint says, and whether it is what the configuration says. */
export async function probe(
  endpoint: KubernetesKmsConfig,
  instanceId: string,
  report: Report,
): Promise<void> {
  const { caller, keyId, listen } = endpoint;
  const client = new KeyManagementServiceClient(
    formatListenAddress(listen),
    credentials.createInsecure(),
  );
  try {
    const answer = await new Promise<{ healthz: string; keyId: string } | status>((resolve) => {
      client.status({}, new Metadata(), { deadline: Date.now() + timeoutMs }, (error, response) =>
        resolve(error === null ? response : error.code),
      );
    });
    if (typeof answer === "number") {
      const what = meanings[answer] ?? `Status fails: ${status[answer]}`;
      report("problem", caller, what);
      return;
    }
    if (answer.healthz === "ok") report("ok", caller, "Status is ok");
    else report("problem", caller, `Status is not ok: ${answer.healthz}`);
    if (answer.keyId === "") return;
    const named = parseKeyId(answer.keyId);
    if (named?.keyId === keyId && named.instanceId === instanceId) {
      report("ok", caller, `key_id is ${answer.keyId}`);
    } else {
      const what =
        "key_id names another key than the configuration: the running gateway has another one; restart it";
      report("problem", caller, what);
    }
  } finally {
    client.close();
  }
}
