import { expect, test } from "vitest";
import { silenceHandshake } from "../../../src/redis/quiet-library.ts";

type Answer = (error: unknown, reply?: unknown) => void;

/** A client whose commands answer by callback, and by the promise that ioredis returns as well. */
function client(error: Error | null) {
  const asked: unknown[] = [];
  const reply = (command: string) => (args: unknown, answer?: Answer) => {
    asked.push(command);
    const callback = typeof args === "function" ? args : answer;
    if (callback !== undefined) Reflect.apply(callback, undefined, [error, "text"]);
    return Promise.resolve("promised");
  };
  const lines: string[] = [];
  const redis = { auth: reply("auth"), info: reply("info") };
  silenceHandshake(redis, (line) => void lines.push(line));
  const answers: unknown[][] = [];
  const answer: Answer = (...given) => void answers.push(given);
  return { redis, asked, lines, answers, answer };
}

test.each([
  [
    "auth",
    "ERR AUTH <password> called without any password configured for the default user",
    "Redis accepts its default user without a password",
  ],
  [
    "auth",
    "ERR Client sent AUTH, but no password is set",
    "Redis accepts its default user without a password",
  ],
  [
    "info",
    "NOPERM this user has no permissions to run the 'info' command",
    "the Redis user has no permission for INFO (NOPERM)",
  ],
] as const)(
  "the error of %s that ioredis would print becomes a note: %s",
  (command, text, line) => {
    const { redis, lines, answers, answer } = client(new Error(text));
    void (command === "auth" ? redis.auth(["user", "hidden"], answer) : redis.info(answer));
    expect(answers).toEqual([[null, {}]]);
    expect(lines).toEqual([line]);
  },
);

test("the error of a Redis that knows no users is passed on in other words, so that the connection fails", () => {
  const { redis, lines, answers, answer } = client(
    new Error("ERR wrong number of arguments for 'auth' command"),
  );
  void redis.auth(["user", "hidden"], answer);
  expect(answers).toEqual([[new Error("ERR no users"), "text"]]);
  expect(lines).toEqual([]);
});

test.each([null, new Error("WRONGPASS invalid"), new Error("LOADING")])(
  "the answer %s of the handshake is passed on as it is",
  (error) => {
    const { redis, lines, answers, answer } = client(error);
    void redis.auth("hidden", answer);
    void redis.info(answer);
    expect(answers).toEqual([
      [error, "text"],
      [error, "text"],
    ]);
    expect(lines).toEqual([]);
  },
);

test("a command without a callback returns its promise", async () => {
  const { redis, asked } = client(null);
  expect(await redis.info(undefined)).toBe("promised");
  expect(asked).toEqual(["info"]);
});
