/**
 * The example programs in Go, Java and Python and the first call of the guide against
 * `npm run dev`, and the files of each program with every other.
 */
import { randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { testFirstCall } from "./first-call.ts";
import { temporaryFolder, testProgram, usePrograms } from "./program-tests.ts";
import { runProgram, testedPrograms, typescriptProgram } from "./programs.ts";

const programs = usePrograms(testedPrograms);

for (const program of testedPrograms) {
  // npm test runs those of the program in TypeScript.
  if (program !== typescriptProgram) testProgram(program, programs);
  testFirstCall(program, programs);
}

describe("the files of the example programs", () => {
  const pairs = testedPrograms.flatMap((from) =>
    testedPrograms.map((to) => [to.name, from.name, { from, to }] as const),
  );

  test.each(pairs)(
    "the program in %s decrypts and rewraps a file of the program in %s, which reads it again",
    async (_to, _from, { from, to }) => {
      await using folder = await temporaryFolder();
      const path = (name: string): string => join(folder.path, name);
      const { gateway } = programs;
      const env = { KEYPROTECT_GATEWAY: gateway().address, ENVELOPE_CONTEXT: "files of Zürich" };
      const plaintext = randomBytes(150_001);
      const keyId = await gateway().createKey();
      await writeFile(path("plain"), plaintext);
      const expectDecrypted = async (program: typeof to, stdout: string): Promise<void> => {
        const args = ["decrypt", path("sealed"), path("opened")];
        const ended = await runProgram(programs.commandOf(program), args, env);
        expect([ended.exitCode, ended.stdout], ended.stderr).toEqual([0, stdout]);
        expect((await readFile(path("opened"))).equals(plaintext)).toBe(true);
      };
      const decrypted = `decrypted ${path("sealed")} into ${path("opened")}\n`;
      const rewrapped = `rewrapped the data key of ${path("sealed")}\n`;

      const args = ["encrypt", keyId, path("plain"), path("sealed")];
      const encrypted = await runProgram(programs.commandOf(from), args, env);
      expect(encrypted.exitCode, encrypted.stderr).toBe(0);
      await expectDecrypted(to, decrypted);
      await gateway().rotateKey(keyId);
      await expectDecrypted(to, decrypted + rewrapped);
      await expectDecrypted(from, decrypted);
    },
    120_000,
  );
});
