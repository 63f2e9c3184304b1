import { type DiscoClient, type DiscoInfo, type Item, SessionLost } from "xmpp-disco";
import { describeFeature } from "../../../src/cli/features.ts";
import { visibleText } from "./text.ts";

/** Where an answer came from. */
export type Source = "cache" | "caps" | "network" | "aliased";

export const SOURCES: readonly Source[] = ["cache", "caps", "network", "aliased"];

/** A question, and how it went. */
export interface Question {
  readonly kind: "info" | "items";
  readonly thing: Thing;
  readonly source: Source;
  /** When it was asked, in milliseconds since the start of the page. */
  readonly at: number;
  /** How long the answer took; undefined while it is open. */
  duration: number | undefined;
  failed: boolean;
}

/** A question that failed and has not been answered since. */
export interface Failure {
  readonly kind: "info" | "items";
  readonly thing: Thing;
  readonly error: Error;
  readonly when: Date;
  readonly attempts: number;
}

/** Where the answer to a question stands. */
export type State = "unasked" | "asking" | "known" | "failed";

/** An entity, or a node of one, and what is known of it. */
export class Thing {
  readonly id: number;
  readonly key: string;
  readonly jid: string;
  readonly node: string | undefined;
  /** The name it was listed under. */
  listedAs: string | undefined;
  state: State = "unasked";
  info: DiscoInfo | undefined;
  error: Error | undefined;
  source: Source | undefined;
  itemsState: State = "unasked";
  itemsError: Error | undefined;
  /** How many items there are in all, as far as it has said. */
  count: number | undefined;
  readonly items: Thing[] = [];
  /** Whether there may be more items than those. */
  hasMore = true;
  /** Goes up with every change. */
  version = 0;
  pages: AsyncIterator<readonly Item[]> | undefined;
  readonly seen = new Set<string>();
  #searchText: { readonly version: number; readonly text: string } | undefined;

  constructor(id: number, jid: string, node: string | undefined) {
    this.id = id;
    this.key = keyOf(jid, node);
    this.jid = jid;
    this.node = node;
  }

  /** What it is called: a peer's text. */
  get title(): string {
    return this.listedAs || this.info?.name(navigator.language) || this.node || this.jid;
  }

  /** The category of its first identity. */
  get category(): string | undefined {
    return this.info?.identities[0]?.category;
  }

  /** All that a search looks at, in lower case. */
  get searchText(): string {
    if (this.#searchText?.version !== this.version) {
      const parts = [this.jid, this.node, this.listedAs];
      for (const { category, type, name } of this.info?.identities ?? [])
        parts.push(`${category}/${type}`, name);
      const text = parts
        .filter((part) => part !== undefined)
        .map((part) => part.slice(0, 2_000))
        .join("\n");
      this.#searchText = { version: this.version, text: `${text}\n${visibleText(text)}`.toLowerCase() };
    }
    return this.#searchText?.text ?? "";
  }
}

function keyOf(jid: string, node: string | undefined): string {
  return node === undefined ? jid : `${jid}\0${node}`;
}

/** How many items are asked for at a time. */
export const PAGE_SIZE = 100;
/** Of how many services of a server the kind is asked without being told to. */
const LOOK_INTO = 30;
/** How many questions are remembered one by one. */
const MAX_LOG = 5_000;
/** How many questions of one job are open at once. */
const CONCURRENCY = 8;

/** All that was found, and how. */
export class Model {
  readonly disco: DiscoClient;
  readonly things = new Map<string, Thing>();
  readonly roots: Thing[] = [];
  readonly failures = new Map<string, Failure>();
  readonly log: Question[] = [];
  readonly totals: Record<Source, number> = { cache: 0, caps: 0, network: 0, aliased: 0 };
  /** Goes up with every question and every answer. */
  logVersion = 0;
  readonly #changed: () => void;
  #nextId = 1;

  constructor(disco: DiscoClient, changed: () => void) {
    this.disco = disco;
    this.#changed = changed;
    // Also what comes after its caller gave up.
    disco.on("info", (jid, node, info) => {
      const thing = this.things.get(keyOf(jid, node));
      if (thing === undefined || thing.state === "known") return;
      this.#learn(thing, info);
    });
  }

