/**
 * Disposes of resources in reverse order. A substitute for `AsyncDisposableStack`, which Node 20
 * lacks.
 */
export class AsyncDisposables implements AsyncDisposable {
  #resources: AsyncDisposable[] = [];

  /** Adds a resource and returns it. */
  add<T extends AsyncDisposable>(resource: T): T {
    this.#resources.push(resource);
    return resource;
  }

  /** Moves all resources to a new stack and leaves this one empty. */
  move(): AsyncDisposables {
    const moved = new AsyncDisposables();
    moved.#resources = this.#resources;
    this.#resources = [];
    return moved;
  }

  /**
   * Disposes of every resource once, the newest first. A failure does not stop the others; the
   * first one is thrown at the end.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    const resources = this.#resources;
    this.#resources = [];
    const failures: unknown[] = [];
    for (const resource of resources.toReversed()) {
      try {
        await resource[Symbol.asyncDispose]();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}
