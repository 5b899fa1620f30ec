/** Exit code and message of the compiled process when it cannot serve. */
import { createServer } from "node:net";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildGateway, type BuiltGateway } from "./built-gateway.ts";
import { createCertificateAuthority } from "../support/certificates.ts";
import { startNode } from "./child-process.ts";
import { freePort } from "../support/free-port.ts";
import { gatewayEnv } from "./gateway-env.ts";

let built: BuiltGateway;
beforeAll(async () => {
  built = await buildGateway();
}, 120_000);
afterAll(() => built[Symbol.asyncDispose]());

const apiKey = "an-api-key-that-nobody-may-see";
const upstream = {
  url: "http://127.0.0.1:9",
  instanceId: "e0a1b2c3-0000-4000-8000-000000000001",
  apiKey,
};

async function run(args: readonly string[], env: Readonly<Record<string, string>>) {
  await using gateway = startNode([built.main, ...args], env);
  const { code, signal } = await gateway.exit;
  return { code, signal, stdout: gateway.stdout(), stderr: gateway.stderr(), log: gateway.log() };
}

describe("a configuration that cannot be used", () => {
  test("an unusable configuration ends the process with 78 and all problems, by variable and without values", async () => {
    const ended = await run([], {
      KP_SERVICE_URL: "not-a-url-of-anything",
      IBMCLOUD_API_KEY: apiKey,
      IBMCLOUD_API_KEY_FILE: "/nowhere/api-key",
      GATEWAY_LOG_LEVEL: "deafening",
      GATEWAY_MAX_RECEIVE_BYTES: "lots-and-lots",
    });
    expect(ended.code).toBe(78);
    expect(ended.stdout).toBe("");
    for (const name of [
      "KP_SERVICE_URL",
      "KP_INSTANCE_ID",
      "IBMCLOUD_API_KEY",
      "GATEWAY_LOG_LEVEL",
      "GATEWAY_MAX_RECEIVE_BYTES",
    ]) {
      expect(ended.stderr).toMatch(new RegExp(`^ {2}${name}: `, "m"));
    }
    for (const value of [apiKey, "not-a-url-of-anything", "deafening", "lots-and-lots"]) {
      expect(ended.stderr).not.toContain(value);
    }
  });

  test("a problem in the YAML file is reported by its place there", async () => {
    const file = join(built.folder, "gateway.yaml");
    await writeFile(file, "limits:\n  maxReceiveBytes: 7\nlisten: [nowhere]\n");
    const { env } = await gatewayEnv(upstream, { GATEWAY_CONFIG: file, GATEWAY_LISTEN: "" });
    const ended = await run([], env);
    expect(ended.code).toBe(78);
    expect(ended.stderr).toMatch(/^ {2}limits\.maxReceiveBytes: /m);
    expect(ended.stderr).toMatch(/^ {2}listen\[0\]: /m);
  });

  test.each(["\n\n", "\uFEFF", '{"name":"no-key"}'])(
    "an API key file %j, which holds no key, ends the process with 78",
    async (text) => {
      const file = join(built.folder, "no-key");
      await writeFile(file, text);
      const { env } = await gatewayEnv(upstream);
      const ended = await run([], { ...env, IBMCLOUD_API_KEY: "", IBMCLOUD_API_KEY_FILE: file });
      expect(ended.code).toBe(78);
      expect(ended.stderr).toMatch(/^ {2}IBMCLOUD_API_KEY_FILE: /m);
    },
  );

  test("a file whose policy has lost its rules ends the process with 78", async () => {
    const file = join(built.folder, "no-rules.yaml");
    await writeFile(file, "policy:\n  # rules:\n  #   - { callers: unix, methods: '*' }\n");
    const { env } = await gatewayEnv(upstream, { GATEWAY_CONFIG: file });
    const ended = await run(["--check-config"], env);
    expect(ended.code).toBe(78);
    expect(ended.stderr).toMatch(/^ {2}policy: /m);
  });

  test("a variable that does not exist is reported with the most similar one", async () => {
    const { env } = await gatewayEnv(upstream, { GATEWAY_LISTNE: "127.0.0.1:1" });
    const ended = await run([], env);
    expect(ended.code).toBe(78);
    expect(ended.stderr).toContain(
      "GATEWAY_LISTNE: there is no such variable; did you mean GATEWAY_LISTEN?",
    );
  });
});

describe("certificates", () => {
  const authority = createCertificateAuthority();
  const issued = authority.issue({ ipAddresses: ["127.0.0.1"] });

  test.each([[["--check-config"]], [[]]])(
    "a key that is not that of the certificate ends %j with 78 and its variable",
    async (args) => {
      const certFile = join(built.folder, "tls.crt");
      const keyFile = join(built.folder, "tls.key");
      await writeFile(certFile, issued.cert);
      await writeFile(keyFile, authority.issue().key);
      const { env } = await gatewayEnv(upstream, {
        GATEWAY_TLS_CERT_FILE: certFile,
        GATEWAY_TLS_KEY_FILE: keyFile,
      });
      const ended = await run(args, env);
      expect(ended).toMatchObject({ code: 78, stdout: "" });
      expect(ended.stderr).toContain(
        "  GATEWAY_TLS_KEY_FILE: the key in tls.keyFile is not that of the certificate in tls.certFile\n",
      );
    },
  );
});

