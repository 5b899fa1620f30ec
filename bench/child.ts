/** A process of the bench, and how to ask it something. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { z } from "zod";
import { answer, cpu, serving } from "./messages.ts";

export interface Child extends AsyncDisposable {
  /** Resolves with the port it serves on. Rejects, with what it printed, if it ends before. */
  readonly port: Promise<number>;
  /** Asks it and waits for the answer. Rejects if the process ends before. */
  ask<T extends z.ZodType>(name: string, shape: T, given?: unknown): Promise<z.output<T>>;
  /** Processor time used so far, in µs, that of the kernel for it included. */
  cpuMicros(): Promise<number>;
  /** Resolves when the URL answers with a success. Rejects if the process ends before. */
  answers(url: string): Promise<void>;
}

export interface ChildOptions {
  readonly name: string;
  /** The compiled program, and the compiled probe that is loaded before it. */
  readonly program: string;
  readonly probe: string;
  /** All of its environment beside `PATH`. */
  readonly env?: Readonly<Record<string, string>>;
  /** Further flags of node. */
  readonly flags?: readonly string[];
  /** Where what it prints is kept: a file, since a pipe would cost its reader time. */
  readonly folder: string;
  /** Folder for a profile of the process, written when it ends; absent: none is made. */
  readonly profileFolder?: string | undefined;
}

const pollMs = 50;
const patienceMs = 5_000;

async function isAnswering(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).ok;
  } catch {
    return false;
  }
}

/** Starts a program with plain node. */
export function startChild(options: ChildOptions): Child {
  const fileName = options.name.replaceAll(/\W+/g, "-");
  const printedTo = join(options.folder, `${fileName}.log`);
  const out = openSync(printedTo, "w");
  const { profileFolder } = options;
  const profiling =
    profileFolder === undefined
      ? []
      : ["--cpu-prof", `--cpu-prof-dir=${profileFolder}`, `--cpu-prof-name=${fileName}.cpuprofile`];
  const child = fork(options.program, {
    execArgv: [...(options.flags ?? []), "--import", options.probe, ...profiling],
    env: { PATH: process.env["PATH"] ?? "", ...options.env },
    stdio: ["ignore", out, out, "ipc"],
    // JSON has no NaN, which is the median of nothing.
    serialization: "advanced",
  });
  const ended = once(child, "exit");
  const death = ended.then(() => {
    const printed = readFileSync(printedTo, "utf8").slice(-2_000);
    throw new Error(`${options.name} ended; it printed last:\n${printed}`);
  });
  // Whoever waits for the process hears of it; that it ends when it is disposed of is nobody's failure.
  death.catch(() => {});

  const answers = new Map<number, (value: unknown) => void>();
  let lastId = 0;
  const told = new Promise<number>((resolve) => {
    child.on("message", (message) => {
      const served = serving.safeParse(message);
      if (served.success) resolve(served.data.port);
      const answered = answer.safeParse(message);
      if (!answered.success) return;
      answers.get(answered.data.id)?.(answered.data.answer);
      answers.delete(answered.data.id);
    });
  });

  const port = Promise.race([told, death]);
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
      while (!(await isAnswering(url))) {
        await Promise.race([new Promise((resolve) => setTimeout(resolve, pollMs)), death]);
      }
    },
    async [Symbol.asyncDispose]() {
      // It ends by itself when nobody listens, and writes its profile if it makes one.
      if (child.connected) child.disconnect();
      const impatient = setTimeout(() => child.kill("SIGKILL"), patienceMs);
      await ended;
      clearTimeout(impatient);
    },
  };
}
