/** What the gateway asks of Redis: scripts, and nothing else, so that each change there is one atomic step. */

/** A Lua script that runs inside Redis. */
export interface LuaScript {
  readonly source: string;
  /** SHA-1 of the source in hexadecimal digits. Default: worked out at the first use. */
  readonly sha?: string | undefined;
}

/** A connection to Redis. No call ever waits for a connection: without one it fails at once. */
export interface RedisCommands {
  /**
   * Runs a script and gives its reply. The connection's prefix is put in front of every key. Rejects with a `RedisError`, after 400 ms at
   * the latest; whether the script has run then says its `sent`.
   */
  eval(
    script: LuaScript,
    keys: readonly string[],
    args: readonly (string | number)[],
  ): Promise<unknown>;
  /** Whether there is a connection on which Redis has answered. That it still does shows the next command only. */
  readonly isReady: boolean;
  /** Gives the connection up for good. What is under way rejects. */
  close(): Promise<void>;
}
