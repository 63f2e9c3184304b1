import { Element } from "@xmpp/xml";
import { MalformedResponse } from "../iq/errors.js";
import { show } from "../xml/jid.js";
import type { DiscoInfo } from "./info.js";
import type { DiscoItems } from "./items.js";

/** What an answer may have at the most; one that has more is a {@link MalformedResponse}, and is not cached. */
export interface AnswerLimits {
  /** How many identities. @default 1000 */
  readonly identities: number;
  /** How many features. @default 10000 */
  readonly features: number;
  /** How many forms. @default 100 */
  readonly forms: number;
  /** How many fields and values all of its forms have together. @default 10000 */
  readonly fields: number;
  /** How many items, all pages of `queryItems` together, or one page of `iterItems`. @default 100000 */
  readonly items: number;
  /** How many bytes of UTF-8 a name, a feature, a value or another text has. @default 1048576 */
  readonly textBytes: number;
  /** How many levels of elements with something in them there are below the `<query/>`. @default 50 */
  readonly depth: number;
}

const DEFAULTS: AnswerLimits = Object.freeze({
  identities: 1_000,
  features: 10_000,
  forms: 100,
  fields: 10_000,
  items: 100_000,
  textBytes: 1_048_576,
  depth: 50,
});

/** All limits, where a caller gave some. @throws TypeError · RangeError */
export function toLimits(limits: Partial<AnswerLimits> = {}): AnswerLimits {
  if (typeof limits !== "object" || limits === null) {
    throw new TypeError(`limits are numbers by name, not ${show(limits)}`);
  }
  const all: Record<string, number> = { ...DEFAULTS };
  for (const [name, limit] of Object.entries(limits)) {
    if (!(name in DEFAULTS)) {
      throw new TypeError(`there is no limit ${show(name)}: they are ${Object.keys(DEFAULTS).join(", ")}`);
    }
    if (limit === undefined) continue;
    if (typeof limit !== "number" || !(limit >= 0)) {
      throw new RangeError(`the limit ${name} is a number from 0 to Infinity, not ${show(limit)}`);
    }
    all[name] = limit;
  }
  return Object.freeze(all as unknown as AnswerLimits);
}

/** @throws MalformedResponse when the answer has more than the limits allow */
export function checkInfo(info: DiscoInfo, limits: AnswerLimits, element: Element): DiscoInfo {
  const { identities, features, forms } = info;
  check("identities", identities.length, limits, element);
  check("features", features.length, limits, element);
  check("forms", forms.length, limits, element);
  for (const { category, type, lang, name } of identities) {
    checkTexts([category, type, lang, name], limits, element);
  }
  checkTexts(features, limits, element);
  let fields = 0;
  for (const form of forms) {
    checkTexts([form.type, form.formType], limits, element);
    for (const { var: name, type, label, values } of form.fields) {
      fields += 1 + values.length;
      checkTexts([name, type, label], limits, element);
      checkTexts(values, limits, element);
    }
  }
  check("fields", fields, limits, element);
  checkDepth(element, limits);
  return info;
}

/** @throws MalformedResponse when the answer has more than the limits allow */
export function checkItems(items: DiscoItems, limits: AnswerLimits, element: Element): DiscoItems {
  check("items", items.items.length, limits, element);
  // A JID has its own limit. https://www.rfc-editor.org/rfc/rfc7622#section-3.1
  for (const { node, name } of items.items) checkTexts([node, name], limits, element);
  checkDepth(element, limits);
  return items;
}

function check(
  limit: "identities" | "features" | "forms" | "fields" | "items",
  count: number,
  limits: AnswerLimits,
  element: Element,
): void {
  if (count <= limits[limit]) return;
  throw exceeded(`${count} ${limit}`, limit, limits, element);
}

function checkTexts(texts: readonly (string | undefined)[], limits: AnswerLimits, element: Element): void {
  const { textBytes } = limits;
  for (const text of texts) {
    // No UTF-16 code unit takes more than three bytes.
    if (text === undefined || text.length * 3 <= textBytes) continue;
    const bytes = new TextEncoder().encode(text).length;
    if (bytes > textBytes) throw exceeded(`a text of ${bytes} bytes`, "textBytes", limits, element);
  }
}

function checkDepth(answer: Element, limits: AnswerLimits): void {
  let level: Element[] = [answer];
  // The <query/> is in an <iq/>.
  for (let depth = -1; level.length > 0; depth += 1) {
    if (depth > limits.depth) {
      throw exceeded(`elements more than ${limits.depth} deep`, "depth", limits, answer);
    }
    const below: Element[] = [];
    for (const { children } of level) {
      // Most have nothing in them, and are not gone into.
      for (const child of children) {
        if (child instanceof Element && child.children.length > 0) below.push(child);
      }
    }
    level = below;
  }
}

function exceeded(
  what: string,
  limit: keyof AnswerLimits,
  limits: AnswerLimits,
  element: Element,
): MalformedResponse {
  return new MalformedResponse(
    `the answer has ${what}; DiscoClient takes ${limits[limit]} (limits.${limit})`,
    element,
  );
}
