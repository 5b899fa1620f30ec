/** The API server's own code for encryption at rest, as a program that is driven line by line. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { buildIn, runTool, type BuiltClient, type Toolchain } from "../toolchains.ts";

/** The program to build it. */
export const apiServerToolchain: Toolchain = {
  tests: "the tests of the API server of Kubernetes",
  probe: ["go", "version"],
};

/** Builds it. The first time takes minutes: Go compiles hundreds of packages. */
export const buildApiServer = (): Promise<BuiltClient> =>
  buildIn(async (folder) => {
    const program = join(folder, "api-server");
    // It must not take the processors from tests that run beside it.
    const go = ["nice", "-n", "19", "go", "build", "-o", program, "."] as const;
    await runTool(go, import.meta.dirname);
    return [program];
  });

/** The answer to a command. */
export interface ApiServerAnswer {
  /** Empty: the command succeeded. */
  readonly error: string;
  /** The encrypted object as etcd stores it, in base64. */
  readonly data: string;
  /** The decrypted object. */
  readonly text: string;
  /** Whether the object was encrypted by another version of the key than the present one. */
  readonly stale: boolean;
}

/** The running program. */
export interface ApiServer extends AsyncDisposable {
  /** Sends a command (see `main.go`) and resolves with its answer. One at a time. */
  run(...words: readonly string[]): Promise<ApiServerAnswer>;
}

/** Starts the program. */
export function startApiServer({ command: [program, ...args] }: BuiltClient): ApiServer {
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
  const exit = once(child, "exit");
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async run(...words) {
      child.stdin.write(`${words.join(" ")}\n`);
      const { done, value } = await lines.next();
      if (done === true) throw new Error("the program has ended");
      const answer: Partial<ApiServerAnswer> = JSON.parse(value);
      return { error: "", data: "", text: "", stale: false, ...answer };
    },
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      await exit;
    },
  };
}
