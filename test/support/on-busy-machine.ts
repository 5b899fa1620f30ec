/** Vitest options that the tests of elapsed time share. */

/**
 * For tests that state something about elapsed time, because a shared machine may stop for longer
 * than their margin. The run counts second tries and fails above a budget of them.
 */
export const onBusyMachine = { retry: 2, timeout: 60_000 } as const;
