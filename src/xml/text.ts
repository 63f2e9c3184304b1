import { show } from "./jid.js";

// What the Char production of XML leaves out; a stream that carries one of these is closed by the server.
// https://www.w3.org/TR/xml/#charsets
const NOT_IN_XML = /[^\P{Cc}\t\n\r\x7f-\x9f]|[\p{Cs}\ufffe\uffff]/u;

/** What most texts look like; looked for with less effort. */
const PLAIN = /^[\x20-\x7e]*$/;

/** The text with U+FFFD in place of each character that XML cannot carry. */
export function withoutBadCharacters(text: string): string {
  return text.replaceAll(new RegExp(NOT_IN_XML, "gu"), "\ufffd");
}

/** Whether XML can carry a text that came from elsewhere; there is none to carry where it is undefined. */
export function isText(text: string | undefined): boolean {
  return text === undefined || PLAIN.test(text) || !NOT_IN_XML.test(text);
}

/** Returns `value` where it is text that XML can carry; `what` names it in the `TypeError` where it is not. */
export function toText(value: unknown, what: string): string {
  if (typeof value !== "string") throw new TypeError(`${what} is no string: ${show(value)}`);
  if (!isText(value)) {
    throw new TypeError(`${what} has a character that XML cannot carry: ${show(value)}`);
  }
  return value;
}

/** Like {@link toText}, and the empty text is an error too. */
export function toNonEmptyText(value: unknown, what: string): string {
  if (value === "") throw new TypeError(`${what} is empty`);
  return toText(value, what);
}

/** Like {@link toText}; undefined, null and the empty text are undefined. */
export function toOptionalText(value: unknown, what: string): string | undefined {
  return value === undefined || value === null || value === "" ? undefined : toText(value, what);
}
