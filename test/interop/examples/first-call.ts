/** The test of a program in docs/guides/first-call.md, which is run as the guide says. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { repositoryRoot } from "../../../scripts/run.ts";
import { fencesOf, readText } from "../../docs/documents.ts";
import type { Programs } from "./program-tests.ts";
import type { ExampleProgram } from "./programs.ts";

const blocks = fencesOf(readText("docs/guides/first-call.md"));

/** The block with this label. Throws if there is not exactly one. */
function blockOf(label: RegExp): { label: string; body: string } {
  const [found, ...others] = blocks.filter((block) => label.test(block.label));
  if (found === undefined || others.length > 0)
    throw new Error(`${others.length} more of ${label}`);
  return found;
}

/** Parts of the repository that the programs use beside the folder of their language. */
const neighbours = ["package.json", "node_modules", "proto", "src", "examples/unary-call.ts"];

/** Replaces the ID of the key, and the length of the wrapped data key, which holds another ID. */
const shapeOf = (output: string): string =>
  output.replaceAll(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "<id>");

/** Registers the test of the program in the language of an example. */
export function testFirstCall(program: ExampleProgram, { gateway, folderOf }: Programs): void {
  const { name } = program;
  test(`the first call in ${name} prints what the guide shows`, async () => {
    const folder = folderOf(program);
    const snippet = blockOf(new RegExp(`^\\w+ examples/${name.toLowerCase()}/`));
    const [, file = ""] = snippet.label.split(" ");
    await mkdir(dirname(join(folder, file)), { recursive: true });
    for (const neighbour of neighbours) {
      const link = join(folder, neighbour);
      if (!existsSync(link)) await symlink(join(repositoryRoot, neighbour), link);
    }
    await writeFile(join(folder, file), snippet.body);
    const command = blockOf(new RegExp(`^sh run ${name}$`)).body;
    const { stdout } = await promisify(execFile)("sh", ["-e", "-c", command], {
      cwd: folder,
      env: { ...process.env, KEYPROTECT_GATEWAY: gateway().address },
    });
    expect(shapeOf(stdout)).toBe(shapeOf(blockOf(/^text output$/).body));
  }, 300_000);
}