test("what may be meant is printed as a warning, and the configuration is accepted", async () => {
  const { env } = await gatewayEnv(upstream, {
    GATEWAY_QUOTA_SHARE: "redis",
    GATEWAY_REPLICAS: "3",
    GATEWAY_REDIS_URL: "redis://127.0.0.1:9",
  });
  const ended = await run(["--check-config"], env);
  expect(ended.code).toBe(0);
  expect(ended.stderr).toMatch(/^WARNING: GATEWAY_RATE_CEILING: is not set although .*\n$/);
});

describe("the command line", () => {
  test("--check-config prints the effective configuration without secrets and ends with 0", async () => {
    const { env, address } = await gatewayEnv(upstream);
    const ended = await run(["--check-config"], env);
    expect(ended).toMatchObject({ code: 0, stderr: "" });
    expect(ended.stdout).toContain(`- ${address}\n`);
    expect(ended.stdout).toContain('apiKey: "[redacted]"');
    expect(ended.stdout).not.toContain(apiKey);
  });

  test("--check-config reports problems as a start does", async () => {
    const ended = await run(["--check-config"], {});
    expect(ended).toMatchObject({ code: 78, stdout: "" });
    expect(ended.stderr).toContain("KP_SERVICE_URL: is missing");
  });

  test.each([["--bogus"], ["serve"], ["--check-config=yes"]])(
    "the command line %s ends with 64",
    async (argument) => {
      const ended = await run([argument], {});
      expect(ended).toMatchObject({ code: 64, stdout: "" });
      expect(ended.stderr).toMatch(/^usage: /);
    },
  );

  test("--help prints the usage and ends with 0", async () => {
    const ended = await run(["--help"], {});
    expect(ended).toMatchObject({ code: 0, stderr: "" });
    expect(ended.stdout).toContain("--check-config");
  });
});

test.each(["GATEWAY_LISTEN", "GATEWAY_ADMIN_LISTEN"])(
  "an address of %s that is taken ends the process with 1 and a line that names it",
  async (name) => {
    const port = await freePort();
    const taker = createServer().listen(port, "127.0.0.1");
    await once(taker, "listening");
    try {
      const { env } = await gatewayEnv(upstream, { [name]: `127.0.0.1:${port}` });
      const ended = await run([], env);
      expect(ended.code).toBe(1);
      expect(ended.log.at(-1)).toMatchObject({
        level: "fatal",
        msg: "the gateway cannot serve",
        err: {
          name: "ListenError",
          message: `cannot listen on 127.0.0.1:${port}: EADDRINUSE`,
        },
      });
    } finally {
      taker.close();
      await once(taker, "close");
    }
  },
  60_000,
);

test("a Unix socket in a folder that does not exist ends the process with 1 and a message", async () => {
  const path = join(built.folder, "nowhere", "gateway.sock");
  const { env } = await gatewayEnv(upstream, { GATEWAY_LISTEN: `unix:${path}` });
  const ended = await run([], env);
  expect(ended.code).toBe(1);
  expect(ended.log.at(-1)).toMatchObject({
    err: {
      message: `cannot listen on unix:${path}: the directory of the Unix socket ${path} does not exist`,
    },
  });
});

describe("a proxy", () => {
  const secret = "a-proxy-password-that-nobody-may-see";

  test("--check-config shows host and port of the proxy, and never its user and password", async () => {
    const { env } = await gatewayEnv(upstream, {
      https_proxy: `http://proxy-user:${secret}@proxy.corp:3128`,
      NO_PROXY: "10.0.0.0/8,.internal",
    });
    const ended = await run(["--check-config"], env);
    expect(ended).toMatchObject({ code: 0, stderr: "" });
    expect(ended.stdout).toContain("https: http://[redacted]@proxy.corp:3128\n");
    expect(ended.stdout).toContain("- 10.0.0.0/8\n");
    expect(ended.stdout).not.toMatch(new RegExp(`${secret}|proxy-user`));
  });

  test.each([
    `socks5://proxy-user:${secret}@proxy.corp:1080`,
    `http://proxy-user:${secret}@proxy.corp:99999`,
    `http://proxy-user:${secret}%@proxy.corp:3128`,
  ])("a proxy URL that cannot be used ends a start with 78, without its value", async (url) => {
    const { env } = await gatewayEnv(upstream, { HTTPS_PROXY: url });
    const ended = await run([], env);
    expect(ended).toMatchObject({ code: 78, stdout: "" });
    expect(ended.stderr).toMatch(/^ {2}HTTPS_PROXY: has to be an .* \(no SOCKS\)/m);
    expect(ended.stderr).not.toMatch(/proxy-user|nobody-may-see|corp/);
  });
});
