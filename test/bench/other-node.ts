/** Programs that pass for another version of Node. */
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A folder of such programs. Disposal removes it. */
export interface OtherNodes extends Disposable {
  /** Writes a program that prints a version and otherwise runs this node. Returns its path. */
  readonly write: (name: string, version: string) => string;
  /** The command lines that a program ran. */
  readonly runsOf: (name: string) => readonly string[];
  /** A path where nothing is. */
  readonly absent: string;
}

/** Creates the folder. */
export function otherNodes(): OtherNodes {
  const folder = mkdtempSync(join(tmpdir(), "keyprotect-node-"));
  return {
    write(name, version) {
      const path = join(folder, name);
      const lines = [
        "#!/bin/sh",
        `[ "$1" = --version ] && { echo "${version}"; exit; }`,
        `echo "$@" >> "${path}.runs"`,
        `exec "${process.execPath}" "$@"`,
      ];
      writeFileSync(path, `${lines.join("\n")}\n`);
      chmodSync(path, 0o755);
      return path;
    },
    runsOf(name) {
      const path = join(folder, `${name}.runs`);
      return existsSync(path) ? readFileSync(path, "utf8").trim().split("\n") : [];
    },
    absent: join(folder, "absent"),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true }),
  };
}
