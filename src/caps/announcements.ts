import type { Element } from "@xmpp/xml";
import { LRUCache } from "lru-cache";
import { bareJid } from "../xml/jid.js";
import type { AnnouncedHash, CapsAlgorithm } from "./algorithm.js";
import { findCaps, isAvailable } from "./algorithm.js";

/** One hash that can be verified and shared, and by which algorithm. */
export interface Capability extends AnnouncedHash {
  readonly caps: CapsAlgorithm;
  readonly key: string;
}

/** What an entity announces; one object for all who announce the same. */
export interface Announcement {
  /** What can be verified and shared, the best first. */
  readonly capabilities: readonly Capability[];
}

/** How many different announcements are kept to be recognized. */
const MAX_KINDS = 1_000;

/**
 * Who announces what, bounded.
 *
 * Those who were asked for are apart from those who merely announced: a flood of strangers displaces strangers.
 */
export class Announcements {
  readonly #algorithms: readonly CapsAlgorithm[];
  readonly #kinds = new LRUCache<string, Announcement>({ max: MAX_KINDS });
  readonly #asked: LRUCache<string, Announcement>;
  readonly #unasked: LRUCache<string, Announcement>;

  /** @param algorithms in order of preference */
  constructor(algorithms: readonly CapsAlgorithm[], maxJids: number) {
    this.#algorithms = algorithms;
    this.#asked = new LRUCache({ max: maxJids });
    this.#unasked = new LRUCache({ max: maxJids });
  }

  /** How many entities are known. */
  get size(): number {
    return this.#asked.size + this.#unasked.size;
  }

  /** What an available presence or a `<stream:features/>` announces; undefined where it has no `<c/>` of use. */
  read(element: Element, isSupported: (algorithm: CapsAlgorithm) => boolean): Announcement | undefined {
    if (!isAvailable(element)) return undefined;
    const elements: { readonly caps: CapsAlgorithm; readonly text: string }[] = [];
    for (const caps of this.#algorithms) {
      const found = isSupported(caps) ? findCaps(element, caps.xmlns) : undefined;
      if (found !== undefined) elements.push({ caps, text: found.toString() });
    }
    if (elements.length === 0) return undefined;
    const kind = elements.map(({ text }) => text).join("");
    const known = this.#kinds.get(kind);
    if (known !== undefined) return known;
    const announced = elements.map(({ caps }) => caps.announced(element)?.map((hash) => ({ ...hash, caps })));
    if (announced.every((hashes) => hashes === undefined)) return undefined;
    const capabilities = announced
      .flatMap((hashes) => hashes ?? [])
      .filter((hash): hash is Capability => hash.key !== undefined);
    const announcement: Announcement = { capabilities };
    this.#kinds.set(kind, announcement);
    return announcement;
  }

  /** What an entity announces, as far as it is known. */
  get(jid: string): Announcement | undefined {
    return this.#asked.peek(jid) ?? this.#unasked.peek(jid);
  }

  /** Like {@link get}, for somebody who asks for the entity: it is kept with those who matter. */
  use(jid: string): Announcement | undefined {
    const asked = this.#asked.get(jid);
    if (asked !== undefined) return asked;
    const announcement = this.#unasked.peek(jid);
    if (announcement === undefined) return undefined;
    this.#unasked.delete(jid);
    this.#asked.set(jid, announcement);
    return announcement;
  }

  /** Sets what an entity announces; returns whether that is new. */
  set(jid: string, announcement: Announcement): boolean {
    const before = this.get(jid);
    (this.#asked.has(jid) ? this.#asked : this.#unasked).set(jid, announcement);
    return before !== announcement;
  }

  /** Forgets an entity; returns whether it was known. */
  delete(jid: string): boolean {
    return this.#asked.delete(jid) || this.#unasked.delete(jid);
  }

  /** The known entities of an account. */
  resourcesOf(bare: string): string[] {
    return [...this.#asked.keys(), ...this.#unasked.keys()].filter(
      (jid) => jid !== bare && bareJid(jid) === bare,
    );
  }

  /** Those who announce a hash, from those who matter most on. */
  *announcersOf(key: string): Iterable<string> {
    for (const known of [this.#asked, this.#unasked]) {
      for (const [jid, announcement] of known.entries()) {
        if (announces(announcement, key)) yield jid;
      }
    }
  }

  clear(): void {
    this.#asked.clear();
    this.#unasked.clear();
  }
}

/** Whether a hash is among those announced. */
export function announces(announcement: Announcement | undefined, key: string): boolean {
  return announcement?.capabilities.some((capability) => capability.key === key) ?? false;
}
