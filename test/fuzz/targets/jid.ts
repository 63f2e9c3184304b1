import { jid as parse } from "@xmpp/jid";
import { bareJid, canonicalJid, domainOf, toJid } from "../../../src/xml/jid.ts";
import { jidText } from "../structures.ts";
import { attempt, holds, isXmlText, mustReturn, same, type Target } from "../target.ts";

/** Addresses. */
export const jid: Target = {
  name: "jid",
  about: "JIDs (RFC 7622)",
  kind: "text",
  share: 20,
  fresh: jidText,
  seeds: [
    "Romeo@Montague.EXAMPLE/Orchard",
    "d'artagnan@musketeers.lit",
    "[::1]",
    "\u00fc@\u00e4.example/\u00f6",
    "a".repeat(1_024),
    "\u00e4".repeat(512),
    "a b@c",
    "a@b@c",
    "a\\20b@c",
  ],
  run(input) {
    const canonical = mustReturn(() => canonicalJid(input), "reading a JID throws nothing");
    const result = attempt(
      () => toJid(input),
      (error): error is TypeError => error instanceof TypeError,
      "a caller's JID that is none is a TypeError",
    );
    if (canonical === undefined) {
      if ("error" in result) return "none";
      same(canonicalJid(result.value), result.value, "an escaped JID is one, in its canonical form");
      return "escaped";
    }
    same(
      "value" in result ? result.value : undefined,
      canonical,
      "what is a JID on the wire is one for a caller",
    );
    same(canonicalJid(canonical), canonical, "the canonical form of a JID is its own");
    holds(isXmlText(canonical), "XML can carry a JID");
    holds(!/\p{Cc}/u.test(canonical), "a JID has no control characters");
    const bare = bareJid(canonical);
    const domain = domainOf(canonical);
    same(canonicalJid(bare), bare, "the bare JID of a JID is one");
    same(canonicalJid(domain), domain, "the domain of a JID is one");
    const local = bare.includes("@") ? bare.slice(0, bare.indexOf("@")) : undefined;
    for (const part of [domain, local, canonical === bare ? undefined : canonical.slice(bare.length + 1)]) {
      const octets = part === undefined ? 1 : Buffer.byteLength(part);
      holds(octets >= 1 && octets <= 1_023, "each part of a JID has from 1 to 1023 octets");
    }
    // xmpp.js escapes more, and leaves out of a domain and a resource nothing.
    const other = parse(canonical).toString();
    holds(
      local?.includes("\\") === true || other === canonical,
      "xmpp.js has the same JID",
      () => `${other}\n${canonical}`,
    );
    return [local !== undefined, canonical !== bare, canonical === input, /^[\x20-\x7e]*$/.test(input)].join(
      " ",
    );
  },
};
