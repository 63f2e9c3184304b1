import { IqError } from "../iq/errors.js";
import type { PageRequest, ResultSet } from "../rsm/result-set.js";
import { show } from "../xml/jid.js";
import type { Item } from "./items.js";
import type { MaybeAsyncIterable } from "./node.js";

/** A part of a list of items. */
export interface ItemPage {
  readonly items: readonly Item[];
  /** The place of the first one in the list, from 0 on. */
  readonly index: number;
  /** How many items the list has. */
  readonly count: number;
}

/** What is asked for, complete: at most so many items, from one of the starts. */
export interface PageStart extends PageRequest {
  readonly max: number;
}

/** The UID of an item within its list (XEP-0059): as long as the item is there, it leads to it. */
export function uidOf({ jid, node }: Item): string {
  // No JID has the separator in it.
  return node === undefined ? jid : `${jid}\n${node}`;
}

/** What an answer says of a page. */
export function toResultSet({ items, index, count }: ItemPage): ResultSet {
  const first = items[0];
  const last = items.at(-1);
  if (first === undefined || last === undefined) return { count };
  return { first: uidOf(first), index, last: uidOf(last), count };
}

/** "If there is no item whose UID matches that in the Result Set Request's <after/> or <before/> element, or if the page doesn't exist". */
export function noSuchPage(): IqError {
  return new IqError("item-not-found", { text: "there is no such page" });
}

/**
 * How many bytes the items of an answer may have: Prosody ends the stream of a client that sends a stanza of more than
 * 256 KiB, and of a component at 512 KiB.
 */
const MAX_BYTES = 192 * 1024;

/** What an item needs besides its JID, node and name. */
const ITEM_BYTES = "<item jid='' node='' name=''/>".length;

/** As much of a page as fits into a stanza, one item at least: its end where it was asked for backwards. */
export function fitPage(page: ItemPage, isBackwards: boolean): ItemPage {
  const { items, index, count } = page;
  let bytes = 0;
  let fitting = 0;
  while (fitting < items.length) {
    const item = items[isBackwards ? items.length - 1 - fitting : fitting] as Item;
    bytes += ITEM_BYTES + bytesOf(item.jid) + bytesOf(item.node) + bytesOf(item.name);
    if (bytes > MAX_BYTES && fitting > 0) break;
    fitting += 1;
  }
  if (fitting === items.length) return page;
  const surplus = items.length - fitting;
  return isBackwards
    ? { items: items.slice(surplus), index: index + surplus, count }
    : { items: items.slice(0, fitting), index, count };
}

/** How long an attribute is in UTF-8, its characters escaped where they have to be. */
function bytesOf(text = ""): number {
  let bytes = 0;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    // A surrogate is half of four bytes; `&quot;` and the like are six.
    if (unit > 0x7f) bytes += unit > 0x7ff && (unit < 0xd800 || unit > 0xdfff) ? 3 : 2;
    else bytes += ESCAPED.has(unit) ? 6 : 1;
  }
  return bytes;
}

/** `"&'<>` and what an attribute has to have as a character reference. */
const ESCAPED = new Set([0x22, 0x26, 0x27, 0x3c, 0x3e, 0x09, 0x0a, 0x0d]);

/** Cuts a page out of a list whose places by UID are known. */
export function slicePage(
  list: readonly Item[],
  placeOf: (uid: string) => number | undefined,
  { max, after, before, index = 0 }: PageStart,
): ItemPage {
  const count = list.length;
  const place = (uid: string): number => {
    const found = placeOf(uid);
    if (found === undefined) throw noSuchPage();
    return found;
  };
  if (after !== undefined) return part(list, place(after) + 1, max);
  if (before !== undefined) {
    const end = before === "" ? count : place(before);
    const start = Math.max(0, end - max);
    return part(list, start, end - start);
  }
  if (index > 0 && index >= count) throw noSuchPage();
  return part(list, index, max);
}

function part(list: readonly Item[], index: number, length: number): ItemPage {
  return { items: list.slice(index, index + length), index, count: list.length };
}

/**
 * Cuts a page out of a list as it comes by: the list is gone through once, and never held.
 *
 * @throws TypeError when it is no list
 */
export function cutPage(list: MaybeAsyncIterable<Item>, start: PageStart): ItemPage | Promise<ItemPage> {
  if (typeof list === "object" && list !== null) {
    if (Symbol.iterator in list) {
      const cutter = new Cutter(start);
      for (const item of list) cutter.add(item);
      return cutter.page();
    }
    if (Symbol.asyncIterator in list || "then" in list) return cutOverTime(list, start);
  }
  throw new TypeError(`a list of items is an iterable, not ${show(list)}`);
}

async function cutOverTime(
  list: AsyncIterable<Item> | Promise<Iterable<Item>>,
  start: PageStart,
): Promise<ItemPage> {
  if (!(Symbol.asyncIterator in list)) return cutPage(await list, start);
  const cutter = new Cutter(start);
  for await (const item of list) cutter.add(item);
  return cutter.page();
}

class Cutter {
  readonly #start: PageStart;
  #items: Item[] = [];
  #index = 0;
  #count = 0;
  /** Whether the item that the page is behind or before has come by. */
  #isFound = false;

  constructor(start: PageStart) {
    this.#start = start;
  }

  add(item: Item): void {
    const { max, after, before, index } = this.#start;
    if (after !== undefined) {
      if (this.#isFound) this.#take(item);
      else this.#isFound = uidOf(item) === after;
    } else if (before !== undefined) {
      this.#isFound ||= before !== "" && uidOf(item) === before;
      if (!this.#isFound) this.#items.push(item);
    } else if (index === undefined || this.#count >= index) {
      this.#take(item);
    }
    this.#count += 1;
    // Of what comes before, the last is wanted. Not at each item, since that moves all of them.
    if (this.#items.length > 2 * max) this.#trim();
  }

  #take(item: Item): void {
    if (this.#items.length >= this.#start.max) return;
    if (this.#items.length === 0) this.#index = this.#count;
    this.#items.push(item);
  }

  #trim(): void {
    const surplus = this.#items.length - this.#start.max;
    if (surplus <= 0) return;
    this.#items = this.#items.slice(surplus);
    this.#index += surplus;
  }

  page(): ItemPage {
    const { after, before, index = 0 } = this.#start;
    if ((after !== undefined || (before !== undefined && before !== "")) && !this.#isFound)
      throw noSuchPage();
    if (after === undefined && before === undefined && index > 0 && index >= this.#count) throw noSuchPage();
    if (before !== undefined && after === undefined) this.#trim();
    return { items: this.#items, index: this.#index, count: this.#count };
  }
}
