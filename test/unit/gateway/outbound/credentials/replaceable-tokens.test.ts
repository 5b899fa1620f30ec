import { expect, test } from "vitest";
import { createReplaceableTokens } from "../../../../../src/gateway/outbound/credentials/replaceable-tokens.ts";
import type { ManagedTokenSource, TokenState } from "../../../../../src/iam/token.ts";
import { Secret } from "../../../../../src/platform/secret.ts";

/** A source in a phase that the test sets. */
function source(name: string, phase: TokenState["phase"] = "none") {
  const state = { phase, failure: undefined as TokenState["failure"], asked: 0, isClosed: false };
  const token = { generation: 1, authorization: new Secret(name) };
  const tokens: ManagedTokenSource = {
    get: () => {
      state.asked += 1;
      return token;
    },
    renew: () => token,
    ready: () => Promise.resolve(state.phase !== "none"),
    state: () => ({
      authType: "iam",
      phase: state.phase,
      generation: 1,
      ageMs: 5,
      failure: state.failure,
      credentialUsedAt: state.phase === "none" ? undefined : 1,
    }),
    credentialReplaced: () => undefined,
    close: () => {
      state.isClosed = true;
    },
  };
  return { tokens, state };
}

const call = { signal: new AbortController().signal };
const nameOf = async (tokens: ManagedTokenSource): Promise<string> =>
  (await tokens.get(call)).authorization.reveal();

test("calls get the former token until the new source has one", async () => {
  const [old, next] = [source("old", "fresh"), source("next")];
  const tokens = createReplaceableTokens(old.tokens);
  tokens.replace(next.tokens);
  expect(await nameOf(tokens)).toBe("old");
  next.state.failure = "REJECTED";
  expect(tokens.state()).toMatchObject({
    phase: "fresh",
    failure: "REJECTED",
    credentialUsedAt: undefined,
  });
  next.state.phase = "fresh";
  expect(await nameOf(tokens)).toBe("next");
  expect(tokens.uses(old.tokens)).toBe(false);
});

test("calls wait for the new source when the former token has ended", async () => {
  const [old, next] = [source("old", "fresh"), source("next")];
  const tokens = createReplaceableTokens(old.tokens);
  tokens.replace(next.tokens);
  old.state.phase = "expired";
  expect(await nameOf(tokens)).toBe("next");
  expect(next.state.asked).toBe(1);
});

test("a source that is replaced twice keeps the one that has a token", async () => {
  const [first, second, third] = [source("first", "due"), source("second"), source("third")];
  const tokens = createReplaceableTokens(first.tokens);
  tokens.replace(second.tokens);
  tokens.replace(third.tokens);
  expect(await nameOf(tokens)).toBe("first");
  expect(tokens.uses(second.tokens)).toBe(false);
  tokens.replace(first.tokens);
  third.state.phase = "fresh";
  expect(await nameOf(tokens)).toBe("first");
});
