/** Something that the operator has to put right: a file, a path. The text is the gateway's own, names it, and may be logged. */
export class SetupError extends Error {
  override readonly name = "SetupError";
}
