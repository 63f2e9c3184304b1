import { randomUUID } from "node:crypto";
import type { EventEmitter } from "node:events";
import { type Client, xml } from "@xmpp/client";
import type { Element } from "@xmpp/xml";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import {
  DiscoClient,
  DiscoServer,
  EntityCapsCache,
  EntityCapsService,
  IqError,
  NS_CAPS,
  NS_CAPS2,
  NS_DISCO_INFO,
  registerFeature,
  Service,
  withServices,
  xep0115,
} from "../../src/index.ts";
import { Ejabberd } from "../support/ejabberd.ts";
import { Prosody } from "../support/prosody.ts";
import { type ConnectOptions, connect, type Ready } from "../support/ready.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";

// For a busy machine; without other work no test takes longer than two seconds.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });
const POLL = { interval: 5, timeout: 20_000 };

const NODE = "https://balcony.example/";
const BALCONY = "urn:example:balcony";
const TUNE = "http://jabber.org/protocol/tune";
const MOOD = "http://jabber.org/protocol/mood";
const NS_PUBSUB = "http://jabber.org/protocol/pubsub";
const NS_MUC = "http://jabber.org/protocol/muc";

interface PeerOptions extends ConnectOptions {
  readonly cache?: EntityCapsCache;
}

/** A client with capabilities, and what it sent and received. */
interface Peer extends Ready<Client> {
  readonly disco: DiscoClient;
  readonly server: DiscoServer;
  readonly caps: EntityCapsService;
  /** The questions it sent, as `jid node`. */
  readonly questions: string[];
  /** Whose capabilities were new to it, or gone. */
  readonly changes: string[];
  /** The presences it received, in order. */
  readonly presences: Element[];
  /** The items that others published and it was sent, as `node payload`. */
  readonly items: string[];
}

/** Logs in with a client that runs the software "balcony". */
async function enter(options: PeerOptions): Promise<Peer> {
  const record: Pick<Peer, "questions" | "changes" | "presences" | "items"> = {
    questions: [],
    changes: [],
    presences: [],
    items: [],
  };
  const ready = await connect({
    ...options,
    prepare: (xmpp) => {
      const services = withServices(xmpp);
      const server = services.summon(DiscoServer);
      server.registerIdentity("client", "web", { en: "Balcony", de: "Balkon" });
      server.unregisterIdentity("client", "bot");
      server.registerFeature(BALCONY);
      const { cache = new EntityCapsCache() } = options;
      services.summon(EntityCapsService, { node: NODE, cache, rebroadcastDelay: 20 });
      services.summon(EntityCapsService).on("capsChanged", (jid) => record.changes.push(jid));
      xmpp.on("send", (stanza: Element) => {
        const query = stanza.attrs["type"] === "get" ? stanza.getChild("query", NS_DISCO_INFO) : undefined;
        if (query) record.questions.push([stanza.attrs["to"], query.attrs["node"]].filter(Boolean).join(" "));
      });
      xmpp.on("stanza", (stanza: Element) => {
        if (stanza.name === "presence") record.presences.push(stanza);
        const items = stanza.getChild("event", `${NS_PUBSUB}#event`)?.getChild("items");
        const payload = items?.getChild("item")?.getChildElements()[0]?.getText();
        // Prosody 0.12 sends local users a second copy, to the bare JID, and that it does not stop.
        const isForThis = stanza.attrs["to"] === xmpp.jid?.toString();
        if (isForThis && items && payload) record.items.push(`${items.attrs["node"]} ${payload}`);
      });
    },
  });
  // What arrives before that is not counted by xmpp.js, and Prosody ends a stream whose count is wrong.
  await vi.waitUntil(() => ready.xmpp.streamManagement.id !== "", POLL);
  const services = withServices(ready.xmpp);
  return {
    ...ready,
    ...record,
    disco: services.summon(DiscoClient),
    server: services.summon(DiscoServer),
    caps: services.summon(EntityCapsService),
  };
}

/** Logs in and says so to all contacts. */
async function appear(options: PeerOptions): Promise<Peer> {
  const peer = await enter(options);
  await peer.xmpp.send(xml("presence"));
  return peer;
}

