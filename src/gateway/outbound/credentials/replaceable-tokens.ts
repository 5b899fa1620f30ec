/** A token source whose credential can be replaced by another one while calls use it. */
import type { ManagedTokenSource, TokenState } from "../../../iam/token.ts";

/** A token source that stands for the present one of several. */
export interface ReplaceableTokens extends ManagedTokenSource {
  /** The source of the present credential. */
  readonly present: ManagedTokenSource;
  /** Whether calls get, or may still get, their tokens from this source. */
  uses(source: ManagedTokenSource): boolean;
  /**
   * Replaces the source. Until the new one has its first token, calls get theirs from the former
   * one as long as that has a usable token, so that a refused credential ends no call.
   */
  replace(next: ManagedTokenSource): void;
}

const isUsable = ({ phase }: TokenState): boolean => phase === "fresh" || phase === "due";

/** Creates a source that stands for `first` until it is replaced. */
export function createReplaceableTokens(first: ManagedTokenSource): ReplaceableTokens {
  let present = first;
  /** The source before the present one, while the present one has not had a token. */
  let former: ManagedTokenSource | undefined;

  /** The source that serves calls now. */
  const serving = (): ManagedTokenSource => {
    if (former === undefined) return present;
    if (present.state().phase !== "none") former = undefined;
    else if (isUsable(former.state())) return former;
    return present;
  };

  return {
    get present() {
      return present;
    },
    uses: (source) => serving() === source || present === source,
    replace(next) {
      const before = serving();
      former = next === before ? undefined : before;
      present = next;
    },
    get: (call) => serving().get(call),
    renew: (call, generation) => serving().renew(call, generation),
    ready: (timeoutMs) => present.ready(timeoutMs),
    state() {
      const { failure, authType, credentialUsedAt } = present.state();
      // The age and phase of the token that calls get; the rest is about the present credential.
      return { ...serving().state(), authType, credentialUsedAt, failure };
    },
    credentialReplaced: () => present.credentialReplaced(),
    close() {
      present.close();
      former?.close();
    },
  };
}
