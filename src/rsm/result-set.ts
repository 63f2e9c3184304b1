import xml, { type Element } from "@xmpp/xml";
import { childElements } from "../xml/element.js";
import { show } from "../xml/jid.js";
import { toText } from "../xml/text.js";

/** Result set management (XEP-0059). */
export const NS_RSM = "http://jabber.org/protocol/rsm";

/** Which part of a list is asked for (XEP-0059 §2). */
export interface PageRequest {
  /** How many items at the most; 0 asks for the count alone. */
  readonly max?: number | undefined;
  /** The UID of the item before the page. */
  readonly after?: string | undefined;
  /** The UID of the item behind the page; the empty text asks for the last page. */
  readonly before?: string | undefined;
  /** The place of the page's first item in the list, from 0 on. */
  readonly index?: number | undefined;
}

/** What an answer says of the page that it is (XEP-0059 §2). */
export interface ResultSet {
  /** The UID of the page's first item. */
  readonly first?: string | undefined;
  /** The place of that item in the list, from 0 on. */
  readonly index?: number | undefined;
  /** The UID of the page's last item. */
  readonly last?: string | undefined;
  /** How many items the list has, which may be a guess. */
  readonly count?: number | undefined;
}

/** A page that a caller asks for, checked. @throws TypeError and RangeError when there can be none such */
export function toPageRequest({ max, after, before, index }: PageRequest): PageRequest {
  return {
    max: max === undefined ? undefined : toCount(max, "max"),
    after: after === undefined ? undefined : toText(after, "after"),
    before: before === undefined ? undefined : toText(before, "before"),
    index: index === undefined ? undefined : toCount(index, "index"),
  };
}

/** The `<set/>` that asks for a page. @throws TypeError and RangeError like {@link toPageRequest} */
export function pageRequestElement(page: PageRequest): Element {
  const { max, after, before, index } = toPageRequest(page);
  const set = xml("set", { xmlns: NS_RSM });
  if (max !== undefined) set.append(xml("max", {}, String(max)));
  if (after !== undefined) set.append(xml("after", {}, after));
  if (before !== undefined) set.append(xml("before", {}, ...(before === "" ? [] : [before])));
  if (index !== undefined) set.append(xml("index", {}, String(index)));
  return set;
}

/** The page that a `<query/>` asks for; undefined where it asks for no page. @throws RangeError when its numbers are none */
export function parsePageRequest(query: Element): PageRequest | undefined {
  const set = query.getChild("set", NS_RSM);
  if (set === undefined) return undefined;
  const { max, after, before, index } = texts(set);
  return {
    max: max === undefined ? undefined : parseNumber(max, "max"),
    after,
    before,
    index: index === undefined ? undefined : parseNumber(index, "index"),
  };
}

/** The `<set/>` that tells which page an answer is. */
export function resultSetElement({ first, index, last, count }: ResultSet): Element {
  const set = xml("set", { xmlns: NS_RSM });
  if (first !== undefined)
    set.append(xml("first", { index: index === undefined ? undefined : String(index) }, first));
  if (last !== undefined) set.append(xml("last", {}, last));
  if (count !== undefined) set.append(xml("count", {}, String(count)));
  return set;
}

/** What a `<query/>` says of the page that it is; undefined where the peer knows no pages. Numbers that are none are left out. */
export function parseResultSet(query: Element): ResultSet | undefined {
  const set = query.getChild("set", NS_RSM);
  if (set === undefined) return undefined;
  const { first, last, count } = texts(set);
  return {
    first,
    index: lenientNumber(set.getChild("first")?.attrs.index),
    last,
    count: lenientNumber(count),
  };
}

/** The texts of a `<set/>`'s children, as they are: UIDs are opaque. */
function texts(set: Element): Record<string, string | undefined> {
  return Object.fromEntries(childElements(set).map((child) => [child.getName(), child.getText()]));
}

function parseNumber(text: string, what: string): number {
  if (!/^\s*\d+\s*$/.test(text))
    throw new RangeError(`${what} is a whole number from 0 on, not ${show(text)}`);
  // So that it is one that can be counted with.
  return Math.min(Number(text), Number.MAX_SAFE_INTEGER);
}

function lenientNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\s*\d{1,15}\s*$/.test(text) ? Number(text) : undefined;
}

function toCount(value: number, what: string): number {
  if (!Number.isInteger(value) || value < 0) {
    throw new RangeError(`${what} is a whole number from 0 on, not ${show(value)}`);
  }
  return value;
}
