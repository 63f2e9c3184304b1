import { describe, expect, test, vi } from "vitest";
import {
  DiscoClient,
  type DiscoInfo,
  DiscoItems,
  DiscoNode,
  DiscoServer,
  IqError,
  type Item,
  ServiceDismissed,
  StaticNode,
} from "../../../src/index.ts";
import { connect, ends, expectNoStrays, infoOf, KINDS, query, reply, requestsAt, turn } from "./support.ts";

expectNoStrays();

const OWN = "romeo@montague.example/orchard";

/** A node whose items never come to an end. */
class StalledNode extends DiscoNode {
  override async *iterItems(): AsyncGenerator<Item> {
    await new Promise(() => {});
  }
}

/** A client with a server that tells something. */
async function withServer() {
  const stage = await connect();
  const answering = stage.xmpp.summon(DiscoServer);
  answering.registerFeature("urn:example:own");
  const node = new StaticNode();
  node.registerIdentity("automation", "command-list");
  node.addItem({ jid: "item.example", name: "Item" });
  answering.mountNode("n", node);
  answering.mountNode("stalled", new StalledNode());
  return { ...stage, answering, node };
}

const WAYS = [
  ["with local: true", OWN, { local: true }],
  ["of one's own full JID", OWN, {}],
  ["of one's own full JID in another case", "Romeo@Montague.EXAMPLE/orchard", {}],
] as const;

describe.each(WAYS)("a question %s", (_, jid, options) => {
  test("is answered by the DiscoServer, without a stanza", async () => {
    const stage = await withServer();
    const info = await stage.disco.queryInfo(jid, options);
    expect(info).toMatchObject({ jid: OWN, node: undefined });
    expect(info.has("urn:example:own")).toBe(true);
    expect(info.hasIdentity("client", "bot")).toBe(true);
    const items = await stage.disco.queryItems(jid, { ...options, node: "n" });
    expect(items).toBeInstanceOf(DiscoItems);
    expect(items).toMatchObject({ jid: OWN, node: "n", items: [{ jid: "item.example", name: "Item" }] });
    await requestsAt(stage.server, 0);
  });

  test("is answered anew each time", async () => {
    const { disco, answering } = await withServer();
    await disco.queryInfo(jid, options);
    answering.registerFeature("urn:example:later");
    expect(await disco.supports(jid, "urn:example:later", options)).toBe(true);
  });

  test("for an unknown node rejects with item-not-found", async () => {
    const { disco } = await withServer();
    const asked = KINDS.map(([name]) => query({ disco }, name, jid, { ...options, node: "unknown" }));
    await ends(asked);
    for (const { error } of asked) {
      expect(error).toBeInstanceOf(IqError);
      expect(error).toMatchObject({ condition: "item-not-found", type: "cancel" });
    }
  });

  test("says who asks, where that is given", async () => {
    const { disco, node } = await withServer();
    const iterFeatures = vi.spyOn(node, "iterFeatures");
    await disco.queryInfo(jid, { ...options, node: "n", from: "Juliet@capulet.example/balcony" });
    expect(iterFeatures.mock.calls[0]?.[0]).toMatchObject({ from: "juliet@capulet.example/balcony" });
  });

  test("has a timeout and a signal of its own", async () => {
    const { disco } = await withServer();
    const abort = new AbortController();
    const asked = [
      query({ disco }, "queryItems", jid, { ...options, node: "stalled", timeout: 5 }),
      query({ disco }, "queryItems", jid, { ...options, node: "stalled", signal: abort.signal }),
    ];
    await asked[0]?.end;
    expect(asked[0]?.error).toMatchObject({ name: "IqTimeout", timeout: 5 });
    abort.abort();
    await asked[1]?.end;
    expect(asked[1]?.error).toBe(abort.signal.reason);
  });

  test("is told by no event and counted nowhere", async () => {
    const { disco } = await withServer();
    const told = vi.fn();
    disco.on("info", told);
    const before = disco.stats;
    await disco.queryInfo(jid, options);
    expect(told).not.toHaveBeenCalled();
    expect(disco.stats).toEqual(before);
  });

  test("rejects when DiscoClient is dismissed meanwhile", async () => {
    const stage = await withServer();
    const asked = query(stage, "queryItems", jid, { ...options, node: "stalled" });
    await turn();
    stage.xmpp.dismiss(DiscoClient);
    await turn();
    expect(asked.error).toBeInstanceOf(ServiceDismissed);
  });
});

test("a local question can be asked off line", async () => {
  const stage = await withServer();
  await stage.xmpp.stop();
  expect(await stage.disco.supports(OWN, "urn:example:own", { local: true })).toBe(true);
});

test("a local question without a DiscoServer rejects, and nothing is sent", async () => {
  const stage = await connect();
  const asked = KINDS.map(([name]) => query(stage, name, OWN, { local: true }));
  await ends(asked);
  for (const { error } of asked) {
    expect(error).toBeInstanceOf(IqError);
    expect(error).toMatchObject({ condition: "service-unavailable", text: "no DiscoServer is summoned" });
  }
  await requestsAt(stage.server, 0);
});

test("a local question when the DiscoServer was dismissed rejects, and nothing is sent", async () => {
  const stage = await withServer();
  stage.xmpp.dismiss(DiscoServer);
  const asked = query(stage, "queryInfo", OWN, { local: true });
  await asked.end;
  expect(asked.error).toMatchObject({ condition: "service-unavailable" });
  await requestsAt(stage.server, 0);
});

test("one's own full JID is asked with a stanza where there is no DiscoServer", async () => {
  const stage = await connect();
  const asked = query(stage, "queryInfo", OWN);
  const [request] = await requestsAt(stage.server, 1);
  stage.server.send(reply(request, "mark"));
  await asked.end;
  expect((asked.value as DiscoInfo).features).toEqual(["mark"]);
});

test("one's own account and server are asked with a stanza", async () => {
  const stage = await withServer();
  query(stage, "queryInfo", "romeo@montague.example");
  query(stage, "queryInfo", "montague.example");
  query(stage, "queryInfo", "romeo@montague.example/elsewhere");
  await requestsAt(stage.server, 3);
});

test("a local question is apart from the cache: what is set is not its answer", async () => {
  const { disco } = await withServer();
  disco.setInfoCache(OWN, undefined, infoOf("set"));
  expect((await disco.queryInfo(OWN, { local: true })).has("set")).toBe(false);
});
