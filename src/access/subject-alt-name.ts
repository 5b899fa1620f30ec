/**
 * Takes the URI names out of `subjectaltname` as Node prints it: `URI:spiffe://a/b, DNS:c`. Node writes a value that holds
 * a comma, quote or control character as a JSON string, so that a crafted name cannot pass for two; splitting at every
 * comma would undo that.
 */
const entry = /(?:^|(?!^), )([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^",]*)(?=, |$)/y;

/** The values of all URI names, in order; `undefined` if the text is not as Node writes it. */
export function uriNames(subjectAltName: string): readonly string[] | undefined {
  const uris: string[] = [];
  entry.lastIndex = 0;
  while (entry.lastIndex < subjectAltName.length) {
    const match = entry.exec(subjectAltName);
    if (match === null) return undefined;
    if (match[1] === "URI") uris.push(match[2] ?? "");
  }
  return uris;
}
