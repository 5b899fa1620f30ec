/**
 * Generation of Key Protect's REST API that an instance is called in: `2019` (`?action=…`,
 * `/lockers`) or `current` (`/actions/…`, `/import_token`).
 */
export type ApiDialect = "2019" | "current";
