/** How a trusted profile of IAM is named in a request. */

/** Names of a trusted profile. Which of them a request may have depends on its kind. */
export interface TrustedProfile {
  /** For example `Profile-8dd84246-7df4-4667-94e4-8cede51d5ac5`. */
  readonly id?: string | undefined;
  readonly name?: string | undefined;
  readonly crn?: string | undefined;
  /** The account in which `name` is looked up. */
  readonly accountId?: string | undefined;
}
