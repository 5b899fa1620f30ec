/** The identities that may call the emulated service. */
import type { Role } from "./api/operations.ts";

/** A user, or the identity of a trusted profile. */
export interface Identity {
  /**
   * IAM subject, such as `IBMid-270000ABCD` or `iam-Profile-…`. Dual authorization compares
   * subjects.
   */
  readonly subject: string;
  readonly roles: readonly Role[];
  /** IDs of the instances that the user can reach. Default: all. */
  readonly instanceIds?: readonly string[];
  /**
   * IDs of the key rings that the user can reach. The user then has to name one of them in every
   * request that concerns keys, as an IAM policy for a ring demands. Default: all.
   */
  readonly keyRingIds?: readonly string[];
}

/** An identity with an API key. */
export interface User extends Identity {
  readonly apiKey: string;
}

const ladder: readonly Role[] = ["Reader", "ReaderPlus", "Writer", "Manager"];

/** Tells whether a user's roles include `role`. */
export function hasRole(user: Identity, role: Role): boolean {
  if (role === "KeyPurge") return user.roles.includes("KeyPurge");
  if (role === "KmipAdapterManager" && user.roles.includes(role)) return true;
  if (role === "KmipAdapterManager") return user.roles.includes("Manager");
  const needed = ladder.indexOf(role);
  return user.roles.some((held) => ladder.indexOf(held) >= needed);
}
