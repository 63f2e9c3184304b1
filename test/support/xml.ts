import { type Element, Parser } from "@xmpp/xml";

/** The element that a text is, as xmpp.js reads it from a stream. @throws Error when it is not one element */
export function parse(text: string): Element {
  const parser = new Parser();
  let root: Element | undefined;
  let ended = false;
  parser.on("start", (element: Element) => {
    root = element;
  });
  // The parser has a stream's root in view, whose children it does not append.
  parser.on("element", (element: Element) => root?.append(element));
  parser.on("end", () => {
    ended = true;
  });
  parser.on("error", (error: Error) => {
    throw error;
  });
  parser.write(text);
  if (root === undefined || !ended) throw new Error(`not an element: ${text.slice(0, 80)}`);
  return root;
}
