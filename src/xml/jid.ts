import { type JID, jid as parse } from "@xmpp/jid";

/** An XMPP address as the caller has it: text, or a `JID` of `@xmpp/jid`. */
export type Address = string | JID;

// What most addresses look like. Where this matches, the text is its own canonical form.
const PLAIN =
  /^(?:[a-z0-9!#$%()*+,.;=?[\]^_`{|}~-]{1,1023}@)?[a-z0-9._-]{1,1023}(?:\/[\x21-\x7e][\x20-\x7e]{0,1022})?$/;

// "U+0022 ("), U+0026 (&), U+0027 ('), U+002F (/), U+003A (:), U+003C (<), U+003E (>), U+0040 (@)"
// https://www.rfc-editor.org/rfc/rfc7622#section-3.3.1
const NOT_IN_LOCALPART = /["&'/:<>@\s\p{Cc}\p{Cs}\ufffe\uffff]/u;
// A colon stands in IPv6 literals.
const NOT_IN_DOMAINPART = /["&'/<>@\\\s\p{Cc}\p{Cs}\ufffe\uffff]/u;
const NOT_IN_RESOURCEPART = /[\p{Cc}\p{Cs}\ufffe\uffff]/u;

// "a localpart/domainpart/resourcepart MUST NOT be zero octets in length and MUST NOT be more than
// 1023 octets in length" https://www.rfc-editor.org/rfc/rfc7622#section-3
const MAX_OCTETS = 1023;

/** How long a text may be from which a JID is made by escaping: twice the longest, for the spaces around it. */
const MAX_ESCAPED = 2 * (3 * MAX_OCTETS + 2);

function isPart(part: string, forbidden: RegExp): boolean {
  if (part === "" || part.length > MAX_OCTETS || forbidden.test(part)) return false;
  return part.length * 3 <= MAX_OCTETS || new TextEncoder().encode(part).length <= MAX_OCTETS;
}

/**
 * The canonical text of an address that came over the wire, or undefined where it is none (RFC 7622).
 *
 * Local part and domain are lower-cased, as `@xmpp/jid` does; nothing is escaped or repaired.
 */
export function canonicalJid(text: unknown): string | undefined {
  if (typeof text !== "string") return undefined;
  if (PLAIN.test(text)) return text;
  const slash = text.indexOf("/");
  const bare = slash === -1 ? text : text.slice(0, slash);
  const at = bare.indexOf("@");
  const local = at === -1 ? undefined : bare.slice(0, at).toLowerCase();
  const domain = bare.slice(at + 1).toLowerCase();
  const resource = slash === -1 ? undefined : text.slice(slash + 1);
  if (!isPart(domain, NOT_IN_DOMAINPART)) return undefined;
  if (local !== undefined && !isPart(local, NOT_IN_LOCALPART)) return undefined;
  if (resource !== undefined && !isPart(resource, NOT_IN_RESOURCEPART)) return undefined;
  return `${local === undefined ? "" : `${local}@`}${domain}${resource === undefined ? "" : `/${resource}`}`;
}

/**
 * The canonical text of an address that a caller gave; `what` names it in the `TypeError` where it is none.
 *
 * A local part with characters that a JID cannot have is escaped (XEP-0106), as `@xmpp/jid` does.
 */
export function toJid(address: unknown, what = "jid"): string {
  const text = textOf(address);
  const canonical = canonicalJid(text) ?? escaped(text);
  if (canonical === undefined) throw new TypeError(`${what} is no JID: ${show(address)}`);
  return canonical;
}

function textOf(address: unknown): unknown {
  if (typeof address !== "object" || address === null) return address;
  try {
    return String(address);
  } catch {
    return undefined;
  }
}

function escaped(text: unknown): string | undefined {
  // To escape makes it no shorter, and takes long where there is much to escape.
  if (typeof text !== "string" || text.length > MAX_ESCAPED) return undefined;
  // xmpp.js leaves an empty part out.
  if (/^\s*@|^[^/]*\/$/.test(text)) return undefined;
  try {
    return canonicalJid(parse(text).toString());
  } catch {
    return undefined;
  }
}

/** The bare JID (local part and domain) of a canonical JID. */
export function bareJid(jid: string): string {
  const slash = jid.indexOf("/");
  return slash === -1 ? jid : jid.slice(0, slash);
}

/** The domain of a canonical JID. */
export function domainOf(jid: string): string {
  const bare = bareJid(jid);
  return bare.slice(bare.indexOf("@") + 1);
}

/** A value as an error message quotes it: short, and text in quotes. */
export function show(value: unknown): string {
  if (typeof value === "string") {
    return JSON.stringify(value.length > 80 ? `${value.slice(0, 79)}…` : value);
  }
  if (typeof value === "object" && value !== null) {
    return `an object of class ${value.constructor?.name ?? "null"}`;
  }
  return typeof value === "function" ? `the function ${value.name}` : String(value);
}
