import fc from "fast-check";
import { Failure } from "../../../src/cli/exit-codes.ts";
import { parseJid, parseTarget } from "../../../src/cli/target.ts";
import { canonicalJid } from "../../../src/xml/jid.ts";
import { anyText, jidText } from "../structures.ts";
import { attempt, holds, isXmlText, same, type Target } from "../target.ts";

const isFailure = (error: unknown): error is Failure => error instanceof Failure;

const encoded = (text: string) => {
  try {
    return encodeURIComponent(text);
  } catch {
    return "%";
  }
};

/** JIDs and URIs as people give them to the command line. */
export const uri: Target = {
  name: "uri",
  about: "xmpp: URIs and JIDs on the command line (RFC 5122)",
  kind: "text",
  share: 15,
  fresh: fc.oneof(
    fc
      .record({
        scheme: fc.constantFrom("xmpp:", "XMPP:", "xmpp://", "xmpp://a@b/", ""),
        jid: jidText,
        isEncoded: fc.boolean(),
        pairs: fc.array(
          fc.tuple(
            fc.constantFrom("node", "request", "x", ""),
            fc.oneof(fc.constantFrom("info", "items"), anyText),
          ),
          { maxLength: 3 },
        ),
        type: fc.option(fc.constantFrom("?disco", "?message", "?"), { freq: 4 }),
        fragment: fc.option(anyText, { nil: undefined, freq: 8 }),
      })
      .map(
        ({ scheme, jid, isEncoded, pairs, type, fragment }) =>
          scheme +
          (isEncoded ? encoded(jid) : jid) +
          (type === null
            ? ""
            : type +
              pairs.map(([name, value]) => `;${name}=${isEncoded ? encoded(value) : value}`).join("")) +
          (fragment === undefined ? "" : `#${fragment}`),
      ),
    jidText,
  ),
  seeds: [
    "xmpp:romeo@example.org?disco;node=music;request=info",
    "xmpp://guest@example.com/support@example.com?disco",
    "xmpp:example.org?disco;request=items;node=%C3%A4",
  ],
  run(input) {
    const result = attempt(
      () => parseTarget(input),
      isFailure,
      "reading a target throws nothing but Failure",
    );
    const other = attempt(() => parseJid(input), isFailure, "reading a JID throws nothing but Failure");
    if ("error" in result) {
      holds("error" in other, "what is no target is no JID");
      return `failure: ${result.error.message.slice(0, 9)}`;
    }
    const { jid, node } = result.value;
    same(canonicalJid(jid), jid, "the JID of a target is one, in its canonical form");
    holds(node !== "", "a node that is there is not empty");
    same(
      "value" in other ? other.value : undefined,
      node === undefined ? jid : undefined,
      "a JID is a target without a node",
    );
    if (isXmlText(`${jid}${node}`)) {
      const again = `xmpp:${encodeURIComponent(jid)}?disco${node === undefined ? "" : `;node=${encodeURIComponent(node)}`}`;
      same(parseTarget(again), { jid, node }, "the URI of a target is read as the target");
    }
    return `${/^xmpp:/i.test(input) ? "a URI" : "a JID"}${node === undefined ? "" : ", a node"}`;
  },
};
