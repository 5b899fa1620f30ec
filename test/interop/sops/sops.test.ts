/** The real sops encrypts and decrypts files through the endpoint `sops`. */
import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startSopsDoor, type SopsDoor } from "../../support/sops-door.ts";
import { findSops } from "./sops-tool.ts";

const program = findSops();

const files = {
  yaml: "password: hunter2\nport: 5432\nlist:\n    - one\n    - two\n",
  json: '{\n\t"password": "hunter2",\n\t"port": 5432\n}\n',
  env: "PASSWORD=hunter2\nPORT=5432\n",
} as const;
type Format = keyof typeof files;
const formats: readonly Format[] = ["yaml", "json", "env"];

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const vault = (key: string): string[] => [
  "--hc-vault-transit",
  `https://keyprotect.internal/v1/default/keys/${key}`,
];
const kms = (key: string, context = "team:orders"): string[] => [
  "--kms",
  `arn:aws:kms:eu-de:000000000000:${key}`,
  "--encryption-context",
  context,
];

// test/interop/left-out.ts says so if sops is missing.
if (program !== undefined) {
  let door: SopsDoor;
  beforeAll(async () => {
    door = await startSopsDoor();
  });
  afterAll(() => door[Symbol.asyncDispose]());

  const path = (name: string): string => join(door.folder, name);
  /** Runs sops as its documentation says, with no other key service and no configuration. */
  const sops = (args: readonly string[], command: readonly string[] = []) => {
    const service = ["--keyservice", `unix://${door.socket}`];
    return sopsWith([...command, "--enable-local-keyservice=false", ...service, ...args]);
  };
  const sopsWith = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
    new Promise<Ended>((resolve) => {
      const options = { cwd: door.folder, env: { PATH: process.env["PATH"] ?? "", ...env } };
      execFile(program, [...args], options, (error, stdout, stderr) => {
        const code = error === null ? 0 : Number(error.code);
        resolve({ code, stdout, stderr });
      });
    });

  /** Encrypts the example of a format into a file. */
  async function encryptInto(name: string, format: Format, key: readonly string[]): Promise<void> {
    await writeFile(path(`plain.${format}`), files[format]);
    const { code, stdout, stderr } = await sops(["-e", ...key, path(`plain.${format}`)]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).not.toContain("hunter2");
    expect(stdout).toContain("kp:v1:");
    await writeFile(path(name), stdout);
  }

  describe.each(formats)("a %s file", (format) => {
    test.each<[string, () => string[]]>([
      ["a Vault key by its ID", () => vault(door.keyId)],
      ["a Vault key by its alias", () => vault("sops-app")],
      ["an ARN with an ID and a context", () => kms(`key/${door.keyId}`)],
      ["an ARN with an alias and a context", () => kms("alias/sops-app", "team:orders,app:web")],
    ])("is encrypted and decrypted with %s", async (_, key) => {
      await encryptInto(`encrypted.${format}`, format, key());
      const { code, stdout, stderr } = await sops(["-d", path(`encrypted.${format}`)]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(stdout).toBe(files[format]);
    });
  });

  test("the environment of sops can name the endpoint, beside the local key service", async () => {
    await encryptInto("encrypted.yaml", "yaml", vault("sops-app"));
    const { code, stdout } = await sopsWith(["-d", path("encrypted.yaml")], {
      SOPS_KEYSERVICE: `unix://${door.socket}`,
      SOPS_HC_VAULT_ALLOWLIST: "none",
    });
    expect({ code, stdout }).toEqual({ code: 0, stdout: files.yaml });
  });

  test("after a rotation of the key old files are decrypted, and sops rotate renews them", async () => {
    await encryptInto("encrypted.yaml", "yaml", vault("sops-app"));
    const { gateway, keyId } = door;
    await gateway.call(gateway.clients.actions, "rotateKey", { keyId });
    const old = await readFile(path("encrypted.yaml"), "utf8");
    expect((await sops(["-d", path("encrypted.yaml")])).stdout).toBe(files.yaml);
    expect(await sops(["-i", path("encrypted.yaml")], ["rotate"])).toMatchObject({ code: 0 });
    expect(await readFile(path("encrypted.yaml"), "utf8")).not.toBe(old);
    expect((await sops(["-d", path("encrypted.yaml")])).stdout).toBe(files.yaml);
  });

  test("a key that is not allowed encrypts nothing, and the error says why", async () => {
    await writeFile(path("plain.yaml"), files.yaml);
    for (const key of [vault("other-app"), vault(door.otherKeyId), kms("alias/other-app")]) {
      const { code, stdout, stderr } = await sops(["-e", ...key, path("plain.yaml")]);
      expect(code).not.toBe(0);
      expect(stdout).toBe("");
      expect(stderr).toContain("matches none of the keys of this endpoint");
    }
  });

  test("a file whose context was changed cannot be decrypted", async () => {
    await encryptInto("encrypted.json", "json", kms(`key/${door.keyId}`));
    const text = await readFile(path("encrypted.json"), "utf8");
    expect(text).toContain('"team": "orders"');
    await writeFile(path("encrypted.json"), text.replace('"team": "orders"', '"team": "billing"'));
    const { code, stdout, stderr } = await sops(["-d", path("encrypted.json")]);
    expect(code).not.toBe(0);
    expect(stdout).toBe("");
    expect(stderr).toContain("cannot be unwrapped");
  });

  test("a file with the ciphertext of another key cannot be decrypted", async () => {
    await encryptInto("encrypted.json", "json", vault("sops-app"));
    const { gateway, otherKeyId } = door;
    const { ciphertext } = await gateway.call(gateway.clients.actions, "wrapKey", {
      keyId: otherKeyId,
      plaintext: gateway.secrets.bytes(32),
    });
    const text = await readFile(path("encrypted.json"), "utf8");
    const foreign = text.replace(/kp:v1:[^"\\]*/, `kp:v1:${ciphertext.toString("base64")}`);
    expect(foreign).not.toBe(text);
    await writeFile(path("encrypted.json"), foreign);
    const { code, stdout, stderr } = await sops(["-d", path("encrypted.json")]);
    expect(code).not.toBe(0);
    expect(stdout).toBe("");
    expect(stderr).toContain("cannot be unwrapped");
  });
}
