/** The tests of one example program, registered by the test files of this folder. */
import { randomBytes } from "node:crypto";
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { credentials } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { unaryCall } from "../../../examples/unary-call.ts";
import { KeyType } from "../../../src/gen/keyprotect/v1/key.ts";
import { KeysServiceClient } from "../../../src/gen/keyprotect/v1/keys_service.ts";
import { createCertificateAuthority } from "../../support/certificates.ts";
import { createKeyId } from "../../support/requests.ts";
import { startTestGateway } from "../../support/start-gateway.ts";
import { buildIn, type BuiltClient } from "../toolchains.ts";
import type { Command } from "../wire-client.ts";
import { startDevGateway, type DevGateway } from "./dev-gateway.ts";
import { startFailingGateway } from "./failing-gateway.ts";
import { runProgram, type ExampleProgram, type Run } from "./programs.ts";

/** Bytes of a segment in the encrypted file: 65,536 and the tag. */
const sealedSegment = 65_552;

/** Makes a folder that is removed after the test. */
export async function temporaryFolder(): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), "keyprotect-files-"));
  return {
    path,
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  };
}

/** The length of the header of an envelope file, as examples/README.md describes it. */
function headerLength(file: Buffer): number {
  const keyLength = file.readUInt16BE(8);
  return 8 + 2 + keyLength + 2 + file.readUInt16BE(8 + 2 + keyLength);
}

const correlationIdOf = ({ stderr }: Run): string =>
  /^correlation ID: (\S+)$/m.exec(stderr)?.[1] ?? "none";

/** A gateway and built programs, which exist while the tests of a file run. */
export interface Programs {
  readonly gateway: () => DevGateway;
  readonly commandOf: (program: ExampleProgram) => Command;
  /** The folder in which a program was built. */
  readonly folderOf: (program: ExampleProgram) => string;
}

/** Starts a gateway and builds programs before the tests of a file. */
export function usePrograms(programs: readonly ExampleProgram[]): Programs {
  let gateway: DevGateway | undefined;
  const built = new Map<ExampleProgram, BuiltClient>();
  beforeAll(async () => {
    gateway = await startDevGateway();
    for (const program of programs) built.set(program, await buildIn(program.build));
  }, 1_200_000);
  afterAll(async () => {
    for (const program of built.values()) await program[Symbol.asyncDispose]();
    await gateway?.[Symbol.asyncDispose]();
  });
  const find = (program: ExampleProgram): BuiltClient => {
    const found = built.get(program);
    if (found === undefined) throw new Error(`the program in ${program.name} is not built`);
    return found;
  };
  return {
    gateway() {
      if (gateway === undefined) throw new Error("the gateway has not started");
      return gateway;
    },
    commandOf: (program) => find(program).command,
    folderOf: (program) => find(program).folder,
  };
}

