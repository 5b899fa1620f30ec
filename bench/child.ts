/** Child processes of the bench, and questions to them. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { z } from "zod";
import type { Compiled } from "./compiled.ts";
import { answer, cpu, serving } from "./messages.ts";

/** A running child process. Disposal ends it, after 5 s by force. */
export interface Child extends AsyncDisposable {
  /** Resolves to the port that the process serves on. Rejects with its output if it ends before. */
  readonly port: Promise<number>;
  /** Sends a question and resolves to the answer. Rejects if the process ends before. */
  ask<T extends z.ZodType>(name: string, shape: T, given?: unknown): Promise<z.output<T>>;
  /** Processor time used so far, in µs, user and system. */
  cpuMicros(): Promise<number>;
  /** Resolves when the URL answers with a success. Rejects if the process ends before. */
  answers(url: string): Promise<void>;
}

/** How to start a child process. */
export interface ChildOptions {
  readonly name: string;
  /** Path of the compiled program. */
  readonly program: string;
  /** Path of the binary of node that runs it. Default: the binary of this process. */
  readonly node?: string | undefined;
  /** Path of the compiled probe that is loaded before the program. */
  readonly probe: string;
  /** Environment variables, in addition to `PATH`. */
  readonly env?: Readonly<Record<string, string>>;
  /** Additional flags of node. */
  readonly flags?: readonly string[];
  /** Folder for the output, which goes to a file because reading a pipe would cost time. */
  readonly folder: string;
  /** Folder for a CPU profile, written when the process ends. Default: no profile. */
  readonly profileFolder?: string | undefined;
}

const pollMs = 50;
const patienceMs = 5_000;

/** Whether a URL answers with a success. */
export async function isAnswering(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).ok;
  } catch {
    return false;
  }
}

/**
 * Resolves to the first value of `find` that is not `undefined`. Rejects if `death`, the end of a
 * process, does before.
 */
export async function poll<T>(
  find: () => Promise<T | undefined>,
  death: Promise<never>,
): Promise<T> {
  for (;;) {
    const found = await find();
    if (found !== undefined) return found;
    await Promise.race([new Promise((resolve) => setTimeout(resolve, pollMs)), death]);
  }
}

/** Starts a program with plain node. */
export function startChild(options: ChildOptions): Child {
  const fileName = options.name.replaceAll(/[^\w.]+/g, "-");
  const printedTo = join(options.folder, `${fileName}.log`);
  const out = openSync(printedTo, "w");
  const { profileFolder } = options;
  const profiling =
    profileFolder === undefined
      ? []
      : ["--cpu-prof", `--cpu-prof-dir=${profileFolder}`, `--cpu-prof-name=${fileName}.cpuprofile`];
  const child = fork(options.program, {
    execPath: options.node ?? process.execPath,
    execArgv: [...(options.flags ?? []), "--import", options.probe, ...profiling],
    env: { PATH: process.env["PATH"] ?? "", ...options.env },
    stdio: ["ignore", out, out, "ipc"],
    // The default serialization, JSON, has no NaN, which is the median of an empty list.
    serialization: "advanced",
  });
  const ended = once(child, "exit");
  const death = ended.then(() => {
    const printed = readFileSync(printedTo, "utf8").slice(-2_000);
    throw new Error(`${options.name} ended; it printed last:\n${printed}`);
  });
  // Those that wait for the process see the rejection. Otherwise its end is no error.
  death.catch(() => {});

  const answers = new Map<number, (value: unknown) => void>();
  let lastId = 0;
  const portMessage = new Promise<number>((resolve) => {
    child.on("message", (message) => {
      const served = serving.safeParse(message);
      if (served.success) resolve(served.data.port);
      const answered = answer.safeParse(message);
      if (!answered.success) return;
      answers.get(answered.data.id)?.(answered.data.answer);
      answers.delete(answered.data.id);
    });
  });

  const port = Promise.race([portMessage, death]);
  port.catch(() => {});

  const ask: Child["ask"] = async (name, shape, given) => {
    lastId += 1;
    const id = lastId;
    const reply = new Promise<unknown>((resolve) => answers.set(id, resolve));
    child.send({ id, ask: name, given });
    return shape.parse(await Promise.race([reply, death]));
  };

  return {
    port,
    ask,
    async cpuMicros() {
      const { user, system } = await ask("cpu", cpu);
      return user + system;
    },
    async answers(url) {
      await poll(async () => (await isAnswering(url)) || undefined, death);
    },
    async [Symbol.asyncDispose]() {
      // The process exits when it is disconnected, and then writes its profile.
      if (child.connected) child.disconnect();
      const impatient = setTimeout(() => child.kill("SIGKILL"), patienceMs);
      await ended;
      clearTimeout(impatient);
    },
  };
}

/** Starts a program of the bench that is not measured, with the probe of processor time. */
export const startProgram = (
  { folder, program }: Pick<Compiled, "folder" | "program">,
  name: string,
): Child => startChild({ name, program: program(name), probe: program("cpu-probe"), folder });
