import { describe, expect, test } from "vitest";
import { ConfigError } from "../../../src/config/config-error.ts";
import { describeConfig } from "../../../src/config/describe-config.ts";
import { loadConfig } from "../../../src/config/load-config.ts";
import { isReachedDirectly, parseProxyUrl } from "../../../src/config/proxy-server.ts";

const password = "p@ss:w%rd";
const encoded = encodeURIComponent(password);

const load = (env: Readonly<Record<string, string>>, file = "") =>
  loadConfig({
    env: {
      KP_SERVICE_URL: "https://us-south.kms.cloud.ibm.com",
      KP_INSTANCE_ID: "8a1c4d9e-2f36-4b0e-9d57-0c6a1e3b5f72",
      IBMCLOUD_API_KEY: "api-key",
      ...(file === "" ? {} : { GATEWAY_CONFIG: "/file" }),
      ...env,
    },
    readFile: () => file,
  });

function problemsOf(env: Readonly<Record<string, string>>, file = ""): string {
  try {
    load(env, file);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return "";
}

const shown = (url: string): string | undefined => {
  const proxy = parseProxyUrl(url);
  return proxy && `${proxy.origin} ${proxy.credentials?.reveal() ?? "-"}`;
};

describe("the URL of a proxy", () => {
  test.each([
    ["http://proxy.corp:3128", "http://proxy.corp:3128 -"],
    ["http://proxy.corp:3128/", "http://proxy.corp:3128 -"],
    ["HTTP://Proxy.Corp:3128", "http://proxy.corp:3128 -"],
    ["proxy.corp:3128", "http://proxy.corp:3128 -"],
    ["proxy.corp", "http://proxy.corp:80 -"],
    ["http://proxy.corp", "http://proxy.corp:80 -"],
    ["https://proxy.corp", "https://proxy.corp:443 -"],
    ["http://[::1]:3128", "http://[::1]:3128 -"],
    ["http://10.0.0.1:3128", "http://10.0.0.1:3128 -"],
    ["http://user:secret@proxy.corp:3128", "http://proxy.corp:3128 user:secret"],
    ["user:secret@proxy.corp:3128", "http://proxy.corp:3128 user:secret"],
    ["http://user@proxy.corp:3128", "http://proxy.corp:3128 user:"],
    [`http://us%20er:${encoded}@proxy.corp:3128`, `http://proxy.corp:3128 us er:${password}`],
    ["http://us%C3%A9r:p%C3%A4ss@proxy.corp", "http://proxy.corp:80 usér:päss"],
  ])("%s is understood", (url, expected) => {
    expect(shown(url)).toBe(expected);
  });

  test.each([
    "",
    "http://",
    "http://:3128",
    "http://proxy.corp:99999",
    "http://proxy.corp:port",
    "http://proxy corp:3128",
    "http://proxy.corp:3128/path",
    "http://proxy.corp:3128?query",
    "http://proxy.corp:3128#part",
    "socks5://proxy.corp:1080",
    "socks5h://proxy.corp:1080",
    "socks://proxy.corp:1080",
    "ftp://proxy.corp",
    "http://user:%zz@proxy.corp:3128",
    "http://us%3Aer:secret@proxy.corp:3128",
    "http://user:sec%0Aret@proxy.corp:3128",
  ])("%s is refused", (url) => {
    expect(shown(url)).toBeUndefined();
  });
});

describe("NO_PROXY", () => {
  test.each([
    ["https://kms.cloud.ibm.com", "*"],
    ["https://kms.cloud.ibm.com", "kms.cloud.ibm.com"],
    ["https://KMS.cloud.ibm.com", "kms.Cloud.ibm.com"],
    ["https://kms.cloud.ibm.com.", "kms.cloud.ibm.com"],
    ["https://us.kms.cloud.ibm.com", "kms.cloud.ibm.com"],
    ["https://us.kms.cloud.ibm.com", ".cloud.ibm.com"],
    ["https://us.kms.cloud.ibm.com", "*.cloud.ibm.com"],
    ["https://cloud.ibm.com", ".cloud.ibm.com"],
    ["https://kms.cloud.ibm.com", "kms.cloud.ibm.com:443"],
    ["http://kms.cloud.ibm.com", "kms.cloud.ibm.com:80"],
    ["https://us.kms.cloud.ibm.com:8443", ".ibm.com:8443"],
    ["https://10.1.2.3", "10.1.2.3"],
    ["https://10.1.2.3:8443", "10.1.2.3:8443"],
    ["https://10.1.2.3", "10.0.0.0/8"],
    ["https://[2001:db8::7]", "2001:db8::7"],
    ["https://[2001:db8::7]", "2001:0db8:0:0::7"],
    ["https://[2001:db8::7]:8443", "[2001:db8::7]:8443"],
    ["https://[2001:db8::7]", "2001:db8::/32"],
    ["https://kms.cloud.ibm.com", "other.test,,kms.cloud.ibm.com"],
    ["https://kms.cloud.ibm.com", "other.test kms.cloud.ibm.com"],
  ])("%s is reached directly with %s", (url, noProxy) => {
    const { proxy } = load({ HTTPS_PROXY: "proxy.corp:3128", NO_PROXY: noProxy });
    expect(isReachedDirectly(url, proxy.noProxy)).toBe(true);
  });

  test.each([
    ["https://kms.cloud.ibm.com", "s.cloud.ibm.com"],
    ["https://kms.cloud.ibm.com", "us.kms.cloud.ibm.com"],
    ["https://kms.cloud.ibm.com", "kms.cloud.ibm.com:8443"],
    ["https://kms.cloud.ibm.com", "kms.cloud.ibm.co"],
    ["https://kms.cloud.ibm.com", "kms.*.com"],
    ["https://10.1.2.3", "11.0.0.0/8"],
    ["https://10.1.2.3", "1.2.3"],
    ["https://10.1.2.3", "10.1.2.3:8443"],
    ["https://10.1.2.3", "10.0.0.0/33"],
    ["https://[2001:db8::7]", "2001:db9::/32"],
    ["https://[2001:db8::7]", "10.0.0.0/8"],
    ["https://kms.cloud.ibm.com", ".,:,/,[,]:1,*.,:443,%"],
  ])("%s is not reached directly with %s", (url, noProxy) => {
    const { proxy } = load({ HTTPS_PROXY: "proxy.corp:3128", NO_PROXY: noProxy });
    expect(isReachedDirectly(url, proxy.noProxy)).toBe(false);
  });

  test.each(["http://127.0.0.1:8080", "http://localhost", "https://[::1]:443", "http://127.9.9.9"])(
    "loopback (%s) is reached directly without an entry",
    (url) => expect(isReachedDirectly(url, [])).toBe(true),
  );
});

const fileWith = (proxy: string): string => `proxy: { https: "${proxy}", noProxy: [a.test] }`;

describe("the settings of the proxy", () => {
  test("a name in lower case goes before the one in capitals, an empty one does not", () => {
    const both = { HTTPS_PROXY: "upper:1", HTTP_PROXY: "upper:2", NO_PROXY: "upper" };
    expect(load(both).proxy).toMatchObject({
      https: { origin: "http://upper:1" },
      http: { origin: "http://upper:2" },
      noProxy: ["upper"],
    });
    const lower = { https_proxy: "lower:1", http_proxy: "lower:2", no_proxy: "lower" };
    expect(load({ ...both, ...lower }).proxy).toMatchObject({
      https: { origin: "http://lower:1" },
      http: { origin: "http://lower:2" },
      noProxy: ["lower"],
    });
    expect(load({ HTTPS_PROXY: "upper:1", https_proxy: "" }).proxy.https?.origin).toBe(
      "http://upper:1",
    );
  });

  test("the configuration that is shown has host and port, and no user and password", () => {
    const text = describeConfig(
      load({
        https_proxy: `http://visible-user:${encoded}@proxy.corp`,
        HTTP_PROXY: "https://other.corp",
        NO_PROXY: "a.test, .b.test",
      }),
    );
    expect(text).toContain("https: http://[redacted]@proxy.corp:80\n");
    expect(text).toContain("http: https://other.corp:443\n");
    expect(text).toContain("- .b.test\n");
    for (const secret of ["visible-user", password, encoded]) expect(text).not.toContain(secret);
  });

  test.each(["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"])(
    "a proxy that cannot be used is reported under the name %s, without its value",
    (name) => {
      for (const url of ["socks5://user:secret-word@proxy.corp:1080", "http://user:secret-word@"]) {
        const problems = problemsOf({ [name]: url });
        expect(problems).toMatch(
          new RegExp(`^ {2}${name}: has to be an .http://. or .https://. URL .*no SOCKS`, "m"),
        );
        expect(problems).not.toMatch(/secret-word|corp/);
      }
    },
  );

  test("a file may name a proxy without a password, and one with a password is refused", () => {
    expect(load({}, fileWith("http://proxy.corp:3128")).proxy).toMatchObject({
      https: { origin: "http://proxy.corp:3128" },
      noProxy: ["a.test"],
    });
    const problems = problemsOf({}, fileWith("http://user:secret-word@proxy.corp:3128"));
    expect(problems).toMatch(/^ {2}proxy\.https: has to be /m);
    expect(problems).not.toContain("secret-word");
  });
});
