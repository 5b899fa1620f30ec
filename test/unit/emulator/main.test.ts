import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";

test("the emulator program prints how to use it, and ends on SIGTERM", async () => {
  const child = spawn(process.execPath, ["--import", "tsx", "src/emulator/main.ts"], {
    env: { ...process.env, EMULATOR_PORT: "0" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    let text = "";
    for await (const chunk of child.stdout) {
      text += String(chunk);
      if (text.includes("/emulator\n")) break;
    }
    const [, url = ""] = /^ {2}KP_SERVICE_URL=(\S+)$/m.exec(text) ?? [];
    const [, apikey = ""] = /^ {2}IBMCLOUD_API_KEY=(\S+)$/m.exec(text) ?? [];
    const form = { grant_type: "urn:ibm:params:oauth:grant-type:apikey", apikey };
    const answer = await fetch(`${url}/identity/token`, {
      method: "POST",
      body: new URLSearchParams(form),
    });
    expect(answer.status).toBe(200);
    const exited = once(child, "exit");
    child.kill("SIGTERM");
    expect(await exited).toEqual([0, null]);
  } finally {
    child.kill("SIGKILL");
  }
});

test("the emulator program exits with 78 if EMULATOR_PORT is invalid", async () => {
  const child = spawn(process.execPath, ["--import", "tsx", "src/emulator/main.ts"], {
    env: { ...process.env, EMULATOR_PORT: "http" },
    stdio: "ignore",
  });
  expect(await once(child, "exit")).toEqual([78, null]);
});
