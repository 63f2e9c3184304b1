import type { EventEmitter } from "node:events";
import { once } from "node:events";
import { type AddressInfo, connect as connectSocket, createServer, type Server, type Socket } from "node:net";
import { type Client, xml } from "@xmpp/client";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import {
  DiscoClient,
  DiscoInfo,
  DiscoNode,
  type DiscoRequest,
  DiscoServer,
  IqError,
  IqTimeout,
  NS_DISCO_INFO,
  SessionLost,
  StaticNode,
  withServices,
} from "../../src/index.ts";
import { Ejabberd } from "../support/ejabberd.ts";
import type { Direction } from "../support/loopback-proxy.ts";
import { LOOPBACK } from "../support/ports.ts";
import { type ConnectOptions, connect, type Ready } from "../support/ready.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";

// For a busy machine; without other work no test takes longer than four seconds.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });
const POLL = { interval: 5, timeout: 30_000 };

const MUC = "http://jabber.org/protocol/muc";

/** A client that asks, and what it was connected with. */
async function asker(options: ConnectOptions): Promise<{ ready: Ready<Client>; disco: DiscoClient }> {
  const ready = await connect(options);
  return { ready, disco: withServices(ready.xmpp).summon(DiscoClient) };
}

/** A node of many names that remembers who was asked how often. */
class Counting extends DiscoNode {
  readonly asked = new Map<string, number>();

  override iterIdentities(request?: DiscoRequest) {
    const node = request?.node ?? "";
    if (request?.from !== undefined) this.asked.set(node, (this.asked.get(node) ?? 0) + 1);
    return [{ category: "hierarchy", type: "leaf", name: node }];
  }
}

/** Mounts 200 nodes that are counted when asked. */
function mountMany(xmpp: Client): { nodes: string[]; counting: Counting } {
  const server = withServices(xmpp).summon(DiscoServer);
  const counting = new Counting();
  const nodes = Array.from({ length: 200 }, (_, index) => `node-${index}`);
  for (const node of nodes) server.mountNode(node, counting);
  return { nodes, counting };
}

/** Its types leave out that it emits events. */
function streamManagement(xmpp: Client): Client["streamManagement"] & EventEmitter {
  return xmpp.streamManagement as Client["streamManagement"] & EventEmitter;
}

/**
 * Passes on so many bytes in one direction, then resets the connection, in the middle of a stanza as often as not;
 * the first connection has its limit set from outside, those after it have theirs from a list, the last has none.
 */
class Guillotine implements AsyncDisposable {
  readonly #server: Server;
  readonly #links = new Set<{ readonly sockets: readonly [Socket, Socket] }>();
  #limits: number[] = [];
  #direction: Direction = "up";
  #left = Number.POSITIVE_INFINITY;
  /** How many connections were cut. */
  cuts = 0;

