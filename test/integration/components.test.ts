import { type Client, xml } from "@xmpp/client";
import type { Component } from "@xmpp/component";
import type { Element } from "@xmpp/xml";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import {
  DiscoClient,
  type DiscoInfo,
  DiscoServer,
  DiscoInfo as Info,
  IqError,
  type Item,
  withServices,
} from "../../src/index.ts";
import { Ejabberd } from "../support/ejabberd.ts";
import { Prosody } from "../support/prosody.ts";
import { connect, connectComponent, type Ready } from "../support/ready.ts";

// What the servers do, seen with Prosody 0.12.3 and ejabberd 23.01:
// - Both list external components among their own items, with no help: Prosody all that are configured, ejabberd those
//   that are connected. So `findServices` and `queryDomain` find a component on the server's domain.
// - Neither touches what a component answers: its pages arrive as it made them.
// - ejabberd has pages (XEP-0059) for the list of its rooms and for no other list; it takes no notice of `index`.
//   Prosody has none: each list comes whole. Prosody hides new rooms until their owner makes them public.
// - Prosody ends the stream of a component that sends a stanza of more than 512 KiB, and of a client at 256 KiB.

// For a busy machine; without other work no test takes longer than six seconds.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });
const POLL = { interval: 5, timeout: 60_000 };

const DOMAIN = "rooms.localhost";
const ROOMS = 10_000;
const LISTED = "urn:example:rooms";
const ROOM = "urn:example:rooms#room";
const NS_MUC = "http://jabber.org/protocol/muc";
const NS_PUBSUB = "http://jabber.org/protocol/pubsub";

const room = (index: number) => `room-${index}@${DOMAIN}`;

async function collect<T>(list: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const each of list) all.push(each);
  return all;
}

const names = (info: DiscoInfo) => info.identities.map(({ category, type, name }) => [category, type, name]);

/** Makes rooms that everybody may see. */
async function makeRooms(xmpp: Client, service: string, count: number): Promise<string[]> {
  const rooms = Array.from({ length: count }, (_, index) => `hall-${index}@${service}`);
  const entered = new Set<string>();
  const onStanza = (stanza: Element) => {
    if (stanza.is("presence")) entered.add(String(stanza.attrs["from"]).replace(/\/.*/, ""));
  };
  xmpp.on("stanza", onStanza);
  for (const jid of rooms) await xmpp.send(xml("presence", { to: `${jid}/romeo` }, xml("x", NS_MUC)));
  await expect.poll(() => entered.size, POLL).toBe(count);
  xmpp.off("stanza", onStanza);
  const form = (): Element =>
    xml(
      "x",
      { xmlns: "jabber:x:data", type: "submit" },
      xml("field", { var: "FORM_TYPE" }, xml("value", {}, `${NS_MUC}#roomconfig`)),
      xml("field", { var: "muc#roomconfig_publicroom" }, xml("value", {}, "1")),
    );
  await Promise.all(
    rooms.map((to) => xmpp.iqCaller.set(xml("query", `${NS_MUC}#owner`, form()), to, POLL.timeout)),
  );
  return rooms;
}

/** Publishes an item at each of so many nodes of one's own account (PEP). */
async function publish(xmpp: Client, count: number): Promise<string[]> {
  const nodes = Array.from({ length: count }, (_, index) => `urn:example:node-${index}`);
  const item = () => xml("item", { id: "current" }, xml("tune", "urn:example:tune"));
  await Promise.all(
    nodes.map((node) =>
      xmpp.iqCaller.set(xml("pubsub", NS_PUBSUB, xml("publish", { node }, item())), undefined, POLL.timeout),
    ),
  );
  return nodes;
}

