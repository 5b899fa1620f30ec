/** Tells all aliases of one Key Protect instance that one of them made a change. */

/** The changes to one instance. */
export interface ChangeFeed {
  /** To be called when a change has ended, with whatever outcome, before its caller is told. */
  changed(): void;
  /** Adds a listener, which `changed` calls synchronously. It must not throw. */
  listen(onChange: () => void): void;
}

/** The feeds by instance ID. Each is created when it is first asked for. */
export interface ChangeFeeds {
  of(instanceId: string): ChangeFeed;
}

/** Creates the feed of one instance. */
export function createChangeFeed(): ChangeFeed {
  const listeners: (() => void)[] = [];
  return {
    changed() {
      for (const onChange of listeners) onChange();
    },
    listen: (onChange) => void listeners.push(onChange),
  };
}

/** Creates an empty set of feeds. IDs that differ in case only are the same instance. */
export function createChangeFeeds(): ChangeFeeds {
  const feeds = new Map<string, ChangeFeed>();
  return {
    of(instanceId) {
      const id = instanceId.toLowerCase();
      const feed = feeds.get(id) ?? createChangeFeed();
      feeds.set(id, feed);
      return feed;
    },
  };
}
