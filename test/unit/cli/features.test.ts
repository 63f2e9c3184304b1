import { expect, test } from "vitest";
import { describeFeature } from "../../../src/cli/features.ts";

test.each([
  ["a namespace", "http://jabber.org/protocol/muc", "XEP-0045"],
  ["a part behind a hash", "http://jabber.org/protocol/muc#owner", "XEP-0045"],
  ["a part behind a colon", "urn:xmpp:carbons:2", "XEP-0280"],
  ["a part behind a slash", "http://jabber.org/protocol/si/profile/tree-transfer", "XEP-0095"],
  ["the longest namespace that it begins with", "urn:xmpp:jingle:apps:rtp:video", "XEP-0167"],
  ["that, also where a shorter one is another document's", "urn:xmpp:jingle:transports:ice:0", "XEP-0371"],
  ["what is notified of", "http://jabber.org/protocol/tune+notify", "XEP-0118"],
  ["no URI at all", "msgoffline", "XEP-0160"],
  ["an escaped blank", "jid\\20escaping", "XEP-0106"],
  ["a room's", "muc_passwordprotected", "XEP-0045"],
  ["one of dots", "eu.siacs.conversations.axolotl.devicelist+notify", "XEP-0384"],
  ["an RFC's", "jabber:iq:roster", "RFC 6121"],
])("%s is known: %s", (_what, feature, document) => {
  expect(describeFeature(feature)?.document).toBe(document);
});

test("a document has its title", () => {
  expect(describeFeature("urn:xmpp:ping")).toEqual({ document: "XEP-0199", title: "XMPP Ping" });
});

test.each(["", "urn:example:own", "urn:xmpp:pinguin", "http://jabber.org/protocol/mucus", "+notify", "#"])(
  "%j stays as it is",
  (feature) => {
    expect(describeFeature(feature)).toBeUndefined();
  },
);

test("a megabyte of separators costs nothing", () => {
  const start = performance.now();
  expect(describeFeature(":".repeat(1_000_000))).toBeUndefined();
  expect(performance.now() - start).toBeLessThan(1_000);
});
