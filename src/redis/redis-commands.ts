/**
 * The commands that the gateway sends to Redis: scripts, so that every change is one atomic step,
 * and `INFO`.
 */

/** A Lua script that runs inside Redis. */
export interface LuaScript {
  readonly source: string;
  /** SHA-1 of the source in hexadecimal digits. Default: computed at the first use. */
  readonly sha?: string | undefined;
}

/** A connection to Redis. Without a connection a call fails immediately; it never waits for one. */
export interface RedisCommands {
  /**
   * Runs a script and returns its reply. Every key gets the connection's prefix. Rejects with a
   * `RedisError`, after 400 ms at the latest; its `sent` says whether the script may have run.
   */
  eval(
    script: LuaScript,
    keys: readonly string[],
    args: readonly (string | number)[],
  ): Promise<unknown>;
  /** Returns the text of `INFO`. Rejects with a `RedisError`, after 200 ms at the latest. */
  info(): Promise<string>;
  /**
   * Whether a connection is open and Redis has answered on it. Only the next command shows that it
   * still works.
   */
  readonly isReady: boolean;
  /** Whether a connection is open and its latest script, if any, succeeded. For metrics. */
  readonly isWorking: boolean;
  /** Closes the connection for good. Commands under way are rejected. */
  close(): Promise<void>;
}
