import { canonicalJid } from "../xml/jid.js";
import { EXIT, Failure } from "./exit-codes.js";

/** What a command is about. */
export interface Target {
  readonly jid: string;
  readonly node: string | undefined;
}

/** What is asked for: disco#info or disco#items. */
export type Request = "info" | "items";

/** What else was said of the target. */
export interface TargetOptions {
  /** The node, where it was given apart from the JID. */
  readonly node?: string | undefined;
  /** What the command asks for; a URI must not contradict. */
  readonly request?: Request | undefined;
}

/**
 * Reads a JID, or a URI such as `xmpp:romeo@example.org?disco;node=music;request=info` in place of it (RFC 5122,
 * XEP-0030 §10.3).
 *
 * @throws Failure when it is neither, or contradicts what else was said
 */
export function parseTarget(text: string, { node, request }: TargetOptions = {}): Target {
  if (!/^xmpp:/i.test(text)) return { jid: toJid(text), node: node || undefined };
  const uri = parseUri(text);
  if (request !== undefined && uri.request !== undefined && uri.request !== request) {
    const advice = `It is one for: xmpp-disco ${uri.request === "info" ? "info" : "items"}`;
    throw new Failure(EXIT.usage, `the URI asks for ${uri.request}: ${text}`, advice);
  }
  if (node && uri.node !== undefined && uri.node !== node) {
    throw new Failure(EXIT.usage, `two nodes are given: ${uri.node} in the URI, and ${node}`, "Give one.");
  }
  return { jid: uri.jid, node: node || uri.node };
}

/** Reads a JID that has no node, or a URI of one. @throws Failure when it is neither */
export function parseJid(text: string): string {
  const { jid, node } = parseTarget(text);
  if (node === undefined) return jid;
  throw new Failure(EXIT.usage, `a JID is wanted here, and no node: ${text}`);
}

function parseUri(text: string): Target & { readonly request: Request | undefined } {
  const [, authority, path = "", query] =
    /^xmpp:(?:\/\/([^/?#]*)\/?)?([^?#]*)(?:\?([^#]*))?(?:#.*)?$/is.exec(text) ?? [];
  // An authority says through which account to go, which the options say here. https://www.rfc-editor.org/rfc/rfc5122
  if (path === "" && authority) {
    const advice = `Behind xmpp:// stands who asks. Write xmpp:${authority}`;
    throw new Failure(EXIT.usage, `no JID is in the URI: ${text}`, advice);
  }
  const jid = toJid(decode(path, text));
  if (query === undefined || query === "") return { jid, node: undefined, request: undefined };
  // "iquerycomp = iquerytype *( ";" ikey "=" ivalue )"
  const [type, ...pairs] = query.split(";");
  if (type !== "disco") {
    throw new Failure(
      EXIT.usage,
      `not a URI for looking around: ${text}`,
      `Leave out ?${query}, or use ?disco.`,
    );
  }
  const values = new Map(
    pairs.map((pair) => {
      const at = pair.indexOf("=");
      return at === -1 ? [pair, ""] : [pair.slice(0, at), decode(pair.slice(at + 1), text)];
    }),
  );
  const request = values.get("request");
  if (request !== undefined && request !== "info" && request !== "items") {
    throw new Failure(EXIT.usage, `the URI asks for ${request}: ${text}`, "It can ask for info or items.");
  }
  return { jid, node: values.get("node") || undefined, request };
}

function decode(text: string, uri: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Failure(
      EXIT.usage,
      `a percent sign in the URI stands for nothing: ${uri}`,
      "A percent sign itself is %25.",
    );
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
