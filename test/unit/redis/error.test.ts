import { inspect } from "node:util";
import { expect, test } from "vitest";
import { RedisError, replyWordOf, toRedisError } from "../../../src/redis/error.ts";

const failure = (code: string): Error => Object.assign(new Error(`connect ${code}`), { code });

test.each([
  [new Error("Command timed out"), "TIMEOUT", true, undefined],
  [new Error("Ready check failed: Command timed out"), "TIMEOUT", true, undefined],
  [new Error("WRONGPASS invalid username-password pair"), "REFUSED", false, "WRONGPASS"],
  [new Error("Ready check failed: NOAUTH Authentication required."), "REFUSED", false, "NOAUTH"],
  [new Error("NOPERM no permissions"), "REFUSED", true, "NOPERM"],
  [
    new Error("ERR The user executing the script can't run this command script: 1, on @user:1."),
    "REFUSED",
    true,
    "NOPERM",
  ],
  [
    new Error("ERR Error running script: The user executing the script can't access the keys"),
    "REFUSED",
    true,
    "NOPERM",
  ],
  [new Error("LOADING Redis is loading"), "NOT_SERVING", false, "LOADING"],
  [new Error("OOM command not allowed"), "NOT_SERVING", true, "OOM"],
  [new Error("ERR Error running script"), "FAILED", true, "ERR"],
  [failure("ECONNREFUSED"), "UNREACHABLE", true, "ECONNREFUSED"],
  [failure("DEPTH_ZERO_SELF_SIGNED_CERT"), "TLS", true, "DEPTH_ZERO_SELF_SIGNED_CERT"],
  [new Error("Connection is closed."), "UNREACHABLE", true, undefined],
  [
    new Error("Stream isn't writeable and enableOfflineQueue options is false"),
    "UNREACHABLE",
    false,
    undefined,
  ],
  ["thrown text", "FAILED", true, undefined],
])("toRedisError converts %s to %s", (thrown, code, sent, reason) => {
  expect(toRedisError(thrown)).toMatchObject({ code, sent, reason });
});

test("a RedisError contains neither the arguments of a command nor the text of the reply", () => {
  const command = { name: "auth", args: ["gateway", "hidden"] };
  const thrown = Object.assign(new Error("WRONGPASS for hidden"), { command });
  expect(inspect(toRedisError(thrown), { showHidden: true, depth: 9 })).not.toContain("hidden");
});

test("a text that is not an error code of Redis is not kept as the reason", () => {
  expect(replyWordOf(new Error("HIDDENPASSWORDTHATISLONG refused"))).toBeUndefined();
  expect(replyWordOf(new Error("Hidden refused"))).toBeUndefined();
  expect(replyWordOf("NOSCRIPT")).toBeUndefined();
  expect(replyWordOf(new Error("NOSCRIPT No matching script."))).toBe("NOSCRIPT");
});

test("toRedisError returns a RedisError as it is", () => {
  const error = new RedisError("TIMEOUT", true);
  expect(toRedisError(error)).toBe(error);
});
