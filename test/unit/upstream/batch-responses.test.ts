import { expect, test } from "vitest";
import { createBatchResponses } from "../../../src/upstream/batch-responses.ts";
import type { Settle, UpstreamResponse } from "../../../src/upstream/layer.ts";
import { openRequest } from "./requests.ts";
import { nextTurn } from "../../support/next-turn.ts";

const answerOf = (status: number): UpstreamResponse => ({
  status,
  headers: {},
  body: Buffer.alloc(0),
});

/** The layer before an upstream, where the test ends exchanges and turns of the event loop. */
function batchBefore() {
  const turns: (() => void)[] = [];
  const asked: Settle<UpstreamResponse>[] = [];
  const settled: unknown[] = [];
  const gather = createBatchResponses((callback) => void turns.push(callback));
  const send = gather(() => new Promise((resolve, reject) => void asked.push({ resolve, reject })));
  const tell = async (): Promise<void> => {
    try {
      settled.push((await send(openRequest())).status);
    } catch (error) {
      settled.push(error);
    }
  };
  return { turns, asked, settled, send: () => void tell() };
}

test("responses of one turn are delivered at its end, in the order in which they came", async () => {
  const { turns, asked, settled, send } = batchBefore();
  for (let count = 0; count < 3; count++) send();
  asked[2]?.resolve(answerOf(202));
  asked[0]?.resolve(answerOf(200));
  await nextTurn();
  expect(settled).toEqual([]);
  expect(turns).toHaveLength(1);
  turns[0]?.();
  await nextTurn();
  expect(settled).toEqual([202, 200]);
  asked[1]?.resolve(answerOf(201));
  await nextTurn();
  expect(turns).toHaveLength(2);
  turns[1]?.();
  await nextTurn();
  expect(settled).toEqual([202, 200, 201]);
});

test("a failure is delivered at once", async () => {
  const { turns, asked, settled, send } = batchBefore();
  send();
  const error = new Error("broken");
  asked[0]?.reject(error);
  await nextTurn();
  expect(settled).toEqual([error]);
  expect(turns).toEqual([]);
});
