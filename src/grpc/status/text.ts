/** Control characters and unpaired surrogates. */
const unfit = /[\p{Cc}\p{Cs}]/u;
const everyUnfit = /[\p{Cc}\p{Cs}]/gu;

const ellipsis = "…";
const ellipsisBytes = 3;

/**
 * Converts a text for use in a status: well-formed Unicode without control characters, at most
 * `maxBytes` of UTF-8, truncated between characters with an ellipsis. grpc-js passes the status
 * text to `encodeURI`, which throws for an unpaired surrogate where the error cannot be caught;
 * the protobuf encoder would write it as an invalid character.
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