  /** The one thing of a JID and node. */
  thing(jid: string, node?: string): Thing {
    const key = keyOf(jid, node);
    let thing = this.things.get(key);
    if (thing === undefined) {
      thing = new Thing(this.#nextId, jid, node);
      this.#nextId += 1;
      this.things.set(key, thing);
    }
    return thing;
  }

  /** Puts something at the top of the tree. */
  addRoot(thing: Thing): void {
    if (this.roots.includes(thing)) return;
    this.roots.push(thing);
    this.#changed();
  }

  /** Asks what something is; what is known comes from the cache. */
  async ask(thing: Thing, options: { readonly again?: boolean } = {}): Promise<void> {
    const { again = false } = options;
    if (thing.state !== "known") thing.state = "asking";
    this.#touch(thing);
    const { question, answer } = this.#watched("info", thing, () =>
      this.disco.queryInfo(thing.jid, { node: thing.node, requireFresh: again }),
    );
    try {
      const info = await answer;
      thing.source = question.source;
      this.#learn(thing, info);
    } catch (error) {
      thing.state = "failed";
      thing.error = error as Error;
      this.#fail("info", thing, error as Error);
    }
    this.#touch(thing);
  }

  /** Asks for the next page of items. */
  async askItems(thing: Thing): Promise<void> {
    if (thing.itemsState === "asking" || (!thing.hasMore && thing.itemsState === "known")) return;
    const isFirst = thing.pages === undefined;
    thing.itemsState = "asking";
    this.#touch(thing);
    const { pages, list } = this.#pagesOf(thing);
    const { answer } = this.#watched("items", thing, () => pages.next());
    try {
      const { done, value } = await answer;
      thing.count = list?.count ?? thing.count;
      for (const item of value ?? []) this.#addItem(thing, item);
      thing.hasMore = !done && (thing.count === undefined || thing.items.length < thing.count);
      if (!done && (value?.length ?? 0) === 0) thing.hasMore = false;
      thing.itemsState = "known";
      thing.itemsError = undefined;
      this.failures.delete(`items ${thing.key}`);
      if (isFirst && isServer(thing)) void this.askAll(thing.items.slice(0, LOOK_INTO));
    } catch (error) {
      thing.pages = undefined;
      thing.itemsState = "failed";
      thing.itemsError = error as Error;
      this.#fail("items", thing, error as Error);
    }
    this.#touch(thing);
  }

  /** Forgets what items something had, and asks again. */
  async askItemsAgain(thing: Thing): Promise<void> {
    thing.pages = undefined;
    thing.items.length = 0;
    thing.seen.clear();
    thing.hasMore = true;
    thing.count = undefined;
    thing.itemsState = "unasked";
    await this.askItems(thing);
  }

  /** Asks for all items that are left. */
  async askAllItems(thing: Thing, signal: AbortSignal): Promise<void> {
    while (thing.hasMore && thing.itemsState !== "failed" && !signal.aborted) await this.askItems(thing);
  }

  /** Asks what many things are, some at a time. */
  async askAll(
    things: readonly Thing[],
    options: { readonly signal?: AbortSignal; readonly onProgress?: (done: number) => void } = {},
  ): Promise<void> {
    const left = things.filter((thing) => thing.state === "unasked");
    let done = 0;
    const work = async () => {
      for (let thing = left.pop(); thing !== undefined && !options.signal?.aborted; thing = left.pop()) {
        await this.ask(thing);
        done += 1;
        options.onProgress?.(done);
      }
    };
    left.reverse();
    await Promise.all(Array.from({ length: CONCURRENCY }, work));
  }

  /** Asks again what failed. */
  async retry({ kind, thing }: Pick<Failure, "kind" | "thing">): Promise<void> {
    await (kind === "info" ? this.ask(thing, { again: true }) : this.askItemsAgain(thing));
  }

