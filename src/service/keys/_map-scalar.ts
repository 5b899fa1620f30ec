/** Values as messages can carry them: one that cannot be encoded would fail the call after it succeeded. */

/** An `int32`; 0 for an absent number or one that is not an `int32`. */
export const toInt32 = (value: number | undefined): number =>
  value !== undefined && (value | 0) === value ? value : 0;

/** A time; `undefined` for an absent or invalid one. */
export const toTime = (value: Date | undefined): Date | undefined =>
  value === undefined || Number.isNaN(value.getTime()) ? undefined : value;
