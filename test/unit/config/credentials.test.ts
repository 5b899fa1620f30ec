/** The gateway's credential: the kinds, the rules, and IBM's own names. */
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import type { Config } from "../../../src/config/config.ts";
import type { ConfigProblem } from "../../../src/config/config-error.ts";
import { describeConfig } from "../../../src/config/describe-config.ts";
import { loadConfig } from "../../../src/config/load-config.ts";
import { defaultCrTokenFiles } from "../../../src/iam/credentials/secret-file.ts";
import { problemsWhen, readFrom } from "../../support/config-problems.ts";

type Texts = Readonly<Record<string, string>>;

const id = "8a1c4d9e-2f36-4b0e-9d57-0c6a1e3b5f72";
const instance = { KP_SERVICE_URL: "https://us-south.kms.cloud.ibm.com", KP_INSTANCE_ID: id };
const tokenFile = "/var/run/secrets/tokens/sa-token";
const crn = "crn:v1:bluemix:public:iam-identity::a/abc::profile:Profile-1";
const iamUrl = "https://iam.cloud.ibm.com";

function load(env: Texts, files: Texts = {}, onWarning?: (warning: ConfigProblem) => void): Config {
  return loadConfig({
    env: { HOME: "/var/lib/gateway", ...env },
    workingDirectory: "/srv",
    readFile: readFrom(files),
    ...(onWarning === undefined ? {} : { onWarning }),
  });
}

const problemsOf = (env: Texts, files: Texts = {}): readonly ConfigProblem[] =>
  problemsWhen(() => load(env, files));

function warningsOf(env: Texts, files: Texts = {}): readonly ConfigProblem[] {
  const warnings: ConfigProblem[] = [];
  load(env, files, (warning) => warnings.push(warning));
  return warnings;
}

const credentialOf = (env: Texts, files: Texts = {}) => load(env, files).instances[0]?.credential;

const container = { ...instance, KP_AUTH_TYPE: "container", IAM_PROFILE_ID: "Profile-1" };
const vpc = { ...instance, KP_AUTH_TYPE: "vpc" };
const assume = { ...instance, KP_AUTH_TYPE: "iamAssume", IAM_PROFILE_CRN: crn };
const mounted = { [tokenFile]: "token" };

describe("the kinds of credentials", () => {
  test.each<[string, Texts, object]>([
    [
      "container",
      container,
      { kind: "container", tokenFile: undefined, profile: { id: "Profile-1" }, iamUrl },
    ],
    [
      "container with a file, a name, a scope and a client",
      {
        ...container,
        CR_TOKEN_FILENAME: tokenFile,
        IAM_PROFILE_NAME: "my profile",
        IAM_SCOPE: "ibm openid",
        IAM_CLIENT_ID: "client",
        IAM_CLIENT_SECRET_FILE: tokenFile,
      },
      {
        kind: "container",
        tokenFile,
        profile: { id: "Profile-1", name: "my profile" },
        scope: "ibm openid",
        client: { id: "client", secretFile: tokenFile },
      },
    ],
    ["vpc", vpc, { kind: "vpc", imsUrl: "http://169.254.169.254", imsVersion: "2022-03-01" }],
    [
      "vpc with a name",
      {
        ...vpc,
        IAM_PROFILE_NAME: "my profile",
        VPC_IMS_VERSION: "2025-08-26",
        VPC_IMS_URL: "https://api.metadata.cloud.ibm.com/",
      },
      {
        kind: "vpc",
        imsUrl: "https://api.metadata.cloud.ibm.com",
        imsVersion: "2025-08-26",
        profile: { name: "my profile" },
      },
    ],
    [
      "iamAssume on top of an API key",
      { ...assume, IBMCLOUD_API_KEY_FILE: tokenFile },
      { kind: "assume", profile: { crn }, base: { kind: "apiKeyFile", path: tokenFile }, iamUrl },
    ],
    [
      "iamAssume on top of a container",
      { ...assume, KP_BASE_AUTH_TYPE: "container", KP_BASE_PROFILE_NAME: "base" },
      { kind: "assume", profile: { crn }, base: { kind: "container", profile: { name: "base" } } },
    ],
    [
      "iamAssume on top of a server",
      { ...assume, KP_BASE_AUTH_TYPE: "vpc", KP_BASE_PROFILE_ID: "Profile-2" },
      { kind: "assume", profile: { crn }, base: { kind: "vpc", profile: { id: "Profile-2" } } },
    ],
  ])("the settings of %s make up its credential", (_, env, credential) => {
    const config = load(env, mounted);
    expect(config.instances[0]?.credential).toMatchObject(credential);
    // The printed configuration yields the same one.
    const text = describeConfig(config);
    const again = load({ GATEWAY_CONFIG: "/printed" }, { ...mounted, "/printed": text });
    expect(again).toEqual(config);
  });

  test("the printed configuration has API key and client secret redacted", () => {
    const text = describeConfig(
      load({
        ...instance,
        IBMCLOUD_API_KEY: "canary-key",
        IAM_CLIENT_ID: "client",
        IAM_CLIENT_SECRET: "canary-secret",
      }),
    );
    expect(text).not.toContain("canary");
    expect(parse(text).instances[0]).toMatchObject({
      authType: "iam",
      apiKey: "[redacted]",
      clientId: "client",
      clientSecret: "[redacted]",
    });
  });
});

