/** Resources in the order they were got, disposed of in the reverse order. Node 20 has no `AsyncDisposableStack`. */
export class AsyncDisposables implements AsyncDisposable {
  #resources: AsyncDisposable[] = [];

  /** Takes over a resource and gives it back for use. */
  add<T extends AsyncDisposable>(resource: T): T {
    this.#resources.push(resource);
    return resource;
  }

  /** Hands everything over to a new owner; this one has nothing to dispose of any more. */
  move(): AsyncDisposables {
    const moved = new AsyncDisposables();
    moved.#resources = this.#resources;
    this.#resources = [];
    return moved;
  }

  /** Disposes of everything, each once, the newest first. All are tried; the first failure is thrown at the end. */
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
