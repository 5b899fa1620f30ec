/** The online check says in words which step fails, and what the operator can do about it. */
import { once } from "node:events";
import { createServer } from "node:https";
import { createServer as createTcpServer } from "node:net";
import { describe, expect, test } from "vitest";
import type { Config } from "../../src/config/config.ts";
import { readConfigSources } from "../../src/config/config-source.ts";
import type { Emulator } from "../../src/emulator/emulator.ts";
import { defaultApiKey } from "../../src/emulator/options.ts";
import { checkOnline } from "../../src/gateway/online-check/check-online.ts";
import { formatReport, isFlawless, type Section } from "../../src/gateway/online-check/report.ts";
import { createCertificateAuthority, type IssuedCertificate } from "../support/certificates.ts";
import { createConfigFolder } from "../support/config-folder.ts";
import { freePort } from "../support/free-port.ts";
import { startEmulator } from "../support/start-emulator.ts";
import { startTestProxy } from "../support/test-proxy.ts";

type Env = Readonly<Record<string, string | undefined>>;

const envOf = (emulator: Emulator, changes: Env = {}): Env => ({
  KP_SERVICE_URL: emulator.url,
  IAM_AUTH_URL: emulator.url,
  KP_INSTANCE_ID: emulator.instanceId,
  IBMCLOUD_API_KEY: defaultApiKey,
  GATEWAY_ALLOW_INSECURE_UPSTREAM: "true",
  ...changes,
});

async function configOf(env: Env): Promise<Config> {
  const { result } = await readConfigSources({ env });
  if (result instanceof Error) throw result;
  return result;
}

const check = async (env: Env): Promise<readonly Section[]> => checkOnline(await configOf(env));

/** The steps of the first section, as `outcome name`, and the detail of each. */
function outcomes([section]: readonly Section[]): ReadonlyMap<string, string> {
  return new Map(section?.steps.map(({ name, outcome }) => [name, outcome]));
}

/** The text of the step that failed first. */
function firstFailure(sections: readonly Section[]): string {
  const step = sections.flatMap(({ steps }) => steps).find(({ outcome }) => outcome === "failed");
  return step?.outcome === "failed" ? `${step.name}: ${step.detail}; ${step.remedy}` : "none";
}