describe("the rules of credentials", () => {
  test.each<[string, Texts, string, RegExp]>([
    [
      "a container without a profile",
      { ...container, IAM_PROFILE_ID: "" },
      "IAM_PROFILE_ID",
      /is missing; `container` needs it/,
    ],
    [
      "a container with a CRN",
      { ...container, IAM_PROFILE_CRN: crn },
      "IAM_PROFILE_CRN",
      /no effect with authType `container`$/,
    ],
    [
      "a container with an API key",
      { ...container, IBMCLOUD_API_KEY: "key" },
      "IBMCLOUD_API_KEY",
      /no effect/,
    ],
    [
      "a container whose file is missing",
      { ...container, CR_TOKEN_FILENAME: "/none" },
      "CR_TOKEN_FILENAME",
      /cannot be read \(ENOENT\)/,
    ],
    [
      "an API key with a profile",
      { ...instance, IBMCLOUD_API_KEY: "key", IAM_PROFILE_ID: "P" },
      "IAM_PROFILE_ID",
      /no effect with authType `iam`$/,
    ],
    [
      "neither an API key nor another kind",
      instance,
      "IBMCLOUD_API_KEY_FILE",
      /KP_AUTH_TYPE for a trusted profile/,
    ],
    [
      "an unknown kind",
      { ...instance, KP_AUTH_TYPE: "cp4d" },
      "KP_AUTH_TYPE",
      /one of `iam`, `container`, `vpc`, `iamAssume`/,
    ],
    [
      "callers' tokens with a profile",
      { ...instance, GATEWAY_CREDENTIALS: "caller", IAM_PROFILE_ID: "P" },
      "IAM_PROFILE_ID",
      /callers send their own/,
    ],
    [
      "vpc with two names of a profile",
      { ...vpc, IAM_PROFILE_ID: "P", IAM_PROFILE_CRN: crn },
      "IAM_PROFILE_CRN",
      /second time, beside profileId/,
    ],
    [
      "vpc with a name in the first version",
      { ...vpc, IAM_PROFILE_NAME: "P" },
      "IAM_PROFILE_NAME",
      /needs vpcImsVersion `2025-08-26`/,
    ],
    [
      "vpc with a scope",
      { ...vpc, IAM_SCOPE: "ibm" },
      "IAM_SCOPE",
      /no effect with authType `vpc`/,
    ],
    [
      "vpc over plain HTTP elsewhere",
      { ...vpc, VPC_IMS_URL: "http://10.0.0.1" },
      "VPC_IMS_URL",
      /link-local address/,
    ],
    [
      "vpc over plain HTTP by a host name",
      { ...vpc, VPC_IMS_URL: "http://api.metadata.cloud.ibm.com" },
      "VPC_IMS_URL",
      /link-local address/,
    ],
    [
      "vpc with a URL that looks link-local",
      { ...vpc, VPC_IMS_URL: "http://169.254.169.254.example.org" },
      "VPC_IMS_URL",
      /link-local address/,
    ],
    [
      "an IAM at a link-local address",
      { ...instance, IBMCLOUD_API_KEY: "key", IAM_AUTH_URL: "http://169.254.169.254" },
      "IAM_AUTH_URL",
      /has to be an `https:/,
    ],
    [
      "a Key Protect at a link-local address",
      { ...vpc, KP_SERVICE_URL: "http://169.254.169.254" },
      "KP_SERVICE_URL",
      /has to be an `https:/,
    ],
    [
      "iamAssume without a profile",
      { ...assume, IAM_PROFILE_CRN: "", IBMCLOUD_API_KEY: "key" },
      "IAM_PROFILE_ID",
      /is missing; `iamAssume` needs it/,
    ],
    [
      "iamAssume with a name alone",
      { ...assume, IAM_PROFILE_CRN: "", IAM_PROFILE_NAME: "P", IBMCLOUD_API_KEY: "key" },
      "IAM_ACCOUNT_ID",
      /is missing/,
    ],
    [
      "iamAssume with an account and a CRN",
      { ...assume, IAM_ACCOUNT_ID: "abc", IBMCLOUD_API_KEY: "key" },
      "IAM_ACCOUNT_ID",
      /no effect without profileName/,
    ],
    ["iamAssume without a base", assume, "IBMCLOUD_API_KEY_FILE", /is missing/],
    [
      "iamAssume with a base profile of an API key",
      { ...assume, IBMCLOUD_API_KEY: "key", KP_BASE_PROFILE_ID: "P" },
      "KP_BASE_PROFILE_ID",
      /no effect with authType `iamAssume` on top of `iam`/,
    ],
    [
      "a base without iamAssume",
      { ...container, KP_BASE_AUTH_TYPE: "vpc" },
      "KP_BASE_AUTH_TYPE",
      /no effect/,
    ],
    [
      "a client without a secret",
      { ...container, IAM_CLIENT_ID: "c" },
      "IAM_CLIENT_ID",
      /needs a secret/,
    ],
    [
      "a secret without a client",
      { ...container, IAM_CLIENT_SECRET: "s" },
      "IAM_CLIENT_ID",
      /is missing/,
    ],
    [
      "two secrets of a client",
      {
        ...container,
        IAM_CLIENT_ID: "c",
        IAM_CLIENT_SECRET: "s",
        IAM_CLIENT_SECRET_FILE: tokenFile,
      },
      "IAM_CLIENT_SECRET",
      /set only one/,
    ],
    [
      "a client with a colon",
      { ...container, IAM_CLIENT_ID: "c:d", IAM_CLIENT_SECRET: "s" },
      "IAM_CLIENT_ID",
      /without `:`/,
    ],
    [
      "a secret with a blank in it",
      { ...container, IAM_CLIENT_ID: "c", IAM_CLIENT_SECRET: "s s" },
      "IAM_CLIENT_SECRET",
      /white space/,
    ],
  ])("%s is refused", (_, env, at, what) => {
    expect(problemsOf(env, mounted)).toEqual([{ at, what: expect.stringMatching(what) }]);
  });

  test("a container without a mounted token is refused, with the places that were looked at", () => {
    const [problem, ...others] = problemsOf(container);
    expect(problem?.at).toBe("CR_TOKEN_FILENAME");
    for (const file of defaultCrTokenFiles) expect(problem?.what).toContain(file);
    expect(others).toEqual([]);
  });

  test.each([
    "http://169.254.169.254",
    "http://[fe80::1]",
    "http://127.0.0.1:8080",
    "https://ims.test",
  ])("the metadata service may be at %s", (url) => {
    expect(problemsOf({ ...vpc, VPC_IMS_URL: url })).toEqual([]);
  });

  test("a profile without a value in the file is refused, because the default one may be more", () => {
    const file = `instances: [{serviceUrl: "https://kms.test", instanceId: ${id}, authType: vpc, profileId: }]`;
    expect(problemsOf({ GATEWAY_CONFIG: "/yaml" }, { "/yaml": file })).toEqual([
      { at: "instances[0].profileId", what: expect.stringContaining("has no value") },
    ]);
  });
});

