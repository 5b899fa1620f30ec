/** The steps of asking Key Protect: may the credential list keys of this instance? */
import { randomUUID } from "node:crypto";
import type { InstanceConfig } from "../../config/config.ts";
import type { Grant } from "../../iam/exchange.ts";
import { createKeyProtectClient } from "../../keyprotect/client.ts";
import { KeyProtectError } from "../../keyprotect/error.ts";
import { mediaType } from "../../keyprotect/media-types.ts";
import type { Clock } from "../../platform/clock.ts";
import { rpcTable } from "../../rpc-table.ts";
import { UpstreamError } from "../../upstream/error.ts";
import type { Send } from "../../upstream/layer.ts";
import type { ConnectorOptions } from "../../upstream/transport/connector.ts";
import { createPool } from "../../upstream/transport/pool.ts";
import { createTransport } from "../../upstream/transport/transport.ts";
import { failed, ok, type PlannedStep, type StepResult, skipped } from "./report.ts";

/** Dependencies of the steps. */
export interface KeyProtectStepDeps {
  readonly connection: ConnectorOptions;
  readonly grant: () => Grant | undefined;
  readonly clock: Clock;
}

/** Longest request, in milliseconds. */
const requestMs = 8_000;

/** Plans the request for a list of one key, which changes nothing, and the look at its form. */
export function planKeyProtectSteps(
  instance: InstanceConfig,
  deps: KeyProtectStepDeps,
): PlannedStep[] {
  let listType: string | undefined;
  return [
    {
      name: "Key Protect: role and instance",
      run: async () => {
        const grant = deps.grant();
        if (grant === undefined) return skipped("there is no token");
        try {
          listType = await listOneKey(instance, grant, deps);
          return ok("the credential may list keys of the instance");
        } catch (error) {
          return refusalOf(error, instance);
        }
      },
    },
    { name: "Key Protect: dialect", run: () => dialectResult(listType, instance.dialect) },
  ];
}

/** Lists one key. Resolves with the type that the list says it has. */
async function listOneKey(
  { serviceUrl, instanceId, dialect }: InstanceConfig,
  grant: Grant,
  { connection, clock }: KeyProtectStepDeps,
): Promise<string | undefined> {
  await using pool = createPool({ origin: serviceUrl, connections: 1, ...connection });
  const transport = createTransport({ pool, clock, attemptTimeoutMs: requestMs });
  let listType: string | undefined;
  const send: Send = async (request) => {
    const authorization = `Bearer ${grant.accessToken.reveal()}`;
    const headers = { authorization, ...request.headers };
    const response = await transport({ ...request, headers, onNewConnection: true });
    listType = typeOf(response.body);
    return response;
  };
  const client = createKeyProtectClient({ send, instanceId, dialect });
  const rpc = rpcTable.find(({ method }) => method === "ListKeys");
  if (rpc === undefined) throw new Error("there is no RPC ListKeys");
  const call = {
    rpc,
    correlationId: randomUUID(),
    caller: "anonymous",
    deadline: clock.now() + requestMs,
    signal: AbortSignal.timeout(requestMs),
    callerToken: undefined,
    keyRing: undefined,
    attemptLog: { attempts: 0, httpStatus: undefined },
  };
  await client.listKeys(call, { limit: 1, offset: 0 });
  return listType;
}

/** `metadata.collectionType` of a body, which differs between the versions of the API. */
function typeOf(body: Buffer): string | undefined {
  const match = /"collectionType"\s*:\s*"([^"]{1,100})"/.exec(body.toString("utf8"));
  return match?.[1];
}

const roleRemedy =
  "check three things: KP_INSTANCE_ID is the ID of an instance in the region of KP_SERVICE_URL; the service ID or profile has the role Reader or a higher one on that instance; no network or IP policy of the instance or the account shuts this address out";

function refusalOf(error: unknown, { serviceUrl }: InstanceConfig): StepResult {
  if (error instanceof UpstreamError) {
    return failed(
      `the request got no answer (${error.code})`,
      "try again; the connection itself could be made just now",
    );
  }
  if (!(error instanceof KeyProtectError)) throw error;
  const { httpStatus: status, reasons, code, isForeign } = error;
  const words = reasons.map((reason) => reason.code).join(", ");
  const said = `status ${status ?? "unknown"}${words === "" ? "" : `, ${words}`}`;
  if (code !== "REJECTED" || isForeign) {
    return failed(
      `another server than Key Protect answers at ${new URL(serviceUrl).host}, or a proxy's page (${said})`,
      "check KP_SERVICE_URL, such as https://us-south.kms.cloud.ibm.com, and the proxy",
    );
  }
  if (status === 401) {
    return failed(
      `Key Protect does not accept the token for this instance (${said}): it says the same of a missing role, a wrong instance and a wrong region`,
      roleRemedy,
    );
  }
  if (status === 403) {
    return failed(
      `a role is missing (${said})`,
      "give the service ID or profile the role Reader or a higher one on the instance, and wait a minute or two",
    );
  }
  if (status === 404 || status === 410) {
    return failed(
      `Key Protect has no such instance here, or no longer (${said})`,
      "check that KP_INSTANCE_ID is in the region of KP_SERVICE_URL and has not been deleted",
    );
  }
  if (status === 429) {
    return failed(
      `the quota of the instance is used up at the moment (${said})`,
      "try again; if it stays so, see who else uses the instance",
    );
  }
  return failed(
    `Key Protect refuses the list (${said})`,
    status !== undefined && status >= 500
      ? "try again; see the status page of IBM Cloud"
      : "check KP_INSTANCE_ID, KP_API_DIALECT and KP_SERVICE_URL",
  );
}

function dialectResult(
  listType: string | undefined,
  dialect: InstanceConfig["dialect"],
): StepResult {
  const found = { [mediaType.collection]: "2019", [mediaType.key]: "current" }[listType ?? ""];
  if (found === undefined) return skipped("the list does not tell its version");
  if (found === dialect) return ok(`the list has the form of \`${dialect}\``);
  return failed(
    `the list has the form of \`${found}\`, and \`${dialect}\` is configured`,
    `set KP_API_DIALECT (in the file: dialect) to \`${found}\``,
  );
}