/** Registers the tests of a program. */
export function testProgram(program: ExampleProgram, { gateway, commandOf }: Programs): void {
  const { name } = program;
  let keyId: string;
  beforeAll(async () => {
    keyId = await gateway().createKey();
  });

  const run = (args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Run> =>
    runProgram(commandOf(program), args, { KEYPROTECT_GATEWAY: gateway().address, ...env });

  /** Encrypts new random bytes into `sealed` of the folder. */
  async function encryptRandom(folder: string, size: number): Promise<Buffer> {
    const plaintext = randomBytes(size);
    await writeFile(join(folder, "plain"), plaintext);
    const { exitCode, stderr } = await run([
      "encrypt",
      keyId,
      join(folder, "plain"),
      join(folder, "sealed"),
    ]);
    expect(exitCode, stderr).toBe(0);
    return plaintext;
  }

  describe(`the example program in ${name}`, () => {
    test.each([0, 65_536, 200_000])(
      `the program in ${name} decrypts the file of %d bytes that it has encrypted`,
      async (size) => {
        await using folder = await temporaryFolder();
        const plaintext = await encryptRandom(folder.path, size);
        const [sealed, opened] = [join(folder.path, "sealed"), join(folder.path, "opened")];
        const ended = await run(["decrypt", sealed, opened]);
        expect(ended).toMatchObject({
          exitCode: 0,
          stdout: `decrypted ${sealed} into ${opened}\n`,
        });
        expect(await gateway().requestCount(correlationIdOf(ended))).toBe(1);
        expect((await readFile(opened)).equals(plaintext)).toBe(true);
        const file = await readFile(sealed);
        const segments = Math.max(1, Math.ceil(size / 65_536));
        expect(file.length).toBe(headerLength(file) + size + 16 * segments);
        expect(file.subarray(0, 10 + keyId.length).toString("latin1")).toBe(
          `KPENVF01\0${String.fromCharCode(keyId.length)}${keyId}`,
        );
        expect((await stat(opened)).mode & 0o777).toBe(0o600);
      },
      60_000,
    );

    test(`the program in ${name} stores the data key anew after a rotation, and nothing else`, async () => {
      await using folder = await temporaryFolder();
      const plaintext = await encryptRandom(folder.path, 100_000);
      const [sealed, opened] = [join(folder.path, "sealed"), join(folder.path, "opened")];
      await chmod(sealed, 0o640);
      const before = await readFile(sealed);
      // The other tests of this key do not care about its version.
      await gateway().rotateKey(keyId);

      const first = await run(["decrypt", sealed, opened]);
      expect(first.stdout).toContain(`rewrapped the data key of ${sealed}\n`);
      expect((await readFile(opened)).equals(plaintext)).toBe(true);
      const after = await readFile(sealed);
      expect(
        after.subarray(0, headerLength(after)).equals(before.subarray(0, headerLength(before))),
      ).toBe(false);
      expect(after.subarray(headerLength(after))).toEqual(before.subarray(headerLength(before)));
      expect((await stat(sealed)).mode & 0o777).toBe(0o640);

      const second = await run(["decrypt", sealed, opened]);
      expect(second).toMatchObject({ exitCode: 0, stdout: `decrypted ${sealed} into ${opened}\n` });
      expect((await readFile(opened)).equals(plaintext)).toBe(true);
      expect((await readFile(sealed)).equals(after)).toBe(true);
    }, 60_000);

    test(`the program in ${name} decrypts no file that was changed, cut, reordered or extended`, async () => {
      await using folder = await temporaryFolder();
      await encryptRandom(folder.path, 200_000);
      const file = await readFile(join(folder.path, "sealed"));
      const start = headerLength(file);
      const segment = (at: number): Buffer =>
        file.subarray(start + at * sealedSegment, start + (at + 1) * sealedSegment);
      const flipped = Buffer.from(file);
      flipped[start + sealedSegment + 7] = (flipped[start + sealedSegment + 7] ?? 0) ^ 1;
      const damages: Readonly<Record<string, Buffer>> = {
        flipped,
        withoutLastSegment: file.subarray(0, start + 3 * sealedSegment),
        withoutSegments: file.subarray(0, start),
        cutInTag: file.subarray(0, file.length - 3),
        cutInHeader: file.subarray(0, start - 20),
        reordered: Buffer.concat([
          file.subarray(0, start),
          segment(1),
          segment(0),
          segment(2),
          segment(3),
        ]),
        extended: Buffer.concat([file, segment(3)]),
      };
      const opened = join(folder.path, "opened");
      const ended: unknown[] = [];
      // One after the other: a JVM of each at once would take longer than the deadline of a call.
      for (const [damage, content] of Object.entries(damages)) {
        const path = join(folder.path, damage);
        await writeFile(path, content);
        const { exitCode, stderr } = await run(["decrypt", path, opened]);
        ended.push([damage, exitCode, stderr.split("\n").at(-2)]);
      }
      expect(ended).toEqual(
        Object.keys(damages).map((damage) => [damage, 1, "the file is damaged or not complete"]),
      );
      const files = ["plain", "sealed", ...Object.keys(damages)].toSorted();
      expect((await readdir(folder.path)).toSorted()).toEqual(files);

      const foreign = await run(["decrypt", join(folder.path, "plain"), opened]);
      expect([foreign.exitCode, foreign.stderr]).toEqual([
        1,
        expect.stringContaining("not an envelope file\n"),
      ]);
    }, 120_000);

    test(`the program in ${name} decrypts with the context of the file only, and prints the typed error`, async () => {
      await using folder = await temporaryFolder();
      await writeFile(join(folder.path, "plain"), "order 1");
      const [sealed, opened] = [join(folder.path, "sealed"), join(folder.path, "opened")];
      const context = { ENVELOPE_CONTEXT: "orders of Zürich" };
      await run(["encrypt", keyId, join(folder.path, "plain"), sealed], context);
      const refused = await run(["decrypt", sealed, opened]);
      expect(refused.exitCode).toBe(1);
      expect(refused.stderr.split("\n").toSorted()).toEqual(
        [
          "",
          `correlation ID: ${correlationIdOf(refused)}`,
          `INVALID_ARGUMENT: the ciphertext cannot be unwrapped by key ${keyId} with this additional authenticated data`,
          "  reason: CIPHERTEXT_REJECTED",
          "  may have executed: false",
          "  field ciphertext: not wrapped by this key with this additional authenticated data, or damaged",
        ].toSorted(),
      );
      await run(["decrypt", sealed, opened], context);
      expect(await readFile(opened, "utf8")).toBe("order 1");
    }, 60_000);

    test(`the program in ${name} makes three attempts with its deadline, and prints the RetryInfo`, async () => {
      await using folder = await temporaryFolder();
      await encryptRandom(folder.path, 10);
      using failing = await startFailingGateway();
      const ended = await run(
        ["decrypt", join(folder.path, "sealed"), join(folder.path, "opened")],
        { KEYPROTECT_GATEWAY: failing.address },
      );
      expect(ended.exitCode).toBe(1);
      expect(ended.stderr).toContain("UNAVAILABLE: ");
      expect(ended.stderr).toContain(
        "\n  reason: UPSTREAM_UNAVAILABLE\n  may have executed: false\n  retry after: 2.5 s\n",
      );
      expect(failing.attempts.map(({ correlationId }) => correlationId)).toEqual(
        Array.from({ length: 3 }, () => correlationIdOf(ended)),
      );
      for (const { timeoutMs } of failing.attempts) {
        expect(timeoutMs).toBeGreaterThan(5_000);
        expect(timeoutMs).toBeLessThanOrEqual(10_000);
      }
    }, 60_000);

    test(`the program in ${name} calls a gateway over TLS with its certificate`, async () => {
      await using folder = await temporaryFolder();
      const authority = createCertificateAuthority();
      const server = authority.issue({ ipAddresses: ["127.0.0.1"] });
      const client = authority.issue({ uris: ["spiffe://example.org/files"] });
      const path = (file: string): string => join(folder.path, file);
      await Promise.all([
        writeFile(path("ca.pem"), authority.cert),
        writeFile(path("client.pem"), client.cert),
        writeFile(path("client-key.pem"), client.key),
        writeFile(path("server.pem"), server.cert),
        writeFile(path("server-key.pem"), server.key),
        writeFile(path("plain"), "over TLS"),
      ]);
      await using secured = await startTestGateway({
        env: {
          GATEWAY_TLS_CERT_FILE: path("server.pem"),
          GATEWAY_TLS_KEY_FILE: path("server-key.pem"),
          GATEWAY_TLS_CLIENT_CA_FILE: path("ca.pem"),
          GATEWAY_TLS_TRUST_DOMAINS: "example.org",
        },
        files: {
          [path("server.pem")]: server.cert,
          [path("server-key.pem")]: server.key,
          [path("ca.pem")]: authority.cert,
        },
      });
      const env = {
        KEYPROTECT_GATEWAY: secured.address,
        KEYPROTECT_GATEWAY_CA_FILE: path("ca.pem"),
        KEYPROTECT_GATEWAY_CERT_FILE: path("client.pem"),
        KEYPROTECT_GATEWAY_KEY_FILE: path("client-key.pem"),
      };
      const pem = [authority.cert, client.key, client.cert].map((text) => Buffer.from(text));
      const keys = new KeysServiceClient(secured.address, credentials.createSsl(...pem));
      const created = await unaryCall(keys, "createKey", { name: "files", type: KeyType.ROOT });
      keys.close();
      const id = created.response?.key?.id ?? "none";
      const encrypted = await run(["encrypt", id, path("plain"), path("sealed")], env);
      expect(encrypted.exitCode, encrypted.stderr).toBe(0);
      const decrypted = await run(["decrypt", path("sealed"), path("opened")], env);
      expect(decrypted.exitCode, decrypted.stderr).toBe(0);
      expect(await readFile(path("opened"), "utf8")).toBe("over TLS");

      const other = createCertificateAuthority();
      await writeFile(path("other-ca.pem"), other.cert);
      const distrustful = { ...env, KEYPROTECT_GATEWAY_CA_FILE: path("other-ca.pem") };
      const refused = await run(["decrypt", path("sealed"), path("opened")], distrustful);
      expect([refused.exitCode, refused.stderr]).toEqual([
        1,
        expect.stringContaining("UNAVAILABLE: "),
      ]);
      expect(refused.stderr).not.toContain("reason:");
    }, 60_000);

    test(`the program in ${name} calls a gateway over its Unix socket`, async () => {
      await using folder = await temporaryFolder();
      const socket = `unix:${join(folder.path, "gateway.sock")}`;
      await using local = await startTestGateway({ env: { GATEWAY_LISTEN: socket } });
      const sealed = join(folder.path, "sealed");
      const id = await createKeyId(local);
      const encrypted = await run(["encrypt", id, "README.md", sealed], {
        KEYPROTECT_GATEWAY: socket,
      });
      expect(encrypted.exitCode, encrypted.stderr).toBe(0);
      expect(encrypted.stdout).toBe(`encrypted README.md into ${sealed}\n`);
    }, 60_000);

    test(`the program in ${name} sends nothing in the clear beyond this machine`, async () => {
      for (const address of [
        "gateway.example:50051",
        "127.0.0.1.example:50051",
        "10.0.0.1:50051",
      ]) {
        const ended = await run(["encrypt", keyId, "README.md", "nowhere"], {
          KEYPROTECT_GATEWAY: address,
        });
        expect(ended).toEqual({
          exitCode: 2,
          stdout: "",
          stderr: `${address} needs TLS: set KEYPROTECT_GATEWAY_CA_FILE\n`,
        });
      }
    }, 60_000);

    test(`the program in ${name} explains its use if the arguments are wrong`, async () => {
      for (const args of [
        ["encrypt", "a", "b"],
        ["wrap", "a", "b"],
      ]) {
        const { exitCode, stderr } = await run(args);
        expect([exitCode, stderr]).toEqual([
          2,
          expect.stringMatching(/^usage: .* encrypt <key-id>/),
        ]);
      }
    }, 60_000);
  });
}
