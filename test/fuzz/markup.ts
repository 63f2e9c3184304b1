import { Element, Parser } from "@xmpp/xml";

/**
 * The element that a text is, as xmpp.js reads it out of a stream; undefined where it is none.
 *
 * Nobody can send what is none: the stream ends there.
 */
export function readElement(text: string): Element | undefined {
  const parser = new Parser();
  let first: Element | undefined;
  let isBroken = false;
  parser.on("element", (element: Element) => {
    first ??= element;
  });
  parser.on("error", () => {
    isBroken = true;
  });
  try {
    parser.write(`<stream xmlns="jabber:client">${text}`);
  } catch {
    return undefined;
  }
  return isBroken ? undefined : first;
}

/** An element that was written, and read again. */
export function reread(element: Element): Element | undefined {
  return readElement(element.toString());
}

/** Elements below an element, and itself, in order; not by recursion, which is too deep for some. */
export function allElements(root: Element): Element[] {
  const all = [root];
  for (let at = 0; at < all.length; at++) {
    for (const child of all[at]?.children ?? []) if (child instanceof Element) all.push(child);
  }
  return all;
}
