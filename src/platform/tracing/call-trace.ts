/**
 * The trace that a call belongs to, as the rooms on its way see it. It is created with the call's
 * context; absent if traces are off, or if the call is not recorded and its caller has no trace.
 */
export interface CallTrace {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits: the span of this call. `undefined`: the call is not recorded. */
  readonly spanId: string | undefined;
  /** An attempt has to wait for its permit. */
  queued(): void;
  /** An attempt got its permit after `waitMs` milliseconds. */
  permitted(waitMs: number): void;
  /** The call joined the request of another one, whose trace is given if it has one. */
  joined(sender: CallTrace | undefined): void;
}
