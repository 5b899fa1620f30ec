/** The two measured processes of a bench, the gateway and its floor, and what they need. */
import { AsyncDisposables } from "../../src/platform/disposable-stack.ts";
import { startArrangement } from "../arrangements.ts";
import { startChild, startProgram, type Child } from "../child.ts";
import { compile } from "../compiled.ts";
import type { CommandOptions } from "./command.ts";

/** A measured process. */
export interface Side {
  readonly name: "floor" | "gateway";
  readonly process: Child;
  readonly port: number;
}

/** The processes of a bench. Disposal ends them. */
export interface Sides extends AsyncDisposable {
  readonly both: readonly Side[];
  /** Starts a further process of the floor and resolves to its port. */
  startFloor(name: string): Promise<number>;
  /** Starts a program that makes calls. It runs on this process' node. */
  startLoad(program: string): Promise<Child>;
}

/** Compiles and starts everything. `floor` is the program of the floor. */
export async function startSides(
  floor: string,
  { node, profileFolder }: Pick<CommandOptions<string>, "node" | "profileFolder">,
  settings: Readonly<Record<string, string>>,
): Promise<Sides> {
  await using started = new AsyncDisposables();
  const compiled = started.add(await compile());
  const probe = "lean/probe";
  const start = (name: string): Child => startProgram(compiled, name);
  const upstream = started.add(start("upstream"));
  const upstreamUrl = `http://127.0.0.1:${await upstream.port}`;
  const gateway = await startArrangement("gateway", {
    compiled,
    upstreamUrl,
    // These benches record no traces.
    collectorUrl: upstreamUrl,
    load: upstream,
    profileFolder,
    node,
    probe,
    settings,
  });
  started.add(gateway.measured);
  const startFloor = (name: string): Child =>
    startChild({
      name,
      program: compiled.program(floor),
      probe: compiled.program(probe),
      env: { KP_SERVICE_URL: upstreamUrl },
      folder: compiled.folder,
      node: node.path,
      profileFolder,
    });
  const floorProcess = started.add(startFloor("floor"));
  const both: readonly Side[] = [
    { name: "floor", process: floorProcess, port: await floorProcess.port },
    { name: "gateway", process: gateway.measured, port: gateway.port },
  ];
  const running = started.move();
  return {
    both,
    startFloor: (name) => running.add(startFloor(name)).port,
    async startLoad(program) {
      const child = running.add(start(program));
      // A question that comes before the program has been loaded would get no answer.
      await child.port;
      return child;
    },
    [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
  };
}
