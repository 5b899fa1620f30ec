/** Creates root keys directly in Key Protect. */
interface Service {
  readonly url: string;
  readonly instanceId: string;
  readonly apiKey: string;
}

async function json(url: string, init: RequestInit): Promise<Readonly<Record<string, unknown>>> {
  const response = await fetch(url, init);
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  const body: Readonly<Record<string, unknown>> = JSON.parse(await response.text());
  return body;
}

/** Gets an access token for the API key. */
export async function getToken({ url, apiKey }: Service): Promise<string> {
  const { access_token: token } = await json(`${url}/identity/token`, {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "urn:ibm:params:oauth:grant-type:apikey",
      apikey: apiKey,
    }),
  });
  if (typeof token !== "string") throw new Error("no token came back");
  return token;
}

/** Creates a root key directly in Key Protect, without the gateway. Resolves to its ID. */
export async function createRootKey(service: Service): Promise<string> {
  const type = "application/vnd.ibm.kms.key+json";
  const { resources } = await json(`${service.url}/api/v2/keys`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${await getToken(service)}`,
      "bluemix-instance": service.instanceId,
      "content-type": "application/json",
    },
    body: JSON.stringify({
      metadata: { collectionType: type, collectionTotal: 1 },
      resources: [{ type, name: "load", extractable: false }],
    }),
  });
  const [key]: unknown[] = Array.isArray(resources) ? resources : [];
  if (typeof key === "object" && key !== null && "id" in key && typeof key.id === "string") {
    return key.id;
  }
  throw new Error("no key came back");
}
