/**
 * The tables of streams that Node keeps for each HTTP/2 session, in private fields. Node has a
 * `Map` and a `Set`. V8 replaces the memory of such a table after some additions, and the memory
 * that it replaced refers to the new one. If replaced memory reaches the old generation, all that
 * came after it is kept, with the streams in it, until the next major garbage collection. The
 * tables here hold the open streams and nothing else
 * (docs/decisions/0041-what-an-ended-call-keeps.md).
 */
import { types } from "node:util";
import { holdsObject } from "../grpc-js.ts";

const { isMap, isSet } = types;

/** Releases of Node whose use of the tables is known. Others keep their own tables. */
const knownReleases = /^(?:20|22|24)\./;

/** A map from stream IDs. Its entries are in ascending order of the IDs. */
export class StreamMap<T> extends Map<number, T> {
  readonly #streams: Record<number, T> = Object.create(null);
  #size = 0;

  override get size(): number {
    return this.#size;
  }

  override get(id: number): T | undefined {
    return this.#streams[id];
  }

  override has(id: number): boolean {
    return id in this.#streams;
  }

  override set(id: number, stream: T): this {
    if (!this.has(id)) this.#size += 1;
    this.#streams[id] = stream;
    return this;
  }

  override delete(id: number): boolean {
    if (!this.has(id)) return false;
    this.#size -= 1;
    return Reflect.deleteProperty(this.#streams, id);
  }

  override clear(): void {
    for (const id of this.keys()) this.delete(id);
  }

  override *entries(): MapIterator<[number, T]> {
    for (const [id, stream] of Object.entries(this.#streams)) yield [Number(id), stream];
  }

  override *keys(): MapIterator<number> {
    for (const [id] of this.entries()) yield id;
  }

  override *values(): MapIterator<T> {
    for (const [, stream] of this.entries()) yield stream;
  }

  override [Symbol.iterator](): MapIterator<[number, T]> {
    return this.entries();
  }

  override forEach(visit: (stream: T, id: number, map: Map<number, T>) => void): void {
    for (const [id, stream] of this.entries()) visit(stream, id, this);
  }
}

/** A set of streams without an ID. A server has at most one, while it creates it. */
export class StreamSet<T> extends Set<T> {
  readonly #streams: T[] = [];

  override get size(): number {
    return this.#streams.length;
  }

  override has(stream: T): boolean {
    return this.#streams.includes(stream);
  }

  override add(stream: T): this {
    if (!this.has(stream)) this.#streams.push(stream);
    return this;
  }

  override delete(stream: T): boolean {
    const at = this.#streams.indexOf(stream);
    if (at >= 0) this.#streams.splice(at, 1);
    return at >= 0;
  }

  override clear(): void {
    this.#streams.length = 0;
  }

  override *values(): SetIterator<T> {
    yield* this.#streams.slice();
  }

  override keys(): SetIterator<T> {
    return this.values();
  }

  override *entries(): SetIterator<[T, T]> {
    for (const stream of this.values()) yield [stream, stream];
  }

  override [Symbol.iterator](): SetIterator<T> {
    return this.values();
  }

  override forEach(visit: (stream: T, same: T, set: Set<T>) => void): void {
    for (const stream of this.values()) visit(stream, stream, this);
  }
}

/**
 * Replaces the tables of a session that has no streams yet. Returns whether it did: a release of
 * Node may have others, and then its own remain.
 */
export function replaceStreamTables(session: object, release = process.versions.node): boolean {
  if (!knownReleases.test(release)) return false;
  const field = Object.getOwnPropertySymbols(session).find(
    ({ description }) => description === "state",
  );
  const state: unknown = field && Reflect.get(session, field);
  if (!holdsObject(state)) return false;
  const streams: unknown = Reflect.get(state, "streams");
  const pending: unknown = Reflect.get(state, "pendingStreams");
  // Those of Node have a prototype of their own, so they are no instances of `Map` and `Set`.
  if (!isMap(streams) || !isSet(pending)) return false;
  if (streams.size > 0 || pending.size > 0) return false;
  Reflect.set(state, "streams", new StreamMap());
  Reflect.set(state, "pendingStreams", new StreamSet());
  return true;
}