/** The first presence of this kind that a peer has received, or receives. */
async function received({ xmpp, presences }: Peer, from: string, type?: string): Promise<Element> {
  const is = ({ name, attrs }: Element) =>
    name === "presence" && (attrs["from"] === from || bare(attrs["from"]) === from) && attrs["type"] === type;
  const known = presences.find(is);
  if (known !== undefined) return known;
  return new Promise((resolve) => {
    xmpp.on("stanza", function listener(stanza: Element) {
      if (!is(stanza)) return;
      xmpp.off("stanza", listener);
      resolve(stanza);
    });
  });
}

function bare(jid: string): string {
  return jid.replace(/\/.*/, "");
}

/** The node that who announces this is asked at. */
function nodeOf(presence: Element): string {
  const hash = presence.getChild("c", NS_CAPS2)?.getChild("hash");
  return `${NS_CAPS2}#${hash?.attrs["algo"]}.${hash?.getText()}`;
}

/** Has two accounts see each other's presence from now on. */
async function befriend(a: Peer, b: Peer): Promise<void> {
  const agree = async (peer: Peer, other: string) => {
    const { xmpp } = peer;
    // Only who has asked for the roster is told of its changes.
    await xmpp.iqCaller.get(xml("query", "jabber:iq:roster"), undefined, 20_000);
    await xmpp.send(xml("presence", { to: other, type: "subscribe" }));
    await received(peer, other, "subscribe");
    await xmpp.send(xml("presence", { to: other, type: "subscribed" }));
    await received(peer, other, "subscribed");
  };
  await Promise.all([agree(a, bare(b.jid)), agree(b, bare(a.jid))]);
}

/** Publishes an item as personal eventing does, and returns when the server has it. */
async function publish(peer: Peer, node: string, text: string): Promise<void> {
  const payload = xml("text", { xmlns: node }, text);
  const item = xml("item", { id: "current" }, payload);
  await peer.xmpp.iqCaller.set(xml("pubsub", NS_PUBSUB, xml("publish", { node }, item)), undefined, 20_000);
}

/** Goes into a room; who makes it opens it to others. */
async function join(peer: Peer, room: string): Promise<string> {
  const occupant = `${room}/${bare(peer.jid).split("@")[0]}`;
  await peer.xmpp.send(xml("presence", { to: occupant }, xml("x", NS_MUC)));
  const own = await received(peer, occupant);
  const codes = own.getChild("x", `${NS_MUC}#user`)?.getChildren("status");
  if (codes?.some(({ attrs }) => attrs["code"] === "201")) {
    const form = xml("x", { xmlns: "jabber:x:data", type: "submit" });
    await peer.xmpp.iqCaller.set(xml("query", `${NS_MUC}#owner`, form), room, 20_000);
  }
  return occupant;
}

function resumed({ xmpp }: Peer): Promise<unknown> {
  // Its types leave out that it emits events.
  return new Promise((resolve) =>
    (xmpp.streamManagement as unknown as EventEmitter).once("resumed", resolve),
  );
}

class Tunes extends Service {
  readonly feature = registerFeature(this, `${TUNE}+notify`);
}

