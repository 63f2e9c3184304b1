import { MalformedResponse } from "../iq/errors.js";
import { parseResultSet, type ResultSet } from "../rsm/result-set.js";
import { type DiscoItems, gathered, type Item } from "./items.js";
import type { QueryOptions } from "./lookup.js";

/** How a list of items is gone through. */
export interface PageOptions extends Omit<QueryOptions, "requireFresh" | "noCache"> {
  /** How many items are asked for at a time; 0 asks for their count alone, and gives no item. @default 100 */
  readonly pageSize?: number | undefined;
  /** Starts behind the item of this UID (XEP-0059). */
  readonly after?: string | undefined;
  /** Starts at this place of the list, from 0 on, where the peer can do that. */
  readonly index?: number | undefined;
  /** Starts with the last page; the order within a page stays. */
  readonly backwards?: boolean | undefined;
}

/** Where a page begins. */
export interface PageStart {
  readonly max: number;
  readonly after?: string | undefined;
  readonly before?: string | undefined;
  readonly index?: number | undefined;
}

/** Asks for a page; for all, where the peer is known to have no pages. */
export type AskPage = (start: PageStart) => Promise<DiscoItems>;

/**
 * The items of an entity, asked for page by page as they are iterated (XEP-0059).
 *
 * Nothing is sent before the first item is asked for, and no more than what is iterated. A failure is thrown where
 * it happens, after the items before it. Nothing is cached.
 */
export class ItemPages implements AsyncIterable<Item> {
  readonly #ask: AskPage;
  readonly #options: PageOptions;
  #count: number | undefined;

  /** @internal */
  constructor(ask: AskPage, options: PageOptions) {
    this.#ask = ask;
    this.#options = options;
  }

  /** How many items there are as far as the peer has said, which may be a guess. */
  get count(): number | undefined {
    return this.#count;
  }

  /** The items, one by one. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Item, void, undefined> {
    for await (const page of this.pages()) {
      for (const item of page) {
        this.#options.signal?.throwIfAborted();
        yield item;
      }
    }
  }

  /** The items, a page at a time. */
  async *pages(): AsyncGenerator<readonly Item[], void, undefined> {
    const { pageSize = 100, after, index, backwards } = this.#options;
    const seen = new Set<string>();
    const first: PageStart = { max: pageSize, after, index, before: backwards ? "" : undefined };
    let start: PageStart | undefined = first;
    let useless = 0;
    while (start !== undefined) {
      const { items, element } = await this.#ask(start);
      const set: ResultSet | undefined = element && parseResultSet(element);
      useless = items.length === 0 ? useless + 1 : 0;
      if (useless > MAX_USELESS) {
        throw new MalformedResponse(`${useless} pages in a row have no item with a JID`, element);
      }
      if (set?.count !== undefined) this.#count = set.count;
      else if (set === undefined && start === first) this.#count = items.length;
      const uid = start.before === undefined ? set?.last : set?.first;
      // A peer that runs in circles.
      if (uid !== undefined && seen.has(uid)) return;
      if (uid !== undefined) seen.add(uid);
      if (items.length > 0 && pageSize > 0) yield items;
      // Those that have no proper JID were left out, and count all the same.
      const length = element?.getChildren("item").length ?? items.length;
      start = set === undefined || length === 0 ? undefined : follow(set, length, start);
    }
  }
}

/** How many pages in a row may have no item that is one: with a new UID on each, they would never end. */
const MAX_USELESS = 10;

/** Where the next page begins; undefined where there is none, or no way to it. */
function follow(
  { first, last, index, count }: ResultSet,
  length: number,
  start: PageStart,
): PageStart | undefined {
  const { max, before } = start;
  if (max === 0) return undefined;
  // The numbers alone may be a lie; a page that is not full besides is the last.
  const isShort = length < max;
  if (before !== undefined) {
    return first === undefined || (isShort && index === 0) ? undefined : { max, before: first };
  }
  const isLast = isShort && index !== undefined && index + length === count;
  return last === undefined || isLast ? undefined : { max, after: last };
}

/**
 * The whole of a list whose first page is all that the answer has; undefined where the answer is whole.
 *
 * A peer whose list does not end is no reason to fill the memory: rejects beyond `maxItems`.
 */
export function restOf(first: DiscoItems, ask: AskPage, maxItems: number): Promise<DiscoItems> | undefined {
  const set = first.element && parseResultSet(first.element);
  const length = first.element?.getChildren("item").length ?? 0;
  const isPart = set?.last !== undefined && length > 0 && (set.count === undefined || length < set.count);
  return isPart ? readWhole(first, length, ask, maxItems) : undefined;
}

async function readWhole(
  first: DiscoItems,
  pageSize: number,
  ask: AskPage,
  maxItems: number,
): Promise<DiscoItems> {
  let page: DiscoItems | undefined = first;
  const pages = new ItemPages(
    (start) => {
      const answered = page;
      page = undefined;
      return answered === undefined ? ask(start) : Promise.resolve(answered);
    },
    { pageSize },
  );
  const items: Item[] = [];
  for await (const item of pages) {
    items.push(item);
    if (items.length > maxItems) {
      throw new MalformedResponse(
        `the list has more than ${maxItems} items (limits.items): iterItems reads it in pages`,
      );
    }
  }
  return gathered(first, items);
}
