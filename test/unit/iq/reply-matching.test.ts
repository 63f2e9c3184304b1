import xml from "@xmpp/xml";
import { describe, expect, test, vi } from "vitest";
import { isOpen } from "../services/support.ts";
import { deliver, firstRequest, online, request, result } from "./support.ts";

// The client is romeo@montague.example/orchard.
const ABSENT = undefined;
const ACCOUNT = "romeo@montague.example";
const SERVER = "montague.example";

/** Asks, has an answer come from somebody, and tells whether it was taken. */
async function isTaken(to: string | undefined, from: string | undefined, type = "result"): Promise<boolean> {
  const party = await online();
  const answer = party.iq.request(request(to));
  answer.catch(() => {});
  const { attrs } = await firstRequest(party.server);
  await deliver(party, xml("iq", { type, id: attrs.id, from, to: party.server.jid }));
  return !(await isOpen(answer));
}

describe("an answer is taken", () => {
  test.each([
    ["a server", "capulet.example", "capulet.example"],
    ["an account", "juliet@capulet.example", "juliet@capulet.example"],
    ["a client", "juliet@capulet.example/balcony", "juliet@capulet.example/balcony"],
    ["a resource with a slash", "room@muc.example/a/b", "room@muc.example/a/b"],
  ])("from %s that was asked", async (_what, to, from) => {
    expect(await isTaken(to, from)).toBe(true);
  });

  test.each([
    ["juliet@capulet.example/balcony", "Juliet@Capulet.Example/balcony"],
    ["Juliet@Capulet.Example", "juliet@capulet.example"],
    ["MONTAGUE.example", ABSENT],
  ])("whatever the case of local part and domain: asked %s, from %s", async (to, from) => {
    expect(await isTaken(to, from)).toBe(true);
  });

  test.each([
    ["one's own account, without an address", undefined, ABSENT],
    ["one's own account, without an address", undefined, ACCOUNT],
    ["one's own account, without an address", undefined, "Romeo@Montague.example"],
    ["one's own account, by its bare JID", ACCOUNT, ABSENT],
    ["one's own account, by its bare JID", ACCOUNT, ACCOUNT],
    ["one's own server", SERVER, ABSENT],
    ["one's own server", SERVER, SERVER],
  ])("for %s: asked %s, from %s", async (_what, to, from) => {
    expect(await isTaken(to, from)).toBe(true);
  });

  test("also where it is an error", async () => {
    expect(await isTaken("capulet.example", "capulet.example", "error")).toBe(true);
  });
});

describe("an answer is not taken", () => {
  test.each([
    ["a stranger", "juliet@capulet.example/balcony", "mallory@evil.example/x"],
    ["another resource of who was asked", "juliet@capulet.example/balcony", "juliet@capulet.example/tomb"],
    ["a resource in another case", "juliet@capulet.example/balcony", "juliet@capulet.example/Balcony"],
    ["the account of the client that was asked", "juliet@capulet.example/balcony", "juliet@capulet.example"],
    ["a client of the account that was asked", "juliet@capulet.example", "juliet@capulet.example/balcony"],
    ["the server of the account that was asked", "juliet@capulet.example", "capulet.example"],
    ["a subdomain of the server that was asked", "capulet.example", "muc.capulet.example"],
    ["one's own account, for a remote entity", "capulet.example", ACCOUNT],
    ["one's own server, for a remote entity", "capulet.example", SERVER],
    ["junk", "capulet.example", "@@@"],
  ])("from %s", async (_what, to, from) => {
    expect(await isTaken(to, from)).toBe(false);
  });

  test.each([["capulet.example"], ["juliet@capulet.example"], ["juliet@capulet.example/balcony"]])(
    "without a from, for the remote entity %s",
    async (to) => {
      expect(await isTaken(to, ABSENT)).toBe(false);
    },
  );

  test.each([
    ["of one's own account without an address, from another client of it", undefined, `${ACCOUNT}/pda`],
    ["of one's own account, from another client of it", ACCOUNT, `${ACCOUNT}/pda`],
    ["of one's own account, from somebody else there", ACCOUNT, `benvolio@${SERVER}`],
    ["of one's own account without an address, from a stranger", undefined, "mallory@evil.example"],
    ["of one's own server, from somebody there", SERVER, `benvolio@${SERVER}`],
    ["of another client of one's own account, without a from", `${ACCOUNT}/pda`, ABSENT],
    ["of another client of one's own account, from the account", `${ACCOUNT}/pda`, ACCOUNT],
    ["of somebody else on one's own server, without a from", `benvolio@${SERVER}`, ABSENT],
  ])("%s", async (_what, to, from) => {
    expect(await isTaken(to, from)).toBe(false);
  });

  test.each(["get", "set", "", "Result"])("where its type is %j", async (type) => {
    expect(await isTaken("capulet.example", "capulet.example", type)).toBe(false);
  });
});

describe("a request that a stranger answers", () => {
  test("stays open until the right one answers, errors of the stranger included", async () => {
    const party = await online();
    const answer = party.iq.get(xml("query", "jabber:iq:version"), "capulet.example");
    const { attrs } = await firstRequest(party.server);
    const forge = (type: string) =>
      xml("iq", { type, id: attrs.id, from: "evil.example" }, xml("forged", "urn:x"));
    await deliver(party, forge("result"));
    await deliver(party, forge("error"));
    await deliver(party, result(xml("iq", attrs), xml("real", "urn:x")));
    expect((await answer)?.name).toBe("real");
  });

  test("is answered once: what comes after the first answer changes nothing", async () => {
    const party = await online();
    const late = vi.fn();
    party.iq.on("late", late);
    const answer = party.iq.get(xml("query", "jabber:iq:version"), "capulet.example");
    const stanza = await firstRequest(party.server);
    await deliver(party, result(stanza, xml("first", "urn:x")));
    await deliver(party, result(stanza, xml("second", "urn:x")));
    expect((await answer)?.name).toBe("first");
    expect(late).not.toHaveBeenCalled();
  });

  test("is not disturbed by an answer with another id, or with none", async () => {
    const party = await online();
    const answer = party.iq.request(request("capulet.example"));
    const stanza = await firstRequest(party.server);
    await deliver(party, result(stanza, undefined, { id: "unknown" }));
    await deliver(party, result(stanza, undefined, { id: undefined }));
    await deliver(party, `<message id="${stanza.attrs.id}" type="result" from="capulet.example"/>`);
    expect(await isOpen(answer)).toBe(true);
    await deliver(party, result(stanza));
    await answer;
  });
});
