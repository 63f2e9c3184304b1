import { type Client, xml } from "@xmpp/client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  DiscoClient,
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
import { Prosody } from "../support/prosody.ts";
import { type ConnectOptions, connect, connectComponent, type Ready } from "../support/ready.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";

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

describe.each(["TCP", "WebSocket"])("over %s", (transport) => {
  let prosody: Prosody;
  let romeo: Ready<Client>;
  let juliet: Ready<Client>;
  let disco: DiscoClient;
  let server: DiscoServer;

  beforeAll(async () => {
    prosody = await Prosody.start({ components: { "echo.localhost": "secret" } });
    const service = transport === "TCP" ? prosody.service : prosody.webSocket;
    [romeo, juliet] = await Promise.all([
      connect({ service, username: "romeo" }),
      connect({ service, username: "juliet" }),
    ]);
    disco = withServices(romeo.xmpp).summon(DiscoClient);
    server = withServices(juliet.xmpp).summon(DiscoServer);
  });

  afterAll(async () => {
    await Promise.allSettled([romeo?.stop(), juliet?.stop()]);
    await prosody?.stop();
  });

  test("the server says what it is", async () => {
    const info = await disco.queryInfo(prosody.domain);
    expect(info.hasIdentity("server", "im")).toBe(true);
    expect(info.has("urn:xmpp:ping")).toBe(true);
    expect(info.jid).toBe("localhost");
  });

  test("the server's items lead to its rooms", async () => {
    const { items } = await disco.queryItems(prosody.domain);
    const rooms = items.find((item) => item.jid === prosody.mucDomain);
    expect(rooms?.name).toBe("Rooms");
    expect(await disco.supports(prosody.mucDomain, MUC)).toBe(true);
    expect(await disco.hasIdentity(prosody.mucDomain, { category: "conference", type: "text" })).toBe(true);
  });

  test("one's own account answers, and is not the server", async () => {
    const own = romeo.jid.replace(/\/.*/, "");
    const info = await disco.queryInfo(own);
    expect(info.hasIdentity("account")).toBe(true);
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
    await disco.queryInfo(prosody.domain);
    const { sent } = disco.stats;
    await disco.queryInfo(prosody.domain.toUpperCase());
    expect(disco.stats.sent).toBe(sent);
  });

  test("an unknown node is not found", async () => {
    const error = await disco.queryInfo(juliet.jid, { node: "no-such-node" }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(IqError);
    expect(error).toMatchObject({ condition: "item-not-found", type: "cancel" });
  });

  test("a JID that is off line refuses at once", async () => {
    await expect(disco.queryInfo("juliet@localhost/nowhere")).rejects.toMatchObject({
      condition: "service-unavailable",
    });
    expect(await disco.supports("juliet@localhost/nowhere", MUC)).toBe(false);
  });

  test("a peer that never answers ends in a timeout, and delays nobody else", async () => {
    const mute = await connect({
      service: prosody.service,
      username: "juliet",
      prepare: (xmpp) => xmpp.iqCallee.get(NS_DISCO_INFO, "query", () => new Promise<never>(() => {})),
    });
    try {
      const stalled = disco.queryInfo(mute.jid, { timeout: 300 }).catch((error: unknown) => error);
      await disco.queryInfo(prosody.domain, { requireFresh: true });
      expect(await Promise.race([stalled, "still waiting"])).toBe("still waiting");
      expect(await stalled).toBeInstanceOf(IqTimeout);
    } finally {
      await mute.stop();
    }
  });

  test("a component tells what it is, for itself and for every JID it has", async () => {
    const echo = await connectComponent({ service: prosody.componentService, domain: "echo.localhost" });
    try {
      const components = withServices(echo.xmpp).summon(DiscoServer);
      components.registerFeature("urn:example:echo");
      components.entity("room@echo.localhost").registerIdentity("conference", "text", "A room");
      expect((await disco.queryInfo("echo.localhost")).has("urn:example:echo")).toBe(true);
      expect((await disco.queryInfo("room@echo.localhost")).name()).toBe("A room");
      expect((await disco.queryInfo("any@echo.localhost")).identities).toEqual([
        { category: "component", type: "generic" },
      ]);
      const asking = withServices(echo.xmpp).summon(DiscoClient);
      const info = await asking.queryInfo(juliet.jid, { from: "room@echo.localhost" });
      expect(info.has(NS_DISCO_INFO)).toBe(true);
    } finally {
      await echo.stop();
    }
  });
});

test("a connection that is cut and resumed in the middle of 200 queries: all are answered, none is asked twice", async () => {
  await using prosody = await Prosody.start({ smacks: true });
  await using proxy = await TcpProxy.start(prosody.port);
  await using juliet = await connect({ service: prosody.service, username: "juliet" });
  const { nodes, counting } = mountMany(juliet.xmpp);
  const { ready, disco } = await asker({
    service: `xmpp://127.0.0.1:${proxy.port}`,
    username: "romeo",
    reconnectDelay: 20,
  });
  await using romeo = ready;
  let resumed = 0;
  (romeo.xmpp.streamManagement as unknown as NodeJS.EventEmitter).on("resumed", () => {
    resumed += 1;
  });
  const ask = (some: string[]) => some.map((node) => disco.queryInfo(juliet.jid, { node }));
  // Some answers arrive; of others the answer is lost on the way, of the rest the question.
  const answered = await Promise.all(ask(nodes.slice(0, 20)));
  proxy.hold("down");
  const unanswered = ask(nodes.slice(20, 120));
  await expect.poll(() => counting.asked.size).toBe(120);
  // Prosody 0.12 resumes with the parser of the old connection: a stanza cut in two would end the stream.
  proxy.hold("up");
  const unasked = ask(nodes.slice(120));
  await expect.poll(() => disco.stats.sent).toBe(200);
  await romeo.xmpp.send(xml("presence", { to: juliet.jid }));
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

test("a connection that is cut without stream management: all reject within a second, and the next query works", async () => {
  await using prosody = await Prosody.start();
  await using proxy = await TcpProxy.start(prosody.port);
  await using juliet = await connect({ service: prosody.service, username: "juliet" });
  const { nodes } = mountMany(juliet.xmpp);
  const { ready, disco } = await asker({
    service: `xmpp://127.0.0.1:${proxy.port}`,
    username: "romeo",
    reconnectDelay: 20,
  });
  await using romeo = ready;
  await disco.queryInfo(prosody.domain);
  proxy.hold("down");
  const queries = nodes.map((node) => disco.queryInfo(juliet.jid, { node }).catch((error: unknown) => error));
  // The queries have left when the cut comes.
  await expect.poll(() => disco.stats.sent).toBe(201);
  const online = new Promise((resolve) => romeo.xmpp.once("online", resolve));
  const cutAt = performance.now();
  proxy.cut();
  proxy.release();
  const results = await Promise.all(queries);
  expect(performance.now() - cutAt).toBeLessThan(1_000);
  expect(results.every((result) => result instanceof SessionLost)).toBe(true);
  await online;
  const { sent } = disco.stats;
  await disco.queryInfo(prosody.domain);
  expect(disco.stats.sent).toBe(sent + 1);
});

test.each([false, true])(
  "a server killed and restarted in the middle of 200 queries (stream management: %s)",
  async (smacks) => {
    await using prosody = await Prosody.start({ smacks });
    await using proxy = await TcpProxy.start(prosody.port);
    await using juliet = await connect({ service: prosody.service, username: "juliet", reconnectDelay: 20 });
    const { nodes, counting } = mountMany(juliet.xmpp);
    const { ready, disco } = await asker({
      service: `xmpp://127.0.0.1:${proxy.port}`,
      username: "romeo",
      reconnectDelay: 20,
    });
    await using romeo = ready;
    const answered = await Promise.all(
      nodes.slice(0, 20).map((node) => disco.queryInfo(juliet.jid, { node })),
    );
    proxy.hold("down");
    const queries = nodes
      .slice(20)
      .map((node) => disco.queryInfo(juliet.jid, { node }).catch((e: unknown) => e));
    await expect.poll(() => counting.asked.size).toBe(200);
    const online = Promise.all(
      [romeo, juliet].map(({ xmpp }) => new Promise((resolve) => xmpp.once("online", resolve))),
    );
    await prosody.kill();
    proxy.cut();
    proxy.release();
    await prosody.restart();
    await online;
    const results = await Promise.all(queries);
    expect(answered).toHaveLength(20);
    expect(results.every((result) => result instanceof SessionLost)).toBe(true);
    // Nothing is believed across it, and all works again.
    const { sent } = disco.stats;
    await disco.queryInfo(prosody.domain);
    const again = await disco.queryInfo(juliet.xmpp.jid?.toString() ?? "", { node: "node-0" });
    expect(again.name()).toBe("node-0");
    expect(disco.stats.sent).toBe(sent + 2);
  },
);
