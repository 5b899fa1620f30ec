/**
 * Parses `subjectaltname` as Node prints it: `URI:spiffe://a/b, DNS:c`. Node prints a value that
 * contains a comma, a quote or a control character as a JSON string, so that a crafted name does
 * not look like two. Splitting at every comma would defeat that.
 */
const entry = /(?:^|(?!^), )([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^",]*)(?=, |$)/y;

/** The values of all URI names, in order; `undefined` if the text has another format. */
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
