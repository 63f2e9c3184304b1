import { type Element, Parser } from "@xmpp/xml";
import fc from "fast-check";
import type { DiscoNode } from "../../../src/index.ts";

/** The element as a client gets it: read from the text of a stream, whose language may be given. */
export function fromWire(text: string, lang?: string): Element {
  const parser = new Parser();
  const elements: Element[] = [];
  parser.on("element", (element: Element) => elements.push(element));
  parser.on("error", (error: Error) => {
    throw error;
  });
  const attribute = lang === undefined ? "" : ` xml:lang="${lang}"`;
  parser.write(
    `<stream:stream xmlns="jabber:client" xmlns:stream="http://etherx.jabber.org/streams"${attribute}>`,
  );
  parser.write(text);
  const [element] = elements;
  if (element === undefined) throw new Error(`no element in ${text}`);
  return element;
}

/** An element as its receiver gets it: written and read again. */
export function overTheWire(element: Element): Element {
  return fromWire(element.toString());
}

/** A value of plain data as it comes back from a file. */
export function throughFile(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

// https://www.w3.org/TR/xml/#charsets
const isXmlCharacter = (code: number) =>
  (code >= 0x20 && code <= 0xd7ff) || (code >= 0xe000 && code <= 0xfffd) || code >= 0x10000;

const character = fc.oneof(
  fc.constantFrom("&", "<", ">", '"', "'", "]]>", "&amp;", "&#60;", " ", "\t", "\n", "é", "語", "😀", "𐍈"),
  fc.integer({ min: 0x20, max: 0x10ffff }).filter(isXmlCharacter).map(String.fromCodePoint),
);

/** Any text that XML can carry, the empty one included. */
export const anyText = fc.string({ unit: character, maxLength: 12 });

/** Any text that XML can carry and is not empty. */
export const someText = fc.string({ unit: character, minLength: 1, maxLength: 12 });

/** An attribute's value, or none. */
export const maybeText = fc.option(anyText, { nil: undefined });

/** Checks that a statement is true of many values, the same ones in every run. */
export function forAny<T>(values: fc.Arbitrary<T>, check: (value: T) => void): void {
  fc.assert(fc.property(values, check), { seed: 30, numRuns: 300 });
}

/** The value and all that it consists of; elements are left out, which are mutable by nature. */
export function partsOf(value: unknown): object[] {
  if (typeof value !== "object" || value === null || "getChild" in value) return [];
  return [value, ...Object.values(value).flatMap(partsOf)];
}

/** What of the value can be changed. */
export function mutablePartsOf(value: unknown): object[] {
  return partsOf(value).filter((part) => !Object.isFrozen(part));
}

/** The changes that a node tells from now on. */
export function changesOf(node: DiscoNode): string[] {
  const changes: string[] = [];
  node.on("infoChanged", () => changes.push("info"));
  node.on("itemsChanged", () => changes.push("items"));
  return changes;
}