describe("the networks of Key Protect and IAM", () => {
  const privateKms = { ...container, KP_SERVICE_URL: "https://private.eu-de.kms.cloud.ibm.com" };

  test.each<[string, Texts]>([
    ["the default IAM", {}],
    ["a regional public IAM", { IAM_AUTH_URL: "https://eu-de.iam.cloud.ibm.com" }],
  ])("a private Key Protect with %s is warned about", (_, env) => {
    expect(warningsOf({ ...privateKms, ...env }, mounted)).toEqual([
      { at: "IAM_AUTH_URL", what: expect.stringContaining("private.iam.cloud.ibm.com") },
    ]);
  });

  test.each<[string, Texts]>([
    ["a private IAM", { ...privateKms, IAM_AUTH_URL: "https://private.iam.cloud.ibm.com" }],
    [
      "a regional private IAM",
      { ...privateKms, IAM_AUTH_URL: "https://private.eu-de.iam.cloud.ibm.com" },
    ],
    ["no IAM at all", { ...vpc, KP_SERVICE_URL: "https://private.eu-de.kms.cloud.ibm.com" }],
    [
      "callers' tokens",
      { ...instance, KP_SERVICE_URL: privateKms.KP_SERVICE_URL, GATEWAY_CREDENTIALS: "caller" },
    ],
  ])("a private Key Protect with %s is not warned about", (_, env) => {
    expect(warningsOf(env, mounted)).toEqual([]);
  });

  test("an IAM URL that vpc does not use is warned about", () => {
    expect(warningsOf({ ...vpc, IAM_AUTH_URL: "https://private.iam.cloud.ibm.com" })).toEqual([
      { at: "IAM_AUTH_URL", what: expect.stringContaining("vpcImsUrl") },
    ]);
  });
});

