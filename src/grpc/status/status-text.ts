/** Replaced one by one: control characters, and surrogates that have no partner. */
const unfit = /[\p{Cc}\p{Cs}]/u;
const everyUnfit = /[\p{Cc}\p{Cs}]/gu;

const ellipsis = "…";
const ellipsisBytes = 3;

/**
 * A text made fit for a status: well-formed Unicode without control characters, at most `maxBytes` of UTF-8, cut at a
 * character with an ellipsis. grpc-js passes the status text to `encodeURI`, which throws at a lone surrogate where
 * nobody can catch it; the protobuf encoder would write one as a broken character.
 */
export function statusText(text: string, maxBytes: number): string {
  const fit = unfit.test(text)
    ? text.replace(everyUnfit, (character) => (character <= "\u{9f}" ? " " : "\u{fffd}"))
    : text;
  if (fit.length * 3 <= maxBytes || Buffer.byteLength(fit) <= maxBytes) return fit;
  let bytes = 0;
  let cut = "";
  for (const character of fit) {
    bytes += Buffer.byteLength(character);
    if (bytes + ellipsisBytes > maxBytes) break;
    cut += character;
  }
  return cut + ellipsis;
}