describe.each([
  { name: "Prosody", Server: Prosody, pagesRooms: false },
  { name: "ejabberd", Server: Ejabberd, pagesRooms: true },
])("at $name", ({ Server, pagesRooms }) => {
  let server: Prosody | Ejabberd;
  let romeo: Ready<Client>;
  let disco: DiscoClient;

  beforeAll(async () => {
    server = await Server.start({ components: { [DOMAIN]: "secret" } });
    romeo = await connect({ service: server.service, username: "romeo" });
    disco = withServices(romeo.xmpp).summon(DiscoClient);
  });

  afterAll(async () => {
    await romeo?.stop();
    await server?.stop();
  });

  /** How many requests were sent for what is done. */
  async function sentFor(action: () => Promise<unknown>): Promise<number> {
    const { sent } = disco.stats;
    await action();
    return disco.stats.sent - sent;
  }

  describe("a component with 10,000 rooms, each a tree of its own", () => {
    let component: Ready<Component>;

    beforeAll(async () => {
      component = await connectComponent({ service: server.componentService, domain: DOMAIN });
      const rooms = withServices(component.xmpp).summon(DiscoServer);
      rooms.registerIdentity("conference", "text", "Ten thousand rooms");
      rooms.unregisterIdentity("component", "generic");
      rooms.registerFeature(LISTED);
      const items: Item[] = [];
      for (let index = 0; index < ROOMS; index++) {
        const entity = rooms.entity(room(index));
        entity.registerIdentity("conference", "text", { en: `Room ${index}`, de: `Raum ${index}` });
        entity.registerFeature(ROOM);
        items.push({ jid: room(index), name: `Room ${index}` });
      }
      await rooms.setItems(items);
      disco.flushCache();
    });

    afterAll(() => component?.stop());

    test("is listed by the server itself", async () => {
      const { items } = await disco.queryItems(server.domain, { requireFresh: true });
      expect(items.map(({ jid }) => jid)).toContain(DOMAIN);
    });

    test("is found by a feature and by its identity on the server's domain", async () => {
      const byFeature = await disco.findServices({ feature: LISTED });
      expect(byFeature.map(names)).toEqual([[["conference", "text", "Ten thousand rooms"]]]);
      const byIdentity = await disco.findServices({ category: "conference", type: "text" });
      expect(byIdentity.map(({ jid }) => jid).sort()).toEqual([server.mucDomain, DOMAIN]);
      const both = await disco.findServices({ feature: LISTED, category: "conference" });
      expect(both.map(({ jid }) => jid)).toEqual([DOMAIN]);
      expect(await disco.findServices({ feature: "urn:example:nobody-has-it" })).toEqual([]);
    });

    test("is found through its own domain without asking all of its rooms", async () => {
      const asked = await sentFor(async () => {
        const found = await disco.findService({ feature: LISTED }, { domain: DOMAIN });
        expect(found?.jid).toBe(DOMAIN);
      });
      expect(asked).toBeLessThan(100);
      // The list that it began to read is read to its end, for whoever asks next.
      await disco.queryItems(DOMAIN);
    });

    test.each([
      { pageSize: 100, requests: 101 },
      { pageSize: 333, requests: 31 },
      // The component gives no more than 1000 at a time, whatever is asked for.
      { pageSize: 5_000, requests: 10 },
    ])("is listed whole in pages of $pageSize", async ({ pageSize, requests }) => {
      const list = disco.iterItems(DOMAIN, { pageSize });
      let items: Item[] = [];
      const sent = await sentFor(async () => {
        items = await collect(list);
      });
      expect(items.map(({ jid }) => jid)).toEqual(Array.from({ length: ROOMS }, (_, index) => room(index)));
      expect(items[42]).toEqual({ jid: room(42), name: "Room 42" });
      expect(list.count).toBe(ROOMS);
      // The last page is full: that it is the last shows when the next one is empty.
      expect(sent).toBeLessThanOrEqual(requests);
    });

    test("is listed backwards, from a place and behind an item, and no further than is iterated", async () => {
      const backwards: (readonly Item[])[] = [];
      for await (const page of disco.iterItems(DOMAIN, { pageSize: 400, backwards: true }).pages()) {
        backwards.unshift(page);
      }
      expect(backwards.flat().map(({ jid }) => jid)).toEqual(
        Array.from({ length: ROOMS }, (_, index) => room(index)),
      );
      const tail = await collect(disco.iterItems(DOMAIN, { pageSize: 500, index: ROOMS - 700 }));
      expect([tail.length, tail[0]?.jid]).toEqual([700, room(ROOMS - 700)]);
      const behind = await collect(disco.iterItems(DOMAIN, { pageSize: 500, after: room(ROOMS - 11) }));
      expect(behind.map(({ jid }) => jid)).toEqual(
        Array.from({ length: 10 }, (_, index) => room(ROOMS - 10 + index)),
      );
      const sent = await sentFor(async () => {
        for await (const item of disco.iterItems(DOMAIN, { pageSize: 50 })) {
          if (item.jid === room(120)) break;
        }
      });
      expect(sent).toBe(3);
    });

    test("tells how many there are without telling which", async () => {
      const list = disco.iterItems(DOMAIN, { pageSize: 0 });
      expect(await collect(list)).toEqual([]);
      expect(list.count).toBe(ROOMS);
    });

    test("a list that changes while it is read neither repeats nor loses what stays", async () => {
      const rooms = withServices(component.xmpp).summon(DiscoServer);
      const read: string[] = [];
      try {
        for await (const page of disco.iterItems(DOMAIN, { pageSize: 1_000 }).pages()) {
          read.push(...page.map(({ jid }) => jid));
          // One that has been told goes, another comes.
          await rooms.delItem({ jid: page[0]?.jid ?? "" });
          await rooms.addItem({ jid: `new-${read.length}@${DOMAIN}` });
        }
        const stayed = read.filter((jid) => jid.startsWith("room-"));
        expect(stayed).toEqual(Array.from({ length: ROOMS }, (_, index) => room(index)));
        expect(new Set(read).size).toBe(read.length);
      } finally {
        await rooms.setItems(
          Array.from({ length: ROOMS }, (_, index) => ({ jid: room(index), name: `Room ${index}` })),
        );
      }
    });

    test("who asks for all rooms at once harms nobody's connection, and gets them", async () => {
      const { items } = await disco.queryItems(DOMAIN, { requireFresh: true });
      expect(items).toHaveLength(ROOMS);
      expect(component.errors).toEqual([]);
      expect(component.xmpp.status).toBe("online");
      expect((await disco.queryInfo(room(1), { requireFresh: true })).name("en")).toBe("Room 1");
    });

    test("each room is what it is, and a JID of none the component's default", async () => {
      const info = await disco.queryInfo(room(4711));
      expect(info.name("de")).toBe("Raum 4711");
      expect(info.name("en")).toBe("Room 4711");
      expect(info.has(ROOM)).toBe(true);
      expect(info.has(LISTED)).toBe(false);
      expect(names(await disco.queryInfo(`nobody@${DOMAIN}`))).toEqual([["component", "generic", undefined]]);
      expect(names(await disco.queryInfo(`${room(4711)}/nick`))).toEqual([
        ["component", "generic", undefined],
      ]);
    });

    test("all of it is walked, each room once", async () => {
      let progress = { found: 0, done: 0, failed: 0 };
      const seen = new Map<string, number>();
      const options = { depth: 1, concurrency: 50, onProgress: (now: typeof progress) => (progress = now) };
      for await (const { jid, info, depth, error } of disco.walk(DOMAIN, options)) {
        expect(error).toBeUndefined();
        seen.set(jid, (seen.get(jid) ?? 0) + 1);
        if (depth === 1) expect(info?.has(ROOM)).toBe(true);
      }
      expect(seen.size).toBe(ROOMS + 1);
      expect([...seen.values()].every((times) => times === 1)).toBe(true);
      expect(progress).toEqual({ found: ROOMS + 1, done: ROOMS + 1, failed: 0 });
    });

    test("asks as any of its JIDs, and keeps the answers apart", async () => {
      await using juliet = await connect({ service: server.service, username: "juliet" });
      const askers: (string | undefined)[] = [];
      withServices(juliet.xmpp)
        .summon(DiscoServer)
        .setNodeHandler("getInfo", ({ from }, next) => {
          askers.push(from);
          return next();
        });
      const asking = withServices(component.xmpp).summon(DiscoClient);
      const { hits } = asking.stats;
      for (const from of [room(1), room(2), undefined, room(1), room(2), undefined]) {
        expect((await asking.queryInfo(juliet.jid, { from })).jid).toBe(juliet.jid);
      }
      expect(askers).toEqual([room(1), room(2), DOMAIN]);
      expect(asking.stats.hits - hits).toBe(3);
      // A room asks the server, and its refusals come back to the room.
      expect((await asking.queryInfo(server.domain, { from: room(3) })).hasIdentity("server", "im")).toBe(
        true,
      );
      await expect(asking.queryInfo("juliet@localhost/nowhere", { from: room(3) })).rejects.toBeInstanceOf(
        IqError,
      );
    });

    test("asks itself without a stanza", async () => {
      const asking = withServices(component.xmpp).summon(DiscoClient);
      const { sent } = asking.stats;
      expect((await asking.queryInfo(DOMAIN)).has(LISTED)).toBe(true);
      expect((await asking.queryInfo(room(7), { local: true })).name("en")).toBe("Room 7");
      expect(asking.stats.sent).toBe(sent);
    });
  });

  describe("a component whose million rooms are computed by one handler", () => {
    const MILLION = 1_000_000;
    let component: Ready<Component>;

    /** The number of a room, undefined for what is none. */
    const numberOf = (jid: string | undefined) => {
      const digits = /^room-(0|[1-9]\d{0,5})@rooms\.localhost$/.exec(jid ?? "")?.[1];
      return digits === undefined ? undefined : Number(digits);
    };

    beforeAll(async () => {
      component = await connectComponent({ service: server.componentService, domain: DOMAIN });
      const rooms = withServices(component.xmpp).summon(DiscoServer);
      rooms.registerFeature(LISTED);
      rooms.setNodeHandler("getInfo", ({ jid, node }, next) => {
        if (jid === DOMAIN) return next();
        const index = numberOf(jid);
        if (index === undefined || node !== undefined) throw new IqError("item-not-found");
        const identities = [{ category: "conference", type: "text", name: `Room ${index}` }];
        return new Info({ identities, features: [ROOM] });
      });
      rooms.setNodeHandler("getItems", ({ jid, node, page }, next) => {
        if (jid !== DOMAIN || node !== undefined) return next();
        const { max = 100, after, before, index = 0 } = page ?? {};
        const place = (uid: string) => {
          const found = numberOf(uid);
          if (found === undefined) throw new IqError("item-not-found");
          return found;
        };
        const end = before === undefined ? undefined : before === "" ? MILLION : place(before);
        const start =
          end !== undefined ? Math.max(0, end - max) : after === undefined ? index : place(after) + 1;
        const length = Math.max(0, Math.min(max, 1_000, (end ?? MILLION) - start));
        const items = Array.from({ length }, (_, offset) => ({ jid: room(start + offset) }));
        return { items, index: start, count: MILLION };
      });
      disco.flushCache();
    });

    afterAll(() => component?.stop());

    test("each room is what the handler says, and others are not there", async () => {
      for (const index of [0, 271_828, 999_999]) {
        const info = await disco.queryInfo(room(index));
        expect([info.jid, info.name(), info.has(ROOM)]).toEqual([room(index), `Room ${index}`, true]);
      }
      for (const jid of [room(MILLION), `room-01@${DOMAIN}`, `${room(1)}/nick`]) {
        await expect(disco.queryInfo(jid)).rejects.toMatchObject({ condition: "item-not-found" });
      }
      expect(await disco.supports(room(MILLION), ROOM)).toBe(false);
    });

    test("the component itself is what was registered, and is found", async () => {
      expect((await disco.findServices({ feature: LISTED })).map(({ jid }) => jid)).toEqual([DOMAIN]);
    });

    test("the list is read from its beginning, its middle and its end", async () => {
      const take = async (options: Parameters<DiscoClient["iterItems"]>[1], count: number) => {
        const jids: string[] = [];
        const list = disco.iterItems(DOMAIN, options);
        for await (const { jid } of list) if (jids.push(jid) === count) break;
        expect(list.count).toBe(MILLION);
        return [jids[0], jids.at(-1), jids.length];
      };
      expect(await take({ pageSize: 50 }, 120)).toEqual([room(0), room(119), 120]);
      expect(await take({ pageSize: 50, index: 500_000 }, 60)).toEqual([room(500_000), room(500_059), 60]);
      expect(await take({ pageSize: 50, after: room(700_000) }, 60)).toEqual([
        room(700_001),
        room(700_060),
        60,
      ]);
      expect(await take({ pageSize: 50, backwards: true }, 50)).toEqual([room(999_950), room(999_999), 50]);
      expect(await collect(disco.iterItems(DOMAIN, { after: room(MILLION - 1) }))).toEqual([]);
      await expect(collect(disco.iterItems(DOMAIN, { after: "nobody" }))).rejects.toMatchObject({
        condition: "item-not-found",
      });
    });
  });

  describe("the server's own lists, read to their end", () => {
    test("the rooms of its MUC", async () => {
      const rooms = (await makeRooms(romeo.xmpp, server.mucDomain, 60)).sort();
      const pages: number[] = [];
      const list = disco.iterItems(server.mucDomain, { pageSize: 7 });
      const read: string[] = [];
      for await (const page of list.pages()) {
        pages.push(page.length);
        read.push(...page.map(({ jid }) => jid));
      }
      expect(read.sort()).toEqual(rooms);
      expect(list.count).toBe(60);
      expect(pages).toEqual(pagesRooms ? [7, 7, 7, 7, 7, 7, 7, 7, 4] : [60]);
      const backwards = await collect(disco.iterItems(server.mucDomain, { pageSize: 7, backwards: true }));
      expect(backwards.map(({ jid }) => jid).sort()).toEqual(rooms);
      const { items } = await disco.queryItems(server.mucDomain, { requireFresh: true });
      expect(items.map(({ jid }) => jid).sort()).toEqual(rooms);
    });

    test("the nodes of one's own account (PEP), and what they are", async () => {
      const nodes = (await publish(romeo.xmpp, 60)).sort();
      const own = romeo.jid.replace(/\/.*/, "");
      const items = await collect(disco.iterItems(own, { pageSize: 7 }));
      // ejabberd lists the account's connected resources as well.
      const told = items.filter(({ node }) => node !== undefined);
      expect(told.map(({ node }) => node).sort()).toEqual(nodes);
      expect(told.every(({ jid }) => jid === own)).toBe(true);
      const kinds = await Promise.all(
        nodes.map(async (node) => (await disco.queryInfo(own, { node })).hasIdentity("pubsub", "leaf")),
      );
      expect(kinds.every(Boolean)).toBe(true);
      const published = await collect(disco.iterItems(own, { node: nodes[0], pageSize: 7 }));
      expect(published.map(({ name }) => name)).toEqual(["current"]);
    });

    test("the services of the server", async () => {
      const items = await collect(disco.iterItems(server.domain, { pageSize: 1 }));
      const { items: all } = await disco.queryItems(server.domain, { requireFresh: true });
      expect(items).toEqual(all);
      expect(items.map(({ jid }) => jid)).toContain(server.mucDomain);
    });
  });
});
