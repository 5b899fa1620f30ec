/** The command sops, built by `go install`. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import type { Toolchain } from "../toolchains.ts";

/** The version that the tests are made for. */
export const sopsVersion = "3.13.3";

/** Where `go install` puts programs; `undefined` without Go. */
function goFolder(): string | undefined {
  const { stdout, status } = spawnSync("go", ["env", "GOBIN", "GOPATH"], { encoding: "utf8" });
  if (status !== 0) return undefined;
  const [gobin = "", gopath = ""] = stdout.split("\n");
  return gobin === "" ? join(gopath, "bin") : gobin;
}

const isSops = (program: string): boolean => {
  const args = ["--version", "--disable-version-check"];
  const { stdout, status } = spawnSync(program, args, { encoding: "utf8" });
  return status === 0 && stdout.includes(sopsVersion);
};

/** The program: on PATH, or where `go install` puts it. */
export function findSops(): string | undefined {
  const folder = goFolder();
  const programs = ["sops", ...(folder === undefined ? [] : [join(folder, "sops")])];
  return programs.find(isSops);
}

/** For the report of what is left out. */
export const sopsToolchain: Toolchain = {
  tests: `the tests of sops ${sopsVersion}`,
  probe: [
    findSops() ?? `sops (go install github.com/getsops/sops/v3/cmd/sops@v${sopsVersion})`,
    "--version",
  ],
};