  private constructor(port: number) {
    this.#server = createServer({ noDelay: true }, (client) => {
      const server = connectSocket({ port, host: LOOPBACK, noDelay: true });
      const link = { sockets: [client, server] as const };
      this.#links.add(link);
      client.once("close", () => this.#links.delete(link));
      for (const socket of link.sockets) {
        socket.on("error", () => {});
        socket.once("close", () => {
          for (const each of link.sockets) each.destroy();
        });
      }
      if (this.cuts > 0) this.#left = this.#limits.shift() ?? Number.POSITIVE_INFINITY;
      const pass = (from: Socket, to: Socket, direction: Direction) =>
        from.on("data", (bytes) => {
          if (direction !== this.#direction || bytes.length < this.#left) {
            if (direction === this.#direction) this.#left -= bytes.length;
            to.write(bytes);
            return;
          }
          // What was let through still arrives; what comes after it never does.
          to.end(bytes.subarray(0, this.#left));
          from.removeAllListeners("data").resume();
          this.cuts += 1;
          to.once("finish", () => {
            for (const socket of link.sockets) socket.destroy();
          });
        });
      pass(client, server, "up");
      pass(server, client, "down");
    });
  }

  static async start(port: number): Promise<Guillotine> {
    const guillotine = new Guillotine(port);
    guillotine.#server.listen(0, LOOPBACK);
    await once(guillotine.#server, "listening");
    return guillotine;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** From now on the connection has so many bytes to go; the next ones have the others. */
  limit(direction: Direction, [first = Number.POSITIVE_INFINITY, ...others]: readonly number[]): void {
    this.#direction = direction;
    this.#left = first;
    this.#limits = [...others];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const { sockets } of this.#links) for (const socket of sockets) socket.destroy();
    await closed;
  }
}

/** Numbers that look random and are the same each time (mulberry32). */
function* numbers(seed: number): Generator<number, never, undefined> {
  let state = seed;
  for (;;) {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    yield ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
}

describe.each(["TCP", "WebSocket"])("over %s", (transport) => {
  let ejabberd: Ejabberd;
  let romeo: Ready<Client>;
  let juliet: Ready<Client>;
  let disco: DiscoClient;
  let server: DiscoServer;

  beforeAll(async () => {
    ejabberd = await Ejabberd.start();
    const service = transport === "TCP" ? ejabberd.service : ejabberd.webSocket;
    [romeo, juliet] = await Promise.all([
      connect({ service, username: "romeo" }),
      connect({ service, username: "juliet" }),
    ]);
    disco = withServices(romeo.xmpp).summon(DiscoClient);
    server = withServices(juliet.xmpp).summon(DiscoServer);
  });

  afterAll(async () => {
    await Promise.allSettled([romeo?.stop(), juliet?.stop()]);
    await ejabberd?.stop();
  });

  test("the server says what it is", async () => {
    const info = await disco.queryInfo(ejabberd.domain);
    expect(info.hasIdentity("server", "im")).toBe(true);
    expect(info.has("urn:xmpp:ping")).toBe(true);
    expect(info.jid).toBe("localhost");
    // Some forty features and a form of its own.
    expect(info.form("http://jabber.org/network/serverinfo")).toBeDefined();
  });

  test("the server's items lead to its rooms", async () => {
    const { items } = await disco.queryItems(ejabberd.domain);
    expect(items.map(({ jid }) => jid)).toContain(ejabberd.mucDomain);
    expect((await disco.queryInfo(ejabberd.mucDomain)).name()).toBe("Rooms");
    expect(await disco.supports(ejabberd.mucDomain, MUC)).toBe(true);
    expect(await disco.hasIdentity(ejabberd.mucDomain, { category: "conference", type: "text" })).toBe(true);
  });

  test("a room tells what it is", async () => {
    const room = `garden@${ejabberd.mucDomain}`;
    const entered = new Promise((resolve) => romeo.xmpp.once("stanza", resolve));
    await romeo.xmpp.send(xml("presence", { to: `${room}/romeo` }, xml("x", MUC)));
    await entered;
    await expect.poll(() => disco.supports(room, "muc_open", { requireFresh: true }), POLL).toBe(true);
    const info = await disco.queryInfo(room);
    expect(info.hasIdentity("conference", "text")).toBe(true);
    expect(info.form(`${MUC}#roominfo`)?.value("muc#roominfo_occupants")).toBe("1");
  });

  test("one's own account answers, and is not the server", async () => {
    const own = romeo.jid.replace(/\/.*/, "");
    const info = await disco.queryInfo(own);
    expect(info.hasIdentity("account", "registered")).toBe(true);
    expect(info.jid).toBe(own);
  });

  test("another client tells its identities, features, nodes and items", async () => {
    server.registerIdentity("client", "web", { en: "Balcony", de: "Balkon" });
    server.registerFeature("urn:xmpp:receipts");
    const letters = new StaticNode();
    letters.registerIdentity("hierarchy", "branch");
    letters.addItem({ jid: juliet.jid, node: 'a < b & "c"', name: "Ⅰ" });
    server.mountNode("letters", letters, { listed: true });
    const info = await disco.queryInfo(juliet.jid);
    expect(info.name("de")).toBe("Balkon");
    expect(info.has("urn:xmpp:receipts")).toBe(true);
    expect((await disco.queryItems(juliet.jid)).items).toEqual([{ jid: juliet.jid, node: "letters" }]);
    const items = await disco.queryItems(juliet.jid, { node: "letters" });
    expect(items.items).toEqual([{ jid: juliet.jid, node: 'a < b & "c"', name: "Ⅰ" }]);
  });

  test("asked again, nothing is sent", async () => {
    await disco.queryInfo(ejabberd.domain);
    const { sent } = disco.stats;
    await disco.queryInfo(ejabberd.domain.toUpperCase());
    expect(disco.stats.sent).toBe(sent);
  });

  test("an unknown node is not found", async () => {
    const error = await disco.queryInfo(juliet.jid, { node: "no-such-node" }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(IqError);
    expect(error).toMatchObject({ condition: "item-not-found", type: "cancel" });
    // The server's own nodes are looked up by name as well.
    await expect(disco.queryInfo(ejabberd.domain, { node: "no-such-node" })).rejects.toMatchObject({
      condition: "item-not-found",
    });
  });

  test("a JID that is off line refuses at once", async () => {
    await expect(disco.queryInfo("juliet@localhost/nowhere")).rejects.toMatchObject({
      condition: "service-unavailable",
    });
    expect(await disco.supports("juliet@localhost/nowhere", MUC)).toBe(false);
  });

  test("a peer that never answers ends in a timeout, and delays nobody else", async () => {
    const mute = await connect({
      service: ejabberd.service,
      username: "juliet",
      prepare: (xmpp) => xmpp.iqCallee.get(NS_DISCO_INFO, "query", () => new Promise<never>(() => {})),
    });
    try {
      const stalled = disco.queryInfo(mute.jid, { timeout: 2_000 }).catch((error: unknown) => error);
      await disco.queryInfo(ejabberd.domain, { requireFresh: true });
      expect(await Promise.race([stalled, "still waiting"])).toBe("still waiting");
      expect(await stalled).toBeInstanceOf(IqTimeout);
    } finally {
      await mute.stop();
    }
  });
});

describe("a connection that is cut and resumed in the middle of 200 queries: all are answered, none is asked twice", () => {
  let ejabberd: Ejabberd;

  beforeAll(async () => {
    ejabberd = await Ejabberd.start({ smacks: true });
  });

  afterAll(() => ejabberd?.stop());

  test("where answers are lost, and questions", async () => {
    await using proxy = await TcpProxy.start(ejabberd.port);
    await using juliet = await connect({ service: ejabberd.service, username: "juliet" });
    const { nodes, counting } = mountMany(juliet.xmpp);
    const { ready, disco } = await asker({
      service: `xmpp://${LOOPBACK}:${proxy.port}`,
      username: "romeo",
      reconnectDelay: 20,
    });
    await using romeo = ready;
    let resumed = 0;
    streamManagement(romeo.xmpp).on("resumed", () => {
      resumed += 1;
    });
    await expect.poll(() => romeo.xmpp.streamManagement.id, POLL).not.toBe("");
    const ask = (some: string[]) => some.map((node) => disco.queryInfo(juliet.jid, { node }));
    // Some answers arrive; of others the answer is lost on the way, of the rest the question.
    const answered = await Promise.all(ask(nodes.slice(0, 20)));
    proxy.hold("down");
    const unanswered = ask(nodes.slice(20, 120));
    await expect.poll(() => counting.asked.size, POLL).toBe(120);
    proxy.hold("up");
    const unasked = ask(nodes.slice(120));
    await expect.poll(() => disco.stats.sent, POLL).toBe(200);
    proxy.cut();
    proxy.release();
    const infos = await Promise.all([...answered, ...unanswered, ...unasked]);
    expect(infos.map((info) => info.name())).toEqual(nodes);
    expect(resumed).toBe(1);
    expect(disco.stats.sent).toBe(200);
    expect(counting.asked.size).toBe(200);
    expect([...counting.asked.values()].every((count) => count === 1)).toBe(true);
    // What was cached before is still there.
    await disco.queryInfo(juliet.jid, { node: "node-0" });
    expect(disco.stats.sent).toBe(200);
  });

  // 200 questions are some 45 kB, their answers some 60 kB.
  test.each(
    (["up", "down"] as const).flatMap((direction) =>
      Array.from({ length: 6 }, (_, seed) => ({ direction, seed: seed + 1 })),
    ),
  )(
    "after any number of bytes that went $direction, again and again (seed $seed)",
    async ({ direction, seed }) => {
      await using guillotine = await Guillotine.start(ejabberd.port);
      await using juliet = await connect({ service: ejabberd.service, username: "juliet" });
      const { nodes, counting } = mountMany(juliet.xmpp);
      const { ready, disco } = await asker({
        service: `xmpp://${LOOPBACK}:${guillotine.port}`,
        username: "romeo",
        reconnectDelay: 20,
      });
      await using romeo = ready;
      const management = streamManagement(romeo.xmpp);
      let resumed = 0;
      management.on("resumed", () => {
        resumed += 1;
      });
      // xmpp.js gives a stream up that is cut while what was not acknowledged is sent again: the session is lost then.
      let isGivenUp = false;
      management.on("fail", () => {
        isGivenUp = true;
      });
      await expect.poll(() => management.id, POLL).not.toBe("");
      const { id } = management;
      const random = numbers(seed);
      // The first cut comes among the stanzas; those after it in the resumption too.
      const limits = Array.from({ length: 4 }, () => 1 + Math.floor(random.next().value * 20_000));
      guillotine.limit(direction, limits);
      const results = await Promise.all(
        nodes.map((node) => disco.queryInfo(juliet.jid, { node }).catch((error: unknown) => error)),
      );
      expect(guillotine.cuts).toBeGreaterThan(0);
      expect(disco.stats.sent).toBe(200);
      expect([...counting.asked.values()].every((count) => count === 1)).toBe(true);
      if (isGivenUp || management.id !== id) {
        expect(results.filter((result) => !(result instanceof DiscoInfo))).toSatisfy((errors: unknown[]) =>
          errors.every((error) => error instanceof SessionLost),
        );
        return;
      }
      expect(results.map((result) => (result instanceof DiscoInfo ? result.name() : result))).toEqual(nodes);
      expect(resumed).toBeGreaterThan(0);
      expect(counting.asked.size).toBe(200);
    },
  );
});

test("a server killed and restarted in the middle of 200 queries: all reject, and all works again", async () => {
  await using ejabberd = await Ejabberd.start({ smacks: true });
  await using proxy = await TcpProxy.start(ejabberd.port);
  await using juliet = await connect({ service: ejabberd.service, username: "juliet", reconnectDelay: 20 });
  const { nodes, counting } = mountMany(juliet.xmpp);
  const { ready, disco } = await asker({
    service: `xmpp://${LOOPBACK}:${proxy.port}`,
    username: "romeo",
    reconnectDelay: 20,
  });
  await using romeo = ready;
  proxy.hold("down");
  const queries = nodes.map((node) => disco.queryInfo(juliet.jid, { node }).catch((e: unknown) => e));
  await expect.poll(() => counting.asked.size, POLL).toBe(200);
  const online = Promise.all(
    [romeo, juliet].map(({ xmpp }) => new Promise((resolve) => xmpp.once("online", resolve))),
  );
  await ejabberd.kill();
  proxy.cut();
  proxy.release();
  await ejabberd.restart();
  await online;
  const results = await Promise.all(queries);
  expect(results.every((result) => result instanceof SessionLost)).toBe(true);
  // xmpp.js may connect once more: the session that juliet has now need not be the one that lasts.
  const ask = () => disco.queryInfo(juliet.xmpp.jid?.toString() ?? "", { node: "node-0" });
  await expect.poll(() => ask().then((info) => info.name(), String), POLL).toBe("node-0");
});
