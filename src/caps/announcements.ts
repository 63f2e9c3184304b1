import { Element } from "@xmpp/xml";
import { LRUCache } from "lru-cache";
import { bareJid } from "../xml/jid.js";
import { copied, detached } from "../xml/keep.js";
import { type AnnouncedHash, type CapsAlgorithm, findCaps, isAvailable } from "./algorithm.js";

/** One hash that can be verified and shared, and by which algorithm. */
export interface Capability extends AnnouncedHash {
  readonly caps: CapsAlgorithm;
  readonly key: string;
}

/** What an entity announces. */
export interface Announcement {
  /** Equal for those who announce the same; undefined where it is too long to be kept, and like no other. */
  readonly text: string | undefined;
  /** What can be verified and shared, the best first. */
  readonly capabilities: readonly Capability[];
}

/** How many different announcements are kept to be recognized. */
const MAX_KINDS = 1_000;

/** How long an announcement may be: ten hashes by XEP-0390 are shorter. */
const MAX_LENGTH = 2_048;

/**
 * Who announces what, bounded.
 *
 * Those who were asked for are apart from those who merely announced: a flood of strangers displaces strangers.
 */
export class Announcements {
  readonly #algorithms: readonly CapsAlgorithm[];
  /** One object for all who announce the same. */
  readonly #kinds = new LRUCache<string, Announcement>({ max: MAX_KINDS });
  readonly #asked: LRUCache<string, Announcement>;
  readonly #unasked: LRUCache<string, Announcement>;
  /** Who is known of an account; made when it is asked for first, which few ever do. */
  #byAccount: Map<string, Set<string>> | undefined;

  /** @param algorithms in order of preference */
  constructor(algorithms: readonly CapsAlgorithm[], maxJids: number) {
    this.#algorithms = algorithms;
    const options = {
      max: maxJids,
      dispose: (_announcement: Announcement, jid: string, reason: LRUCache.DisposeReason) => {
        if (reason !== "set") this.#unlist(jid);
      },
    };
    this.#asked = new LRUCache(options);
    this.#unasked = new LRUCache(options);
  }

  /** How many entities are known. */
  get size(): number {
    return this.#asked.size + this.#unasked.size;
  }

  /** What an available presence or a `<stream:features/>` announces; undefined where it has no `<c/>`. */
  read(element: Element, isSupported: (algorithm: CapsAlgorithm) => boolean): Announcement | undefined {
    if (!isAvailable(element)) return undefined;
    const supported = this.#algorithms.filter(isSupported);
    const elements = supported.flatMap((caps) => findCaps(element, caps.xmlns) ?? []);
    if (elements.length === 0) return undefined;
    const text = textOf(elements);
    if (text.length > MAX_LENGTH) return { text: undefined, capabilities: [] };
    const known = this.#kinds.get(text);
    if (known !== undefined) return known;
    const capabilities = supported.flatMap((caps) =>
      (caps.announced(element) ?? []).flatMap((hash) => {
        const { key, ...rest } = detached(hash);
        return key === undefined ? [] : { ...rest, key, caps };
      }),
    );
    const kept = copied(text);
    const announcement: Announcement = { text: kept, capabilities };
    this.#kinds.set(kept, announcement);
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
    this.#asked.set(copied(jid), announcement);
    this.#list(jid);
    return announcement;
  }

  /** Sets what an entity announces; returns whether that is new. */
  set(jid: string, announcement: Announcement): boolean {
    const asked = this.#asked.peek(jid);
    const known = asked === undefined ? this.#unasked : this.#asked;
    const before = asked ?? known.peek(jid);
    const isNew = before?.text === undefined || before.text !== announcement.text;
    known.set(before === undefined ? copied(jid) : jid, isNew ? announcement : before);
    if (before === undefined) this.#list(jid);
    return isNew;
  }

  /** Forgets an entity; returns whether it was known. */
  delete(jid: string): boolean {
    return this.#asked.delete(jid) || this.#unasked.delete(jid);
  }

  /** The known entities of an account. */
  resourcesOf(bare: string): string[] {
    if (this.#byAccount === undefined) {
      this.#byAccount = new Map();
      for (const known of [this.#asked, this.#unasked]) for (const jid of known.keys()) this.#list(jid);
    }
    return [...(this.#byAccount.get(bare) ?? [])];
  }

  #list(jid: string): void {
    if (this.#byAccount === undefined || !jid.includes("/")) return;
    const bare = bareJid(jid);
    const resources = this.#byAccount.get(bare);
    if (resources !== undefined) resources.add(copied(jid));
    else this.#byAccount.set(copied(bare), new Set([copied(jid)]));
  }

  #unlist(jid: string): void {
    const bare = bareJid(jid);
    const resources = this.#byAccount?.get(bare);
    if (resources?.delete(jid) && resources.size === 0) this.#byAccount?.delete(bare);
  }

  /** Those who announce one of these hashes, from those who matter most on. */
  *announcersOf(keys: ReadonlySet<string>): Iterable<readonly [jid: string, announcement: Announcement]> {
    for (const known of [this.#asked, this.#unasked]) {
      for (const entry of known.entries()) {
        if (entry[1].capabilities.some(({ key }) => keys.has(key))) yield entry;
      }
    }
  }

  clear(): void {
    this.#byAccount = undefined;
    this.#asked.clear();
    this.#unasked.clear();
  }
}

function textOf(elements: readonly Element[]): string {
  const [only] = elements;
  // Most often it is one of XEP-0115 that says no more than it has to.
  if (elements.length === 1 && only?.name === "c" && only.children.length === 0) {
    const { hash, ver, node, xmlns, ...rest } = only.attrs as Record<string, string | undefined>;
    // No text that came in XML has the separator in it, and the other way to write it begins with a bracket.
    if (Object.keys(rest).length === 0) return `${hash}\0${ver}\0${node}\0${xmlns}`;
  }
  return JSON.stringify(elements.map(contentOf));
}

/** What a `<c/>` says. What lies deeper means nothing, and might be too deep for recursion. */
function contentOf(caps: Element): unknown {
  return [
    caps.attrs,
    caps.children.map((child) =>
      child instanceof Element ? [child.name, child.attrs, child.getText()] : child,
    ),
  ];
}
