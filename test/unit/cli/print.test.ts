import { describe, expect, test } from "vitest";
import { isColored } from "../../../src/cli/colors.ts";
import {
  changeLines,
  featureLines,
  formLines,
  identityLines,
  infoSections,
  itemLines,
  itemSection,
  ownLanguage,
  summary,
} from "../../../src/cli/print.ts";
import { DataForm, DiscoInfo } from "../../../src/index.ts";

test("identities are sorted and aligned, with their names and languages", () => {
  const info = new DiscoInfo({
    identities: [
      { category: "server", type: "im", name: "Server" },
      { category: "pubsub", type: "pep", name: "日本", lang: "ja" },
      { category: "pubsub", type: "pep", name: "Events", lang: "en" },
    ],
  });
  expect(identityLines(info)).toEqual([
    "pubsub/pep  Events  en",
    "pubsub/pep  日本    ja",
    "server/im   Server",
  ]);
});

test("features are sorted, told once, and named with the document that defines them", () => {
  expect(featureLines(["urn:xmpp:ping", "jabber:iq:roster", "urn:example:own", "urn:xmpp:ping"])).toEqual([
    "jabber:iq:roster  RFC 6121  XMPP: Instant Messaging and Presence",
    "urn:example:own",
    "urn:xmpp:ping     XEP-0199  XMPP Ping",
  ]);
});

test("changes are what is new and what is gone", () => {
  expect(changeLines(["a", "urn:xmpp:ping"], ["a", "b"])).toEqual([
    "+ b",
    "- urn:xmpp:ping  XEP-0199  XMPP Ping",
  ]);
});

test("forms show every value of every field on a line of its own", () => {
  const form = new DataForm({
    formType: "http://jabber.org/network/serverinfo",
    fields: { "support-addresses": [], "abuse-addresses": ["mailto:a@b.c", "xmpp:a@b.c"] },
  });
  expect(formLines([form])).toEqual([
    "http://jabber.org/network/serverinfo",
    "  abuse-addresses    mailto:a@b.c",
    "                     xmpp:a@b.c",
    "  support-addresses  (empty)",
  ]);
});

test("items are sorted by JID and node", () => {
  const items = [
    { jid: "b" },
    { jid: "a", node: "y", name: "Y" },
    { jid: "a", node: "x", name: "X" },
    { jid: "a" },
  ];
  expect(itemLines(items)).toEqual(["a", "a  x  X", "a  y  Y", "b"]);
});

test("what there is none of is said to be none, but for forms", () => {
  const info = new DiscoInfo({});
  expect(infoSections(info, ["identities", "features", "forms"])).toEqual([
    "Identities",
    "  none",
    "",
    "Features (0)",
    "  none",
    "",
  ]);
  expect(itemSection([])).toEqual(["Items (0)", "  none", ""]);
});

test("nothing of a peer's reaches the terminal as it is", () => {
  const evil = "\u009b31m\u202e";
  const info = new DiscoInfo({
    identities: [{ category: evil, type: evil, name: evil, lang: evil }],
    features: [evil],
    forms: [new DataForm({ formType: evil, fields: { [evil]: evil } })],
  });
  const lines = [
    ...infoSections(info, ["identities", "features", "forms"]),
    ...itemLines([{ jid: "a", node: evil, name: evil }]),
    summary(info),
  ];
  expect(lines.join("")).not.toMatch(/[\p{Cc}\p{Bidi_Control}]/u);
});

test("a summary is the name and all that an entity is", () => {
  const info = new DiscoInfo({
    identities: [
      { category: "server", type: "im", name: "Prosody" },
      { category: "pubsub", type: "pep" },
    ],
  });
  expect(summary(info)).toBe("Prosody  pubsub/pep, server/im");
});

describe("the language of who reads", () => {
  test.each([
    [{ LANG: "de_AT.UTF-8" }, "de-AT"],
    [{ LANG: "de", LC_ALL: "fr_FR@euro" }, "fr-FR"],
    [{ LANG: "C.UTF-8" }, undefined],
    [{}, undefined],
  ])("of %j is %s", (env, language) => {
    expect(ownLanguage(env)).toBe(language);
  });
});

describe("colours", () => {
  test.each([
    ["a terminal", { isTTY: true }, {}, true],
    ["a pipe", { isTTY: false }, {}, false],
    ["a pipe of a build server", {}, { CI: "true" }, false],
    ["a terminal of who wants none", { isTTY: true }, { NO_COLOR: "1" }, false],
    ["a terminal that has none", { isTTY: true }, { TERM: "dumb" }, false],
    ["a terminal with an empty NO_COLOR", { isTTY: true }, { NO_COLOR: "" }, true],
  ])("for %s", (_what, stream, env, colored) => {
    expect(isColored(stream, env)).toBe(colored);
  });
});
