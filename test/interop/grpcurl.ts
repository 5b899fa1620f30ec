/** The program grpcurl, built from its sources. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Toolchain } from "./toolchains.ts";

const grpcurlModule = "github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.4";

/** The programs to build grpcurl, and to run the commands of documents with it. */
export const grpcurlToolchain: Toolchain = {
  tests: "the commands of docs/api.md, docs/runbook.md and docs/guides/grpcurl.md",
  probe: ["bash", "-c", "go version && jq --version && curl --version"],
};

/** Builds grpcurl into a folder. Rejects with the output of Go. */
export async function buildGrpcurl(folder: string): Promise<void> {
  await promisify(execFile)("go", ["install", grpcurlModule], {
    env: { ...process.env, GOBIN: folder },
  });
}
