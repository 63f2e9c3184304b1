import { describe, expect, test } from "vitest";
import { EXIT } from "../../../src/cli/exit-codes.ts";
import { parseJid, parseTarget, type TargetOptions } from "../../../src/cli/target.ts";

function refused(text: string, options?: TargetOptions): unknown {
  try {
    return parseTarget(text, options);
  } catch (error) {
    return error;
  }
}

test.each([
  ["a domain", "Example.ORG", "example.org"],
  ["an account", "Romeo@example.org", "romeo@example.org"],
  ["a resource, whose case matters", "romeo@example.org/Orchard", "romeo@example.org/Orchard"],
])("%s is its canonical JID", (_what, text, jid) => {
  expect(parseTarget(text)).toEqual({ jid, node: undefined });
});

test("a node goes with a JID", () => {
  expect(parseTarget("example.org", { node: "music" })).toEqual({ jid: "example.org", node: "music" });
});

test("an empty node is none", () => {
  expect(parseTarget("example.org", { node: "" }).node).toBeUndefined();
});

test.each(["", "@", "@@", "romeo@", "@example.org", "romeo@example.org/", "a b@example.org"])(
  "%j is no JID",
  (text) => {
    expect(refused(text)).toMatchObject({
      exitCode: EXIT.usage,
      message: `not a JID: ${JSON.stringify(text)}`,
    });
  },
);

describe("a URI", () => {
  test.each([
    ["of XEP-0030 §10.3", "xmpp:romeo@montague.net?disco;request=info", "romeo@montague.net", undefined],
    ["with a node", "xmpp:romeo@montague.net?disco;node=music;request=items", "romeo@montague.net", "music"],
    ["without a query", "xmpp:romeo@montague.net", "romeo@montague.net", undefined],
    ["with an empty query", "xmpp:montague.net?", "montague.net", undefined],
    ["in capitals", "XMPP:montague.net?disco", "montague.net", undefined],
    [
      "with percent signs in the JID",
      "xmpp:rom%C3%A9o@montague.net/my%20home%3F",
      "roméo@montague.net/my home?",
      undefined,
    ],
    ["with percent signs in the node", "xmpp:montague.net?disco;node=a%3Bb%20%25", "montague.net", "a;b %"],
    ["with an equals sign in the node", "xmpp:montague.net?disco;node=a=b", "montague.net", "a=b"],
    ["with a fragment", "xmpp:montague.net?disco;node=x#top", "montague.net", "x"],
    [
      "with an authority",
      "xmpp://guest@example.com/romeo@montague.net?disco",
      "romeo@montague.net",
      undefined,
    ],
    ["with an empty node", "xmpp:montague.net?disco;node=", "montague.net", undefined],
    ["with the type of XEP-0030", "xmpp:montague.net?disco;type=get;request=info", "montague.net", undefined],
  ])("%s is read", (_what, text, jid, node) => {
    expect(parseTarget(text)).toEqual({ jid, node });
  });

  test("for something else is refused", () => {
    expect(refused("xmpp:room@muc.example.org?join")).toMatchObject({
      exitCode: EXIT.usage,
      advice: "Leave out ?join, or use ?disco.",
    });
  });

  test("with an authority alone says how to write it", () => {
    expect(refused("xmpp://example.org")).toMatchObject({
      advice: expect.stringContaining("xmpp:example.org"),
    });
  });

  test("with a percent sign that stands for nothing is refused", () => {
    expect(refused("xmpp:example.org?disco;node=%zz")).toMatchObject({ exitCode: EXIT.usage });
  });

  test("without a JID is refused", () => {
    expect(refused("xmpp:?disco")).toMatchObject({ exitCode: EXIT.usage });
  });

  test("may ask for what the command asks for", () => {
    expect(parseTarget("xmpp:example.org?disco;request=items", { request: "items" }).jid).toBe("example.org");
  });

  test("that contradicts the command is refused, with the command that fits", () => {
    expect(refused("xmpp:example.org?disco;request=items", { request: "info" })).toMatchObject({
      exitCode: EXIT.usage,
      advice: expect.stringContaining("xmpp-disco items"),
    });
  });

  test("that asks for neither info nor items is refused", () => {
    expect(refused("xmpp:example.org?disco;request=all")).toMatchObject({ exitCode: EXIT.usage });
  });

  test("may say the node again", () => {
    expect(parseTarget("xmpp:example.org?disco;node=a", { node: "a" }).node).toBe("a");
  });

  test("with a node other than the one that is given is refused", () => {
    expect(refused("xmpp:example.org?disco;node=a", { node: "b" })).toMatchObject({ exitCode: EXIT.usage });
  });
});

test("where no node is wanted, a URI with one is refused", () => {
  expect(parseJid("xmpp:example.org?disco")).toBe("example.org");
  expect(() => parseJid("xmpp:example.org?disco;node=a")).toThrow("no node");
});
