import { canonicalJid } from "../xml/jid.js";
import { EXIT, Failure } from "./exit-codes.js";

/** What a command is about. */
export interface Target {
  readonly jid: string;
  readonly node: string | undefined;
}

/**
 * Reads a JID and a node, or a URI such as `xmpp:romeo@example.org?disco;node=music;request=info` (XEP-0030 §10.3) in
 * place of the JID.
 *
 * @throws Failure when it is neither
 */
export function parseTarget(text: string, node?: string): Target {
  if (!/^xmpp:/i.test(text)) return { jid: toJid(text), node };
  const [path = "", query = ""] = text.slice("xmpp:".length).split("?", 2);
  // An authority says through which account to go, which the options say here. https://www.rfc-editor.org/rfc/rfc5122
  const jid = toJid(decode(path.replace(/^\/\/[^/]*\/?/, "")));
  const pairs = new Map(
    query.split(";").map((pair) => {
      const [key = "", value = ""] = pair.split("=", 2);
      return [key, decode(value)] as const;
    }),
  );
  if (query !== "" && !pairs.has("disco")) {
    throw new Failure(EXIT.usage, `not a URI of service discovery: ${text}`, "It has ?disco in it.");
  }
  return { jid, node: node ?? (pairs.get("node") || undefined) };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Failure(EXIT.usage, `a percent sign in the URI stands for nothing: ${text}`);
  }
}

function toJid(text: string): string {
  const jid = canonicalJid(text);
  if (jid !== undefined) return jid;
  throw new Failure(
    EXIT.usage,
    `not a JID: ${JSON.stringify(text)}`,
    "A JID is user@domain/resource, user@domain or domain.",
  );
}