/** The family of IBM's names with the common prefix. */
const ibm = (properties: Texts): Texts =>
  Object.fromEntries(
    Object.entries(properties).map(([name, value]) => [`IBM_KEY_PROTECT_API_${name}`, value]),
  );

const lines = (properties: Texts): string =>
  Object.entries(ibm(properties))
    .map(([name, value]) => `${name}=${value}`)
    .join("\n");

describe("IBM's own names", () => {
  const own = { KP_INSTANCE_ID: id };
  const url = { URL: "https://eu-de.kms.cloud.ibm.com" };

  test.each<[string, Texts, object]>([
    [
      "an API key",
      {
        APIKEY: "k",
        AUTH_URL: "https://private.iam.cloud.ibm.com",
        SCOPE: "ibm",
        CLIENT_ID: "c",
        CLIENT_SECRET: "s",
      },
      {
        kind: "apiKey",
        iamUrl: "https://private.iam.cloud.ibm.com",
        scope: "ibm",
        client: { id: "c" },
      },
    ],
    [
      "a container",
      { AUTH_TYPE: "container", IAM_PROFILE_NAME: "p q", CR_TOKEN_FILENAME: tokenFile },
      { kind: "container", profile: { name: "p q" }, tokenFile },
    ],
    [
      "a type in other letters",
      { AUTH_TYPE: "CONTAINER", IAM_PROFILE_ID: "P" },
      { kind: "container" },
    ],
    [
      "the older name of the type",
      { AUTHTYPE: "iamassume", IAM_PROFILE_ID: "P", APIKEY: "k" },
      { kind: "assume", base: { kind: "apiKey" } },
    ],
    [
      "a profile without a type",
      { IAM_PROFILE_ID: "P" },
      { kind: "container", profile: { id: "P" } },
    ],
    [
      "an API key and a profile without a type",
      { APIKEY: "k", IAM_PROFILE_ID: "P" },
      { kind: "apiKey" },
    ],
    [
      "vpc, whose AUTH_URL is the metadata service",
      {
        AUTH_TYPE: "vpc",
        AUTH_URL: "http://169.254.169.254",
        IAM_PROFILE_CRN: crn,
        VPC_IMS_VERSION: "2025-08-26",
      },
      { kind: "vpc", imsUrl: "http://169.254.169.254", imsVersion: "2025-08-26", profile: { crn } },
    ],
    [
      "iamAssume by name",
      { AUTH_TYPE: "iamAssume", APIKEY: "k", IAM_PROFILE_NAME: "p", IAM_ACCOUNT_ID: "a" },
      { kind: "assume", profile: { name: "p", accountId: "a" } },
    ],
  ])(
    "the SDK's properties for %s work in the environment and in a file",
    (_, properties, expected) => {
      const all = { ...url, ...properties };
      for (const [env, files] of [
        [{ ...own, ...ibm(all) }, mounted],
        [own, { ...mounted, "/srv/ibm-credentials.env": lines(all) }],
        [
          { ...own, IBM_CREDENTIALS_FILE: "/my.env" },
          { ...mounted, "/my.env": lines(all) },
        ],
      ] as const) {
        const { credential, serviceUrl } = load(env, files).instances[0] ?? {};
        expect(credential).toMatchObject(expected);
        expect(serviceUrl).toBe(url.URL);
      }
    },
  );

  const key = (text: string): string => lines({ ...url, APIKEY: text });
  const keyOf = (env: Texts, files: Texts): string => {
    const credential = credentialOf({ ...own, ...env }, files);
    return credential?.kind === "apiKey" ? credential.apiKey.reveal() : "";
  };

  test("the first credentials file that exists counts: the named one, the directory's, the home's", () => {
    const files = {
      "/my.env": key("named"),
      "/srv/ibm-credentials.env": key("working"),
      "/var/lib/gateway/ibm-credentials.env": key("home"),
    };
    const { "/my.env": _named, ...unnamed } = files;
    const { "/srv/ibm-credentials.env": _working, ...home } = unnamed;
    expect(keyOf({ IBM_CREDENTIALS_FILE: "/my.env" }, files)).toBe("named");
    expect(keyOf({}, files)).toBe("working");
    expect(keyOf({}, home)).toBe("home");
  });

  test("a file with any property shuts out the environment as a whole", () => {
    const env = { ...own, ...ibm({ ...url, APIKEY: "k", AUTH_TYPE: "iam" }) };
    const file = lines({ URL: "https://us-east.kms.cloud.ibm.com" });
    expect(problemsOf(env, { "/srv/ibm-credentials.env": file })).toEqual([
      { at: "IBMCLOUD_API_KEY_FILE", what: expect.stringContaining("is missing") },
    ]);
  });

  test("a file without a property of Key Protect leaves the environment in force", () => {
    const files = { "/srv/ibm-credentials.env": "OTHER_SERVICE_APIKEY=x\n" };
    expect(keyOf(ibm({ ...url, APIKEY: "k" }), files)).toBe("k");
  });

  test("comments, blanks, quotes and Windows line ends of a file do not count", () => {
    const text = `# a comment\r\n\r\n  IBM_KEY_PROTECT_API_URL = ${url.URL} \r\nIBM_KEY_PROTECT_API_APIKEY="a=b#c"\r\n#IBM_KEY_PROTECT_API_APIKEY=no\r\n`;
    expect(keyOf({}, { "/srv/ibm-credentials.env": text })).toBe("a=b#c");
  });

  test("no file is looked for without a working directory", () => {
    const looked: string[] = [];
    loadConfig({
      env: { ...instance, IBMCLOUD_API_KEY: "k", HOME: "/var/lib/gateway" },
      readFile: (path) => {
        looked.push(path);
        return "";
      },
    });
    expect(looked).toEqual([]);
  });

  test.each<[string, Texts, Texts, string, RegExp]>([
    [
      "another API key",
      { IBMCLOUD_API_KEY: "canary-1" },
      { ...url, APIKEY: "canary-2" },
      "IBMCLOUD_API_KEY",
      /also set, to another value, as IBM_KEY_PROTECT_API_APIKEY; set only one/,
    ],
    [
      "another URL",
      { KP_SERVICE_URL: "https://canary.test", IBMCLOUD_API_KEY: "k" },
      url,
      "KP_SERVICE_URL",
      /IBM_KEY_PROTECT_API_URL/,
    ],
    [
      "another type",
      { KP_AUTH_TYPE: "container" },
      { ...url, AUTH_TYPE: "iam", APIKEY: "canary" },
      "KP_AUTH_TYPE",
      /IBM_KEY_PROTECT_API_AUTH_TYPE/,
    ],
    [
      "an API key beside a file",
      { IBMCLOUD_API_KEY_FILE: tokenFile },
      { ...url, APIKEY: "canary" },
      "IBM_KEY_PROTECT_API_APIKEY",
      /set together with IBMCLOUD_API_KEY_FILE/,
    ],
    [
      "an API key beside callers' tokens",
      { GATEWAY_CREDENTIALS: "caller" },
      { ...url, APIKEY: "canary" },
      "IBM_KEY_PROTECT_API_APIKEY",
      /callers send their own/,
    ],
    [
      "a kind that Key Protect has no use for",
      {},
      { ...url, AUTH_TYPE: "basic", USERNAME: "canary" },
      "IBM_KEY_PROTECT_API_AUTH_TYPE",
      /one of `iam`/,
    ],
    [
      "certificates that are not checked",
      {},
      { ...url, APIKEY: "canary", AUTH_DISABLE_SSL: "true" },
      "IBM_KEY_PROTECT_API_AUTH_DISABLE_SSL",
      /always checked/,
    ],
  ])(
    "%s under IBM's name is refused, without a value in the text",
    (_, ownNames, properties, at, what) => {
      const problems = problemsOf({ ...own, ...ownNames, ...ibm(properties) }, mounted);
      expect(problems).toContainEqual({ at, what: expect.stringMatching(what) });
      expect(JSON.stringify(problems)).not.toContain("canary");
    },
  );

  test("a conflict names the file in which IBM's name is", () => {
    const env = { ...instance, IBMCLOUD_API_KEY: "k" };
    const files = { "/var/lib/gateway/ibm-credentials.env": lines({ APIKEY: "other" }) };
    expect(problemsOf(env, files)[0]?.what).toContain(
      "IBM_KEY_PROTECT_API_APIKEY (~/ibm-credentials.env)",
    );
  });

  test("the same value under both names is no conflict", () => {
    const env = { ...instance, IBMCLOUD_API_KEY: "k", ...ibm({ APIKEY: "k" }) };
    expect(problemsOf(env)).toEqual([]);
  });

  test("IBM's properties of a profile serve the kind that the gateway's own name gives", () => {
    const env = { ...own, KP_AUTH_TYPE: "vpc", ...ibm({ ...url, IAM_PROFILE_ID: "P" }) };
    expect(credentialOf(env)).toMatchObject({ kind: "vpc", profile: { id: "P" } });
  });

  test("IBM's account without a name of a profile is not used, as in the SDKs", () => {
    const env = {
      ...own,
      ...ibm({
        ...url,
        AUTH_TYPE: "iamAssume",
        APIKEY: "k",
        IAM_PROFILE_ID: "P",
        IAM_ACCOUNT_ID: "a",
      }),
    };
    expect(credentialOf(env)).toMatchObject({ kind: "assume", profile: { accountId: undefined } });
    expect(warningsOf(env).map(({ at }) => at)).toEqual(["IBM_KEY_PROTECT_API_IAM_ACCOUNT_ID"]);
  });

  test("a credentials file that is named and cannot be read is refused, unlike in the SDKs", () => {
    const env = { ...instance, IBMCLOUD_API_KEY: "k", IBM_CREDENTIALS_FILE: "/none" };
    expect(problemsOf(env)).toEqual([
      { at: "IBM_CREDENTIALS_FILE", what: "names a file that cannot be read (ENOENT)" },
    ]);
  });

  test("properties that are not used, and typing errors, are warned about without their values", () => {
    const env = {
      ...own,
      ...ibm({
        ...url,
        AUTH_TYPE: "container",
        IAM_PROFILE_ID: "P",
        APIKEY: "canary",
        ENABLE_RETRIES: "true",
        AUTH_DISABLE_SSL: "false",
        IAM_PROFILE_NAM: "canary",
      }),
    };
    const warnings = warningsOf(env, mounted);
    expect(warnings).toEqual([
      { at: "IBM_KEY_PROTECT_API_APIKEY", what: "is not used with authType `container`" },
      { at: "IBM_KEY_PROTECT_API_ENABLE_RETRIES", what: "is not used with authType `container`" },
      {
        at: "IBM_KEY_PROTECT_API_IAM_PROFILE_NAM",
        what: "there is no such property; did you mean IAM_PROFILE_NAME?",
      },
    ]);
  });
});