describe.each([
  ["Prosody", Prosody],
  ["ejabberd", Ejabberd],
] as const)("%s", (_name, Server) => {
  let server: Prosody | Ejabberd;
  let service: string;

  beforeAll(async () => {
    server = await Server.start({ smacks: true, accounts: ["romeo", "juliet", "nurse", "tybalt"] });
    service = server.service;
    await using romeo = await appear({ service, username: "romeo" });
    await using juliet = await appear({ service, username: "juliet" });
    await using nurse = await appear({ service, username: "nurse" });
    await Promise.all([befriend(romeo, juliet), befriend(romeo, nurse)]);
  });

  afterAll(() => server?.stop());

  test("one query serves a contact for good, and another contact with the same software", async () => {
    await using romeo = await appear({ service, username: "romeo" });
    await using juliet = await appear({ service, username: "juliet" });
    await using nurse = await appear({ service, username: "nurse" });
    const presence = await received(romeo, juliet.jid);
    await received(romeo, nurse.jid);
    expect(romeo.questions).toEqual([]);
    const info = await romeo.disco.queryInfo(juliet.jid);
    expect(info.name("de")).toBe("Balkon");
    expect(romeo.questions).toEqual([`${juliet.jid} ${nodeOf(presence)}`]);
    expect(await romeo.disco.queryInfo(juliet.jid)).toEqual(info);
    expect(await romeo.disco.supports(juliet.jid, BALCONY)).toBe(true);
    expect(await romeo.disco.supports(nurse.jid, BALCONY)).toBe(true);
    expect((await romeo.disco.queryInfo(nurse.jid)).jid).toBe(nurse.jid);
    expect(romeo.questions).toHaveLength(1);
  });

  test("a change of many features is announced once, and seen on the other side", async () => {
    await using romeo = await appear({ service, username: "romeo" });
    await using juliet = await appear({ service, username: "juliet" });
    const before = await received(romeo, juliet.jid);
    const features = Array.from({ length: 30 }, (_, index) => `urn:example:new:${index}`);
    expect(await romeo.disco.supports(juliet.jid, "urn:example:new:29")).toBe(false);
    const changes = romeo.changes.filter((jid) => jid === juliet.jid).length;
    for (const feature of features) juliet.server.registerFeature(feature);
    await expect.poll(() => romeo.changes.filter((jid) => jid === juliet.jid).length, POLL).toBe(changes + 1);
    expect(await romeo.disco.supports(juliet.jid, "urn:example:new:29")).toBe(true);
    expect(romeo.questions).toHaveLength(2);
    const announced = romeo.presences.filter(({ attrs }) => attrs["from"] === juliet.jid).map(nodeOf);
    expect(announced).toEqual([nodeOf(before), expect.not.stringMatching(nodeOf(before))]);
    // Who saw the old hash may still ask for it.
    const old = await romeo.disco.queryInfo(juliet.jid, { node: nodeOf(before) });
    expect(old.has("urn:example:new:29")).toBe(false);
  });

  test("who leaves is forgotten", async () => {
    await using romeo = await appear({ service, username: "romeo" });
    await using juliet = await appear({ service, username: "juliet" });
    await received(romeo, juliet.jid);
    expect(await romeo.disco.supports(juliet.jid, BALCONY)).toBe(true);
    const changes = romeo.changes.length;
    await juliet.stop();
    await expect.poll(() => romeo.changes.slice(changes), POLL).toEqual([juliet.jid]);
    const error = await romeo.disco.queryInfo(juliet.jid).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(IqError);
    // A plain question: what was announced is of no use any more.
    expect(romeo.questions.at(-1)).toBe(juliet.jid);
    expect(await romeo.disco.supports(juliet.jid, BALCONY)).toBe(false);
  });

  test("one query serves all occupants of a room with the same software", async () => {
    const room = `orchard@${server.mucDomain}`;
    await using romeo = await enter({ service, username: "romeo" });
    await using juliet = await enter({ service, username: "juliet" });
    await using tybalt = await enter({ service, username: "tybalt" });
    await join(romeo, room);
    const occupants = await Promise.all([join(juliet, room), join(tybalt, room)]);
    for (const occupant of occupants) {
      await received(romeo, occupant);
      expect(await romeo.disco.supports(occupant, BALCONY)).toBe(true);
    }
    expect(romeo.questions).toHaveLength(1);
    await tybalt.xmpp.send(xml("presence", { to: `${room}/tybalt`, type: "unavailable" }));
    await expect.poll(() => romeo.changes.filter((jid) => jid === `${room}/tybalt`), POLL).toHaveLength(2);
  });

  test("directed presence carries the capabilities, and primes like any other", async () => {
    await using romeo = await appear({ service, username: "romeo" });
    await using tybalt = await enter({ service, username: "tybalt" });
    await tybalt.xmpp.sendMany([xml("presence", { to: romeo.jid })]);
    const presence = await received(romeo, tybalt.jid);
    const info = await tybalt.server.getInfo();
    expect(presence.getChild("c", NS_CAPS)?.attrs).toMatchObject({
      node: NODE,
      hash: "sha-1",
      ver: xep0115.hash(info),
    });
    expect(presence.getChildren("c")).toHaveLength(2);
    expect(await romeo.disco.supports(tybalt.jid, BALCONY)).toBe(true);
    expect(romeo.questions).toEqual([`${tybalt.jid} ${nodeOf(presence)}`]);
    // Tybalt is not on the roster, so his going is told to whom he told his coming.
    await tybalt.xmpp.send(xml("presence", { to: romeo.jid, type: "unavailable" }));
    await expect.poll(() => romeo.changes.filter((jid) => jid === tybalt.jid), POLL).toHaveLength(2);
  });

  test("the server announces itself in its stream features: one query serves all its clients", async () => {
    const cache = new EntityCapsCache();
    await using romeo = await enter({ service, username: "romeo", cache });
    expect(romeo.changes).toContain(server.domain);
    const info = await romeo.disco.queryInfo(server.domain);
    expect(info.hasIdentity("server", "im")).toBe(true);
    expect(romeo.questions).toEqual([expect.stringMatching(/^localhost .+#.+$/)]);
    await using juliet = await enter({ service, username: "juliet", cache });
    expect((await juliet.disco.queryInfo(server.domain)).features).toEqual(info.features);
    expect(juliet.questions).toEqual([]);
  });

  test("a +notify feature has the server send what contacts publish, and without it that ends", async () => {
    await using romeo = await enter({ service, username: "romeo" });
    romeo.server.registerFeature(`${MOOD}+notify`);
    await romeo.xmpp.send(xml("presence"));
    await using juliet = await appear({ service, username: "juliet" });
    await received(romeo, juliet.jid);
    await expect
      .poll(async () => {
        await publish(juliet, MOOD, "first");
        return romeo.items;
      }, POLL)
      .toContain(`${MOOD} first`);
    // The mood comes after the tune: when it is there, the tune is, or never will be.
    const hearsTune = async () => {
      const text = randomUUID();
      await publish(juliet, TUNE, text);
      await publish(juliet, MOOD, text);
      await vi.waitUntil(() => romeo.items.includes(`${MOOD} ${text}`), POLL);
      return romeo.items.includes(`${TUNE} ${text}`);
    };
    expect(await hearsTune()).toBe(false);
    const tunes = withServices(romeo.xmpp).summon(Tunes);
    // The server takes its time to ask what the new hash stands for.
    await expect.poll(hearsTune, POLL).toBe(true);
    tunes.feature.enabled = false;
    await expect.poll(hearsTune, POLL).toBe(false);
    for (let again = 0; again < 3; again++) expect(await hearsTune()).toBe(false);
    tunes.feature.enabled = true;
    await expect.poll(hearsTune, POLL).toBe(true);
  });

  test("a stream that resumes keeps what was learnt, and tells what changed meanwhile", async () => {
    await using proxy = await TcpProxy.start(server.port);
    const behind = `xmpp://127.0.0.1:${proxy.port}`;
    await using romeo = await appear({ service: behind, username: "romeo", reconnectDelay: 20 });
    await using juliet = await appear({ service, username: "juliet" });
    await received(romeo, juliet.jid);
    await received(juliet, romeo.jid);
    expect(await romeo.disco.supports(juliet.jid, BALCONY)).toBe(true);
    expect(await juliet.disco.supports(romeo.jid, "urn:example:meanwhile")).toBe(false);
    const again = resumed(romeo);
    proxy.cut();
    await again;
    expect(await romeo.disco.supports(juliet.jid, BALCONY)).toBe(true);
    expect(romeo.questions).toHaveLength(1);
    const changes = romeo.changes.length;
    juliet.server.registerFeature("urn:example:later");
    await expect.poll(() => romeo.changes.slice(changes), POLL).toEqual([juliet.jid]);
    expect(await romeo.disco.supports(juliet.jid, "urn:example:later")).toBe(true);
  });

  test("what changes while the stream is cut is announced when it resumes", async () => {
    await using proxy = await TcpProxy.start(server.port);
    const behind = `xmpp://127.0.0.1:${proxy.port}`;
    await using romeo = await appear({ service: behind, username: "romeo", reconnectDelay: 200 });
    await using juliet = await appear({ service, username: "juliet" });
    await received(juliet, romeo.jid);
    expect(await juliet.disco.supports(romeo.jid, "urn:example:meanwhile")).toBe(false);
    const again = resumed(romeo);
    proxy.refuse(true);
    proxy.cut();
    await expect.poll(() => romeo.xmpp.status, POLL).toBe("disconnect");
    romeo.server.registerFeature("urn:example:meanwhile");
    // By the time a new connection has been tried, the announcement would have been due.
    await expect.poll(() => romeo.errors.length, POLL).toBeGreaterThan(1);
    proxy.refuse(false);
    await again;
    await expect.poll(() => juliet.disco.supports(romeo.jid, "urn:example:meanwhile"), POLL).toBe(true);
  });
});
