import { pino } from "pino";
import { expect, test } from "vitest";
import { watchReadiness } from "../../../src/gateway/readiness.ts";

test("readiness is not ready with the reason draining from the drain on", () => {
  const readiness = watchReadiness({
    tokens: new Map(),
    logger: pino({ level: "silent" }),
    onReady: () => undefined,
  });
  expect([readiness.isDraining, readiness.current()]).toEqual([
    false,
    { isReady: true, reasons: [] },
  ]);

  readiness.drain();

  expect([readiness.isDraining, readiness.current()]).toEqual([
    true,
    { isReady: false, reasons: ["draining"] },
  ]);
});
