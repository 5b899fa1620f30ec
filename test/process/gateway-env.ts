import { freePort } from "../support/free-port.ts";

/** The environment of a gateway process, and its addresses. */
export interface GatewayEnv {
  readonly env: Readonly<Record<string, string>>;
  readonly address: string;
  readonly adminUrl: string;
}

/** A complete environment, with the additions and replacements of `changes`. */
export async function gatewayEnv(
  upstream: { readonly url: string; readonly instanceId: string; readonly apiKey: string },
  changes: Readonly<Record<string, string>> = {},
): Promise<GatewayEnv> {
  const address = `127.0.0.1:${await freePort()}`;
  const admin = `127.0.0.1:${await freePort()}`;
  return {
    env: {
      KP_SERVICE_URL: upstream.url,
      IAM_AUTH_URL: upstream.url,
      KP_INSTANCE_ID: upstream.instanceId,
      IBMCLOUD_API_KEY: upstream.apiKey,
      GATEWAY_LISTEN: address,
      GATEWAY_ADMIN_LISTEN: admin,
      GATEWAY_DRAIN_DELAY_MS: "0",
      ...changes,
    },
    address,
    adminUrl: `http://${admin}`,
  };
}
