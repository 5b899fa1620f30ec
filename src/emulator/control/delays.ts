/** Real waiting that ends early when the emulator closes, so that no timer outlives it. */
export interface Pauses {
  pause(ms: number): Promise<void>;
  /** Ends every pause now and makes later ones end at once. */
  release(): void;
}

/** Creates the pauses of one emulator. */
export function createPauses(): Pauses {
  const pending = new Set<() => void>();
  let isReleased = false;
  return {
    pause: (ms) =>
      new Promise((resolve) => {
        if (isReleased) {
          resolve();
          return;
        }
        const finish = (): void => {
          clearTimeout(timeout);
          pending.delete(finish);
          resolve();
        };
        const timeout = setTimeout(finish, ms);
        pending.add(finish);
      }),
    release() {
      isReleased = true;
      for (const finish of pending) finish();
    },
  };
}