  /** The features that were found, with how many things have each. */
  features(): Map<string, number> {
    const found = new Map<string, number>();
    for (const { info } of this.things.values()) {
      for (const feature of new Set(info?.features)) found.set(feature, (found.get(feature) ?? 0) + 1);
    }
    return found;
  }

  /** What was found that has these words in it and a feature like this. */
  search(text: string, feature: string): Thing[] {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = feature.trim().toLowerCase();
    const matching = new Map<string, boolean>();
    const matches = (name: string) => {
      let is = matching.get(name);
      if (is === undefined) {
        is = matchesFeature(name, wanted);
        matching.set(name, is);
      }
      return is;
    };
    return [...this.things.values()].filter(
      (thing) =>
        words.every((word) => thing.searchText.includes(word)) &&
        (wanted === "" || (thing.info?.features.some(matches) ?? false)),
    );
  }

  #learn(thing: Thing, info: DiscoInfo): void {
    thing.info = info;
    thing.state = "known";
    thing.error = undefined;
    this.failures.delete(`info ${thing.key}`);
    this.#touch(thing);
  }

  #addItem(thing: Thing, { jid, node, name }: Item): void {
    const child = this.thing(jid, node);
    // Lists change while they are paged through.
    if (thing.seen.has(child.key)) return;
    thing.seen.add(child.key);
    if (name !== undefined && name !== "") {
      child.listedAs = name;
      child.version += 1;
    }
    thing.items.push(child);
  }

  #pagesOf(thing: Thing) {
    const known = LISTS.get(thing);
    if (thing.pages !== undefined) return { pages: thing.pages, list: known };
    const list = this.disco.iterItems(thing.jid, { node: thing.node, pageSize: PAGE_SIZE });
    LISTS.set(thing, list);
    thing.pages = list.pages();
    return { pages: thing.pages, list };
  }

  /** Finds out where the answer to a question comes from: what the counters did while it was asked tells. */
  #watched<T>(
    kind: Question["kind"],
    thing: Thing,
    start: () => Promise<T>,
  ): { question: Question; answer: Promise<T> } {
    const before = this.disco.stats;
    const promise = start();
    const after = this.disco.stats;
    let source: Source = "network";
    if (kind === "info") {
      if (after.primed > before.primed) source = "caps";
      else if (after.hits > before.hits) source = "cache";
      else if (after.aliased > before.aliased) source = "aliased";
    }
    const question: Question = {
      kind,
      thing,
      source,
      at: performance.now(),
      duration: undefined,
      failed: false,
    };
    this.totals[source] += 1;
    this.log.push(question);
    if (this.log.length > MAX_LOG) this.log.splice(0, MAX_LOG / 10);
    this.logVersion += 1;
    this.#changed();
    const settle = (failed: boolean) => {
      question.duration = performance.now() - question.at;
      question.failed = failed;
      this.logVersion += 1;
    };
    const answer = promise.then(
      (value) => {
        settle(false);
        return value;
      },
      (error: unknown) => {
        settle(true);
        throw error;
      },
    );
    return { question, answer };
  }

  #fail(kind: Failure["kind"], thing: Thing, error: Error): void {
    const key = `${kind} ${thing.key}`;
    const attempts = (this.failures.get(key)?.attempts ?? 0) + 1;
    // The latest is the first to be seen.
    this.failures.delete(key);
    if (error instanceof SessionLost && this.failures.size > 1_000) return;
    this.failures.set(key, { kind, thing, error, when: new Date(), attempts });
  }

  #touch(thing: Thing): void {
    thing.version += 1;
    this.#changed();
  }
}

const LISTS = new WeakMap<Thing, ReturnType<DiscoClient["iterItems"]>>();

/** Whether a feature is meant by what somebody typed: a part of its name, or the document it belongs to. */
function matchesFeature(name: string, wanted: string): boolean {
  if (name.toLowerCase().includes(wanted)) return true;
  const described = describeFeature(name);
  if (described === undefined) return false;
  return `${described.document} ${described.title}`.toLowerCase().includes(wanted);
}

function isServer(thing: Thing): boolean {
  return thing.node === undefined && !/[@/]/.test(thing.jid);
}
