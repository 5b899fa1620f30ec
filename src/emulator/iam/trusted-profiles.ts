/** The trusted profiles of the emulator, and the tokens of compute resources that they accept. */
import type { Identity } from "../user.ts";

/** An identity that compute resources and other identities can take. */
export interface TrustedProfile extends Identity {
  /** For example `Profile-8dd84246-7df4-4667-94e4-8cede51d5ac5`. */
  readonly id: string;
  readonly name: string;
  readonly crn: string;
  readonly accountId: string;
  /** Whether the metadata service issues tokens of this profile. The first one is the default. */
  readonly isLinkedToServer: boolean;
  /** Texts of compute-resource tokens that are accepted from the start. */
  readonly crTokens: readonly string[];
  /** Subjects that may assume the profile. Default: all. */
  readonly assumableBy?: readonly string[];
}

/** Names of a profile in a request. All given ones have to be those of one profile. */
export interface ProfileQuery {
  readonly id?: string | undefined;
  readonly name?: string | undefined;
  readonly crn?: string | undefined;
  readonly accountId?: string | undefined;
}

/** The profiles of an emulator. */
export interface TrustedProfiles {
  readonly list: readonly TrustedProfile[];
  /** The profile that all given names belong to. */
  find(query: ProfileQuery): TrustedProfile | undefined;
  /** Whether the text is a compute-resource token at all. */
  isCrToken(text: string): boolean;
  /** Whether a compute-resource token is accepted for a profile. */
  accepts(text: string, profile: TrustedProfile): boolean;
  /** Accepts a compute-resource token for a profile from now on. Default: the first profile. */
  linkCrToken(text: string, profileId?: string): void;
  /** Accepts a token no more, as after its end. */
  unlinkCrToken(text: string): void;
  /** Returns to the tokens of the start. */
  reset(): void;
}

/** Creates the store of profiles. */
export function createTrustedProfiles(list: readonly TrustedProfile[]): TrustedProfiles {
  const profileIds = new Map<string, Set<string>>();
  const link = (text: string, id: string): void => {
    profileIds.set(text, (profileIds.get(text) ?? new Set()).add(id));
  };
  const reset = (): void => {
    profileIds.clear();
    for (const { id, crTokens } of list) for (const text of crTokens) link(text, id);
  };
  reset();
  return {
    list,
    find: (query) =>
      list.find((profile) =>
        (["id", "name", "crn", "accountId"] as const).every(
          (name) => query[name] === undefined || query[name] === profile[name],
        ),
      ),
    isCrToken: (text) => profileIds.has(text),
    accepts: (text, { id }) => profileIds.get(text)?.has(id) === true,
    linkCrToken: (text, profileId = list[0]?.id ?? "") => link(text, profileId),
    unlinkCrToken: (text) => void profileIds.delete(text),
    reset,
  };
}
