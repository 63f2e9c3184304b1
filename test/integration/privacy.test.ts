import { type Client, xml } from "@xmpp/client";
import type { Element } from "@xmpp/xml";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import {
  DiscoClient,
  DiscoServer,
  EntityCapsService,
  IqError,
  NS_CAPS,
  reachedByPresence,
  withServices,
} from "../../src/index.ts";
import { Ejabberd } from "../support/ejabberd.ts";
import { Prosody } from "../support/prosody.ts";
import { connect, type Ready } from "../support/ready.ts";

const SECRET = "urn:example:secret";
const POLL = { interval: 5, timeout: 30_000 };

/** Collects the presence that a client gets. */
function presencesOf(xmpp: Client): Element[] {
  const presences: Element[] = [];
  xmpp.on("stanza", (stanza: Element) => {
    if (stanza.is("presence")) presences.push(stanza);
  });
  return presences;
}

/** Lets `contact` see `xmpp`'s presence. */
async function befriend(xmpp: Client, contact: Client): Promise<void> {
  const approved = new Promise<void>((resolve) => {
    xmpp.on("stanza", (stanza: Element) => {
      if (!stanza.is("presence") || stanza.attrs["type"] !== "subscribe") return;
      void xmpp.send(xml("presence", { to: stanza.attrs["from"], type: "subscribed" })).then(resolve);
    });
  });
  await contact.send(xml("presence", { to: xmpp.jid?.bare().toString(), type: "subscribe" }));
  await approved;
}

describe.each([
  ["Prosody", Prosody],
  ["ejabberd", Ejabberd],
] as const)("only whom my presence reaches, on %s", (_name, Server) => {
  let server: Prosody | Ejabberd;
  let romeo: Ready<Client>;
  let juliet: Ready<Client>;
  let tybalt: Ready<Client>;
  /** What Tybalt and Juliet ask with. */
  let stranger: DiscoClient;
  let contact: DiscoClient;

  beforeAll(async () => {
    server = await Server.start({ accounts: ["romeo", "juliet", "tybalt"] });
    const { service } = server;
    romeo = await connect({
      service,
      username: "romeo",
      prepare: (xmpp) => {
        const disco = withServices(xmpp).summon(DiscoServer);
        disco.registerFeature(SECRET);
        disco.policy = reachedByPresence(xmpp);
        withServices(xmpp).summon(EntityCapsService, { node: "https://example.org/" });
      },
    });
    [juliet, tybalt] = await Promise.all([
      connect({ service, username: "juliet" }),
      connect({ service, username: "tybalt" }),
    ]);
    contact = withServices(juliet.xmpp).summon(DiscoClient);
    stranger = withServices(tybalt.xmpp).summon(DiscoClient);
    await romeo.xmpp.send(xml("presence"));
    const seen = presencesOf(juliet.xmpp);
    await juliet.xmpp.send(xml("presence"));
    await tybalt.xmpp.send(xml("presence"));
    await befriend(romeo.xmpp, juliet.xmpp);
    await vi.waitUntil(() => seen.some((stanza) => stanza.attrs["from"] === romeo.jid), POLL);
  }, 60_000);

  afterAll(async () => {
    await Promise.allSettled([romeo?.stop(), juliet?.stop(), tybalt?.stop()]);
    await server?.stop();
  });

  const refusal = async (disco: DiscoClient, jid: string, node?: string) => {
    const failure: unknown = await disco
      .queryInfo(jid, { node, requireFresh: true })
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(IqError);
    return (failure as IqError).condition;
  };

  test("a contact who sees it learns what there is", async () => {
    expect((await contact.queryInfo(romeo.jid)).has(SECRET)).toBe(true);
  });

  test("a stranger learns of one who is there what of one who is not: nothing", async () => {
    const gone = `${romeo.jid.replace(/\/.*/, "")}/gone`;
    expect(await refusal(stranger, gone)).toBe("service-unavailable");
    expect(await refusal(stranger, romeo.jid)).toBe("service-unavailable");
    await expect(stranger.queryItems(romeo.jid)).rejects.toMatchObject({ condition: "service-unavailable" });
  });

  test("a stranger who has the hash learns nothing by it", async () => {
    const seen = presencesOf(juliet.xmpp);
    await romeo.xmpp.send(xml("presence", {}, xml("show", {}, "away")));
    await expect.poll(() => seen.length, POLL).toBeGreaterThan(0);
    const ver = String(seen[0]?.getChild("c", NS_CAPS)?.attrs["ver"]);
    const node = `https://example.org/#${ver}`;
    expect((await contact.queryInfo(romeo.jid, { node })).has(SECRET)).toBe(true);
    expect(await refusal(stranger, romeo.jid, node)).toBe("service-unavailable");
  });

  test("a stranger learns it in a room with one, and only there", async () => {
    const room = `hall@${server.mucDomain}`;
    const joined = presencesOf(tybalt.xmpp);
    for (const [{ xmpp }, nick] of [
      [romeo, "Romeo"],
      [tybalt, "Tybalt"],
    ] as const) {
      const inside = presencesOf(xmpp);
      const x = xml("x", { xmlns: "http://jabber.org/protocol/muc" });
      await xmpp.send(xml("presence", { to: `${room}/${nick}` }, x));
      await expect
        .poll(() => inside.some(({ attrs }) => attrs["from"] === `${room}/${nick}`), POLL)
        .toBe(true);
      // A new room is locked until its owner has it as it is.
      const form = xml("x", { xmlns: "jabber:x:data", type: "submit" });
      const query = xml("query", { xmlns: "http://jabber.org/protocol/muc#owner" }, form);
      if (nick === "Romeo") await romeo.xmpp.iqCaller.request(xml("iq", { type: "set", to: room }, query));
    }
    await expect.poll(() => joined.some(({ attrs }) => attrs["from"] === `${room}/Romeo`), POLL).toBe(true);
    expect((await stranger.queryInfo(`${room}/Romeo`)).has(SECRET)).toBe(true);
    expect(await refusal(stranger, romeo.jid)).toBe("service-unavailable");
    await romeo.xmpp.send(xml("presence", { to: `${room}/Romeo`, type: "unavailable" }));
    await expect.poll(() => joined.some(({ attrs }) => attrs["type"] === "unavailable"), POLL).toBe(true);
    expect(["service-unavailable", "item-not-found", "not-acceptable", "not-allowed"]).toContain(
      await refusal(stranger, `${room}/Romeo`),
    );
  });

  test("a contact whose subscription is taken back learns nothing more", async () => {
    const bare = juliet.jid.replace(/\/.*/, "");
    await romeo.xmpp.send(xml("presence", { to: bare, type: "unsubscribed" }));
    await expect
      .poll(() => refusal(contact, romeo.jid).catch(() => "answered"), POLL)
      .toBe("service-unavailable");
  });
});