const listed = (...settings: string[]): Texts => ({
  ...mounted,
  "/key": "key-of-file",
  "/yaml": `instances: [${settings
    .map((own, at) => `{alias: a${at}, serviceUrl: "https://kms.test", instanceId: ${id}, ${own}}`)
    .join()}]`,
});

const credentialsWith = (env: Texts, files: Texts) =>
  load({ ...env, GATEWAY_CONFIG: "/yaml" }, files).instances.map(({ credential }) => credential);

describe("variables beside instances of the file", () => {
  test("variables are defaults for instances with the same kind of credential", () => {
    const env = {
      KP_AUTH_TYPE: "container",
      CR_TOKEN_FILENAME: tokenFile,
      IAM_PROFILE_ID: "shared",
    };
    const files = listed(
      "rateMode: auto",
      "profileName: own",
      "authType: vpc",
      "apiKeyFile: /key",
      "credentials: caller",
    );
    expect(credentialsWith(env, files)).toEqual([
      expect.objectContaining({
        kind: "container",
        tokenFile,
        profile: expect.objectContaining({ id: "shared", name: undefined }),
      }),
      expect.objectContaining({
        kind: "container",
        tokenFile,
        profile: expect.objectContaining({ id: undefined, name: "own" }),
      }),
      expect.objectContaining({ kind: "vpc", profile: expect.objectContaining({ id: undefined }) }),
      expect.objectContaining({ kind: "apiKeyFile", path: "/key" }),
      { kind: "caller" },
    ]);
  });

  test("an API key of the environment stays away from an instance with a profile", () => {
    const files = listed("authType: container, profileId: P", "rateMode: auto");
    expect(credentialsWith({ ...ibm({ APIKEY: "k" }) }, files)).toEqual([
      expect.objectContaining({ kind: "container" }),
      expect.objectContaining({ kind: "apiKey" }),
    ]);
  });

  test("IBM's URL beside listed instances is refused", () => {
    const problems = problemsOf(
      { ...ibm({ URL: "https://kms.test" }), GATEWAY_CONFIG: "/yaml" },
      listed("apiKeyFile: /key"),
    );
    expect(problems.map(({ at }) => at)).toEqual(["IBM_KEY_PROTECT_API_URL"]);
  });
});