test("all steps of a good configuration are made, nothing is changed, and no secret is shown", async () => {
  await using emulator = await startEmulator();
  const sections = await check(envOf(emulator));
  expect(firstFailure(sections)).toBe("none");
  expect(isFlawless(sections)).toBe(true);
  expect(Object.fromEntries(outcomes(sections))).toEqual({
    "IAM: name": "ok",
    "IAM: connection": "ok",
    "IAM: TLS": "skipped",
    credential: "ok",
    clock: "ok",
    "Key Protect: name": "ok",
    "Key Protect: connection": "ok",
    "Key Protect: TLS": "skipped",
    "Key Protect: role and instance": "ok",
    "Key Protect: dialect": "ok",
  });
  const requests = emulator.requests.list().map(({ method, path }) => `${method} ${path}`);
  expect(requests).toEqual(["POST /identity/token", "GET /api/v2/keys"]);
  const report = formatReport(sections);
  expect(report).toMatch(/^instance default \(e0a1b2c3-/);
  expect(report).toMatch(/\n8 ok, 0 failed, 2 skipped\n$/);
  expect(report).not.toContain(defaultApiKey);
  expect(report).not.toMatch(/eyJ|Bearer/);
});

test("every instance is in the report, a shared credential is tried once, and one fault hides no other", async () => {
  await using emulator = await startEmulator();
  const port = await freePort();
  const instance = (alias: string, changes: object = {}) => ({
    alias,
    serviceUrl: emulator.url,
    instanceId: emulator.instanceId,
    iamUrl: emulator.url,
    ...changes,
  });
  await using folder = await createConfigFolder({}, { wrong: "an-unknown-key" });
  await folder.configure({
    instances: [
      instance("good"),
      instance("away", { serviceUrl: `http://127.0.0.1:${port}` }),
      instance("refused", {
        apiKeyFile: folder.pathOf("wrong"),
        serviceUrl: `http://127.0.0.1:${port}`,
      }),
    ],
  });
  const sections = await check({
    GATEWAY_CONFIG: folder.yaml,
    IBMCLOUD_API_KEY: defaultApiKey,
  });
  expect(sections.map(({ title }) => title.split(" ")[1])).toEqual(["good", "away", "refused"]);
  expect(emulator.requests.count({ service: "iam" })).toBe(2);
  const failures = sections.map(({ steps }) =>
    steps.filter(({ outcome }) => outcome === "failed").map(({ name }) => name),
  );
  expect(failures).toEqual([
    [],
    ["Key Protect: connection"],
    ["credential", "Key Protect: connection"],
  ]);
});

describe("the network", () => {
  test("a name that does not exist is said, and what needs it is skipped", async () => {
    await using emulator = await startEmulator();
    const sections = await check(envOf(emulator, { IAM_AUTH_URL: "https://iam.invalid" }));
    expect(firstFailure(sections)).toMatch(
      /^IAM: name: the name iam\.invalid cannot be resolved \(E\w+\); check the spelling in IAM_AUTH_URL/,
    );
    const found = outcomes(sections);
    expect(found.get("credential")).toBe("skipped");
    expect(found.get("Key Protect: connection")).toBe("ok");
    expect(found.get("Key Protect: role and instance")).toBe("skipped");
  });

  test("a refused connection is said", async () => {
    await using emulator = await startEmulator();
    const url = `http://127.0.0.1:${await freePort()}`;
    expect(firstFailure(await check(envOf(emulator, { KP_SERVICE_URL: url })))).toMatch(
      /^Key Protect: connection: 127\.0\.0\.1:\d+ refuses the connection \(ECONNREFUSED\); check the port/,
    );
  });

  test("a server that accepts and says nothing is said in the time of the settings", async () => {
    await using emulator = await startEmulator();
    const port = await freePort();
    const silent = createTcpServer().listen(port, "127.0.0.1");
    await once(silent, "listening");
    try {
      const sections = await check(
        envOf(emulator, {
          IAM_AUTH_URL: `https://127.0.0.1:${port}`,
          GATEWAY_UPSTREAM_CONNECT_TIMEOUT_MS: "200",
        }),
      );
      expect(firstFailure(sections)).toMatch(/^IAM: connection: .* does not answer in time/);
    } finally {
      silent.close();
    }
  });

  test.each([
    [
      407,
      /^IAM: proxy: the proxy .* status 407; set user and password of the proxy in HTTPS_PROXY/,
    ],
    [403, /^IAM: proxy: the proxy .* status 403; allow this host and port in the proxy's rules/],
  ])("a proxy that answers %i is said", async (status, text) => {
    await using emulator = await startEmulator();
    await using proxy = await startTestProxy();
    proxy.mood = { status };
    const sections = await check(
      envOf(emulator, {
        IAM_AUTH_URL: "https://iam.test",
        HTTPS_PROXY: `http://user:a-secret-of-the-proxy@127.0.0.1:${proxy.port}`,
      }),
    );
    expect(firstFailure(sections)).toMatch(text);
    expect(formatReport(sections)).not.toContain("a-secret-of-the-proxy");
    expect(outcomes(sections).get("IAM: name")).toBe("skipped");
  });

  test("a proxy that is not there is said", async () => {
    await using emulator = await startEmulator();
    const sections = await check(
      envOf(emulator, {
        IAM_AUTH_URL: "https://iam.test",
        HTTPS_PROXY: `http://127.0.0.1:${await freePort()}`,
      }),
    );
    expect(firstFailure(sections)).toMatch(/^IAM: proxy: .* cannot be reached/);
  });
});

/** A TLS server of one certificate, which answers nothing. */
async function startTlsServer({ cert, key }: IssuedCertificate) {
  const port = await freePort();
  const server = createServer({ cert, key }).listen(port, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `https://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async (): Promise<void> => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

const authority = createCertificateAuthority("servers");
const dayMs = 86_400_000;

describe("TLS", () => {
  test.each<[string, IssuedCertificate, boolean, RegExp]>([
    [
      "of an unknown authority",
      authority.issue({ ipAddresses: ["127.0.0.1"] }),
      false,
      /^IAM: TLS: the certificate of \S+ is of an authority that is not trusted \(\w+\); set GATEWAY_UPSTREAM_CA_FILE/,
    ],
    [
      "for another name",
      authority.issue({ dnsNames: ["iam.test"] }),
      true,
      /^IAM: TLS: the certificate is not for the name 127\.0\.0\.1:\d+ \(ERR_TLS_CERT_ALTNAME_INVALID\)/,
    ],
    [
      "that has expired",
      authority.issue({
        ipAddresses: ["127.0.0.1"],
        notBefore: new Date(Date.now() - 2 * dayMs),
        notAfter: new Date(Date.now() - dayMs),
      }),
      true,
      /^IAM: TLS: the certificate of \S+ has expired \(CERT_HAS_EXPIRED\); check the clock/,
    ],
  ])("a certificate %s is said", async (_, issued, isTrusted, text) => {
    await using emulator = await startEmulator();
    await using folder = await createConfigFolder({}, { ca: authority.cert });
    await using server = await startTlsServer(issued);
    const trust = isTrusted ? { GATEWAY_UPSTREAM_CA_FILE: folder.pathOf("ca") } : {};
    const sections = await check(envOf(emulator, { IAM_AUTH_URL: server.url, ...trust }));
    expect(firstFailure(sections)).toMatch(text);
    expect(outcomes(sections).get("IAM: connection")).toBe("ok");
  });

  test("a server that does not speak TLS is said", async () => {
    await using emulator = await startEmulator();
    const url = emulator.url.replace("http:", "https:");
    expect(firstFailure(await check(envOf(emulator, { KP_SERVICE_URL: url })))).toMatch(
      /^Key Protect: TLS: the TLS handshake with \S+ fails .*; check in KP_SERVICE_URL whether the port speaks TLS/,
    );
  });

  test("a good certificate is ok, with its end", async () => {
    await using emulator = await startEmulator();
    await using folder = await createConfigFolder({}, { ca: authority.cert });
    await using server = await startTlsServer(authority.issue({ ipAddresses: ["127.0.0.1"] }));
    const sections = await check(
      envOf(emulator, {
        IAM_AUTH_URL: server.url,
        GATEWAY_UPSTREAM_CA_FILE: folder.pathOf("ca"),
      }),
    );
    expect(outcomes(sections).get("IAM: TLS")).toBe("ok");
    expect(formatReport(sections)).toMatch(/accepted, and valid until \w{3} +\d/);
  });
});

describe("the credential", () => {
  test("an API key that IAM refuses is said, with IAM's code", async () => {
    await using emulator = await startEmulator();
    const sections = await check(envOf(emulator, { IBMCLOUD_API_KEY: "an-unknown-key" }));
    expect(firstFailure(sections)).toMatch(
      /^credential: the API key is refused: .* \(status 400, BXNIM0415E\); create an API key/,
    );
    expect(formatReport(sections)).not.toContain("an-unknown-key");
  });

  test("a server that is not IAM is said", async () => {
    await using emulator = await startEmulator();
    const url = `${emulator.url}/not/iam`;
    expect(firstFailure(await check(envOf(emulator, { IAM_AUTH_URL: url })))).toMatch(
      /^credential: .* \(status 404.*\); check IAM_AUTH_URL/,
    );
  });

  test("a clock that differs from IAM's is said, and the rest goes on", async () => {
    await using emulator = await startEmulator();
    const date = new Date(Date.now() + 3_600_000).toUTCString();
    emulator.faults.add({
      match: { service: "iam" },
      action: { kind: "rewrite", headers: { date } },
    });
    expect(firstFailure(await check(envOf(emulator)))).toMatch(
      /^clock: the clock of this machine is \d+ s behind IAM's; synchronize it/,
    );
  });

  test("callers' tokens need no credential, and only the way to Key Protect is checked", async () => {
    await using emulator = await startEmulator();
    const sections = await check({
      KP_SERVICE_URL: emulator.url,
      KP_INSTANCE_ID: emulator.instanceId,
      GATEWAY_CREDENTIALS: "caller",
    });
    expect(isFlawless(sections)).toBe(true);
    expect(outcomes(sections).get("credential")).toBe("skipped");
    expect(outcomes(sections).get("Key Protect: connection")).toBe("ok");
    expect(outcomes(sections).get("Key Protect: role and instance")).toBe("skipped");
    expect(emulator.requests.list()).toEqual([]);
  });
});

describe("Key Protect", () => {
  const role = /^Key Protect: role and instance: /;

  test("a wrong instance ID and a missing role get 401, and all causes are named", async () => {
    await using emulator = await startEmulator({
      users: [{ apiKey: defaultApiKey, subject: "IBMid-NOBODY", roles: [] }],
    });
    const other = { KP_INSTANCE_ID: "e0a1b2c3-0000-4000-8000-00000000ffff" };
    for (const changes of [{}, other]) {
      const text = firstFailure(await check(envOf(emulator, changes)));
      expect(text).toMatch(role);
      expect(text).toMatch(/status 401.*KP_INSTANCE_ID.*KP_SERVICE_URL.*role Reader/);
    }
  });

  test.each([
    [403, /a role is missing \(status 403.*give the service ID or profile the role Reader/],
    [410, /has no such instance here, or no longer \(status 410.*region of KP_SERVICE_URL/],
    [404, /has no such instance here, or no longer \(status 404/],
    [429, /quota of the instance is used up at the moment/],
    [503, /refuses the list \(status 503.*status page/],
  ])("the status %i is said in words", async (status, text) => {
    await using emulator = await startEmulator();
    emulator.faults.add({
      match: { service: "keyprotect" },
      action: { kind: "respond", status },
    });
    const failure = firstFailure(await check(envOf(emulator)));
    expect(failure).toMatch(role);
    expect(failure).toMatch(text);
  });

  test("a page of another server is not taken for Key Protect", async () => {
    await using emulator = await startEmulator();
    emulator.faults.add({
      match: { service: "keyprotect" },
      action: { kind: "respond", status: 404, body: "<html>", contentType: "text/html" },
    });
    expect(firstFailure(await check(envOf(emulator)))).toMatch(/another server than Key Protect/);
  });

  test.each([
    ["2019", "current"],
    ["current", "2019"],
  ] as const)("a service of %s with the dialect %s is said", async (profile, dialect) => {
    await using emulator = await startEmulator({ profile });
    expect(firstFailure(await check(envOf(emulator, { KP_API_DIALECT: dialect })))).toBe(
      `Key Protect: dialect: the list has the form of \`${profile}\`, and \`${dialect}\` is configured; set KP_API_DIALECT (in the file: dialect) to \`${profile}\``,
    );
  });
});

test("a Redis that is not there is said, within its time", async () => {
  await using emulator = await startEmulator();
  const sections = await check(
    envOf(emulator, {
      GATEWAY_REQUEST_ID_STORE: "redis",
      GATEWAY_REDIS_URL: `redis://127.0.0.1:${await freePort()}`,
    }),
  );
  expect(sections.map(({ title }) => title.split(" ")[0])).toEqual(["instance", "Redis"]);
  expect(firstFailure(sections)).toMatch(/^connection and user: Redis cannot be reached/);
  expect(sections[1]?.steps.slice(1).every(({ outcome }) => outcome === "skipped")).toBe(true);
}, 20_000);
