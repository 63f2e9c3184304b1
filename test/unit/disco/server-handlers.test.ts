import { jid } from "@xmpp/jid";
import xml from "@xmpp/xml";
import { describe, expect, it, vi } from "vitest";
import type { NodeContext, Owner } from "../../../src/disco/node-handlers.ts";
import {
  type Address,
  DataForm,
  DiscoClient,
  DiscoInfo,
  DiscoItems,
  DiscoNode,
  type DiscoServer,
  type Identity,
  IqError,
  type Item,
  NS_DISCO_INFO,
  registerFeature,
  Service,
  StaticNode,
} from "../../../src/index.ts";
import { changesOf } from "../forms/helpers.ts";
import {
  askedClient,
  askedComponent,
  COMPONENT,
  clientServer,
  componentServer,
  infoWith,
  itemNotFound,
  ME,
  PEER,
  until,
} from "./answering.ts";
import { expectNoStrays, present } from "./support.ts";

expectNoStrays();

const ROOM = "room@comp.example";
const WEB = { category: "client", type: "web" };
const FORM = new DataForm({ formType: "urn:example:form", fields: { a: ["1", "2"] } });

/** An owner of each kind: the component itself, another entity, a node of either. */
const OWNERS: readonly (readonly [what: string, owner: Owner])[] = [
  ["the root", {}],
  ["an entity", { jid: ROOM }],
  ["a node of the root", { node: "n" }],
  ["a node of an entity", { jid: ROOM, node: "n" }],
];

/** A server whose owner has an identity, without which a node is not there. */
async function furnished(owner: Owner): Promise<DiscoServer> {
  const server = componentServer();
  await server.setIdentities([WEB], owner);
  return server;
}

describe.each(OWNERS)("in memory, for %s,", (_, owner) => {
  const told = async (server: DiscoServer) => (await server.getInfo(owner)).toJSON();
  const itemsOf = async (server: DiscoServer) => (await server.getItems(owner)).items;

  it("features are added, once each, in order", async () => {
    const server = await furnished(owner);
    for (const feature of ["b", "a", "b"]) await server.addFeature(feature, owner);

    expect((await told(server)).features).toEqual([NS_DISCO_INFO, "b", "a"]);
  });

  it("a feature is removed, and no other", async () => {
    const server = await furnished(owner);
    await server.setFeatures(["a", "b"], owner);
    await server.delFeature("a", owner);

    expect((await told(server)).features).toEqual([NS_DISCO_INFO, "b"]);
  });

  it("features are replaced, and all removed", async () => {
    const server = await furnished(owner);
    await server.setFeatures(["a", "b"], owner);
    await server.setFeatures(["c", "c"], owner);
    expect((await told(server)).features).toEqual([NS_DISCO_INFO, "c"]);
    await server.delFeatures(owner);

    expect((await told(server)).features).toEqual([NS_DISCO_INFO]);
  });

  it("disco#info is always there, whatever is added and removed", async () => {
    const server = await furnished(owner);
    await server.addFeature(NS_DISCO_INFO, owner);
    await server.setFeatures([NS_DISCO_INFO, "a"], owner);
    await server.delFeature(NS_DISCO_INFO, owner);

    expect((await told(server)).features).toEqual([NS_DISCO_INFO, "a"]);
  });

  it("identities that differ in language only are one with several names", async () => {
    const server = await furnished(owner);
    await server.setIdentities([{ ...WEB, lang: "en", name: "My app" }], owner);
    await server.addIdentity({ ...WEB, lang: "de", name: "Meine App" }, owner);
    await server.addIdentity({ ...WEB, lang: "en", name: "My new app" }, owner);

    const info = await server.getInfo(owner);
    expect(info.identities).toHaveLength(2);
    expect(info.name("en")).toBe("My new app");
    expect(info.name("de-AT")).toBe("Meine App");
  });

  it("an identity is removed in one language, and in all", async () => {
    const server = await furnished(owner);
    await server.setIdentities(
      [
        { category: "a", type: "b" },
        { ...WEB, lang: "en", name: "A" },
        { ...WEB, lang: "de", name: "B" },
        { ...WEB, name: "C" },
      ],
      owner,
    );
    await server.delIdentity({ ...WEB, lang: "de" }, owner);
    expect(
      (await told(server)).identities.filter(({ type }) => type === "web").map(({ name }) => name),
    ).toEqual(["A", "C"]);
    await server.delIdentity(WEB, owner);

    expect((await told(server)).identities).toEqual([{ category: "a", type: "b" }]);
  });

  it("items are added, replaced by JID and node, and removed", async () => {
    const server = await furnished(owner);
    await server.addItem({ jid: "x.example" }, owner);
    await server.addItem({ jid: jid("X.example"), node: "n", name: "N" }, owner);
    await server.addItem({ jid: "X.example", name: "X" }, owner);
    expect(await itemsOf(server)).toEqual([
      { jid: "x.example", name: "X" },
      { jid: "x.example", node: "n", name: "N" },
    ]);
    await server.delItem({ jid: "X.example" }, owner);

    expect(await itemsOf(server)).toEqual([{ jid: "x.example", node: "n", name: "N" }]);
  });

  it("items are replaced, and all removed", async () => {
    const server = await furnished(owner);
    await server.addItem({ jid: "x.example" }, owner);
    await server.setItems(new Set([{ jid: "y.example" }, { jid: "z.example" }]), owner);
    expect(await itemsOf(server)).toEqual([{ jid: "y.example" }, { jid: "z.example" }]);
    await server.delItems(owner);

    expect(await itemsOf(server)).toEqual([]);
  });

  it("forms are added in place of the one of their FORM_TYPE, and removed", async () => {
    const server = await furnished(owner);
    const other = new DataForm({ formType: "urn:example:other" });
    await server.addForm(new DataForm({ formType: "urn:example:form" }), owner);
    await server.addForm(other, owner);
    await server.addForm(FORM, owner);
    expect((await server.getInfo(owner)).form("urn:example:form")).toEqual(FORM);
    await server.delForm("urn:example:form", owner);
    expect((await server.getInfo(owner)).forms).toEqual([other]);
    await server.setForms([FORM], owner);

    expect((await server.getInfo(owner)).forms).toEqual([FORM]);
  });

  it("what is there has its features and identities, in their languages", async () => {
    const server = await furnished(owner);
    await server.addFeature("x", owner);
    await server.addIdentity({ ...WEB, lang: "de", name: "Meine App" }, owner);

    expect(await server.supports("x", owner)).toBe(true);
    expect(await server.supports("y", owner)).toBe(false);
    expect(await server.hasIdentity({ category: "client" }, owner)).toBe(true);
    expect(await server.hasIdentity({ ...WEB, lang: "DE" }, owner)).toBe(true);
    expect(await server.hasIdentity({ ...WEB, lang: "fr" }, owner)).toBe(false);
    expect(await server.hasIdentity({ category: "client", type: "pc" }, owner)).toBe(false);
  });

  it("what is not there is removed without harm, and without a change that anybody is told of", async () => {
    const server = await furnished(owner);
    await server.addFeature("kept", owner);
    const changes = changesOf(
      server.entity(owner.jid ?? COMPONENT).nodeAt(owner.node ?? undefined) ?? server,
    );
    const before = await told(server);
    await server.delFeature("x", owner);
    await server.delIdentity({ category: "client", type: "pc" }, owner);
    await server.delIdentity({ ...WEB, lang: "de" }, owner);
    await server.delItem({ jid: "x.example" }, owner);
    await server.delForm("urn:example:form", owner);

    expect(changes).toEqual([]);
    expect(await told(server)).toEqual(before);
  });

  it.each<[what: string, act: (server: DiscoServer) => Promise<unknown>, named: string]>([
    ["an empty feature", (server) => server.addFeature("", owner), "feature"],
    ["a feature that is no text", (server) => server.addFeature(5 as unknown as string, owner), "5"],
    ["one bad feature among good ones", (server) => server.setFeatures(["a", "\u0000"], owner), "\\u0000"],
    ["an identity without a type", (server) => server.addIdentity({ ...WEB, type: "" }, owner), "type"],
    [
      "an identity that is null",
      (server) => server.addIdentity(null as unknown as Identity, owner),
      "identity",
    ],
    [
      "one bad identity among good ones",
      (server) => server.setIdentities([WEB, {} as Identity], owner),
      "category",
    ],
    ["an item whose JID is none", (server) => server.addItem({ jid: "@@" }, owner), "@@"],
    [
      "one bad item among good ones",
      (server) => server.setItems([{ jid: "y.example" }, {} as Item], owner),
      "jid",
    ],
    [
      "the same item twice",
      (server) => server.setItems([{ jid: "y.example" }, { jid: "Y.example" }], owner),
      "y.example",
    ],
    ["a form without FORM_TYPE", (server) => server.addForm(new DataForm({}), owner), "FORM_TYPE"],
    ["one bad form among good ones", (server) => server.setForms([FORM, {} as DataForm], owner), "DataForm"],
    ["an information that is none", (server) => server.cacheInfo({} as DiscoInfo, owner), "DiscoInfo"],
    [
      "a feature to look for that is none",
      (server) => server.supports(5 as unknown as string, owner),
      "feature",
    ],
    [
      "an identity to look for that is none",
      (server) => server.hasIdentity({} as Identity, owner),
      "category",
    ],
  ])("%s is a clear error and changes nothing", async (_, act, named) => {
    const server = await furnished(owner);
    await server.addFeature("kept", owner);
    await server.addItem({ jid: "x.example" }, owner);
    const before = [await told(server), await itemsOf(server)];

    await expect(act(server)).rejects.toThrow(named);
    expect([await told(server), await itemsOf(server)]).toEqual(before);
  });

  it("all changes of a batch are told once", async () => {
    const server = await furnished(owner);
    const node = server.entity(owner.jid ?? COMPONENT).nodeAt(owner.node ?? undefined) ?? server;
    const changes = changesOf(node);
    await node.batch(async () => {
      await server.addFeature("a", owner);
      await server.addFeature("b", owner);
      await server.addItem({ jid: "x.example" }, owner);
    });

    expect(changes.sort()).toEqual(["info", "items"]);
  });
});

describe("a node that is made by adding to it", () => {
  it("is there once it has an identity", async () => {
    const { disco, peer } = await askedComponent();
    await disco.addFeature("x", { jid: ROOM, node: "n" });
    await expect(peer.info({ to: ROOM, node: "n" })).rejects.toMatchObject(itemNotFound);
    await disco.addIdentity(WEB, { jid: ROOM, node: "n" });

    expect(await peer.info({ to: ROOM, node: "n" })).toMatchObject({
      node: "n",
      identities: [WEB],
      features: [NS_DISCO_INFO, "x"],
    });
  });

  it("is gone for others once it has no identity any more", async () => {
    const { disco, peer } = await askedClient();
    await disco.addIdentity(WEB, { node: "n" });
    await disco.delIdentities({ node: "n" });

    await expect(peer.info({ node: "n" })).rejects.toMatchObject(itemNotFound);
    expect(await disco.supports(NS_DISCO_INFO, { node: "n" })).toBe(false);
  });

  it("tells its items also without an identity: who added them meant them to be seen", async () => {
    const { disco, peer } = await askedClient();
    await disco.addItem({ jid: "x.example" }, { node: "n" });

    expect((await peer.items({ node: "n" })).items).toEqual([{ jid: "x.example" }]);
  });

  it("is the same that a name in the tree leads to", async () => {
    const server = componentServer();
    await server.addItem({ jid: "x.example" }, { jid: ROOM, node: "n" });
    const node = server.entity(ROOM).nodeAt("n");

    expect(node).toBeInstanceOf(StaticNode);
    expect((node as StaticNode).items).toEqual([{ jid: "x.example" }]);
    expect(server.nodeAt("n")).toBeUndefined();
  });

  it("is not listed by itself", async () => {
    const server = componentServer();
    await server.addIdentity(WEB, { node: "n" });

    expect((await server.getItems()).items).toEqual([]);
  });

  it("is not made by removing from it", async () => {
    const server = componentServer();
    const owner = { jid: ROOM, node: "n" };
    await server.delFeature("x", owner);
    await server.delFeatures(owner);
    await server.delIdentity(WEB, owner);
    await server.delIdentities(owner);
    await server.delItem({ jid: "x.example" }, owner);
    await server.delItems(owner);
    await server.delForm("urn:example:form", owner);

    expect(server.entity(ROOM).nodeAt("n")).toBeUndefined();
  });
});

describe("the root", () => {
  it("tells the default identity where its last one was removed, and that alone goes with a new one", async () => {
    const { disco, peer } = await askedClient();
    await disco.setIdentities([WEB]);
    await disco.delIdentities();
    expect((await peer.info()).identities).toEqual([{ category: "client", type: "bot" }]);
    await disco.addIdentity({ category: "client", type: "pc" });

    expect((await peer.info()).identities).toEqual([{ category: "client", type: "pc" }]);
  });

  it("tells it also those who ask the node itself, such as what hashes it", async () => {
    const server = clientServer();
    await server.delIdentities();

    expect((await server.toInfo()).identities).toEqual([{ category: "client", type: "bot" }]);
  });

  it("keeps the features that services hold when all others are removed", async () => {
    class Receipts extends Service {
      readonly feature = registerFeature(this, "urn:xmpp:receipts");
    }
    const { disco, peer, xmpp } = await askedClient();
    xmpp.summon(Receipts);
    await disco.addFeature("x");
    await disco.delFeatures();

    expect((await peer.info()).features).toEqual([NS_DISCO_INFO, "urn:xmpp:receipts"]);
  });

  it("keeps a feature that a service holds and the application removes", async () => {
    class Receipts extends Service {
      readonly feature = registerFeature(this, "urn:xmpp:receipts");
    }
    const { disco, xmpp } = await askedClient();
    const receipts = xmpp.summon(Receipts);
    await disco.addFeature("urn:xmpp:receipts");
    await disco.delFeature("urn:xmpp:receipts");
    expect(await disco.supports("urn:xmpp:receipts")).toBe(true);
    receipts.feature.enabled = false;

    expect(await disco.supports("urn:xmpp:receipts")).toBe(false);
  });

  it("of a client may be named by its full and its bare JID", async () => {
    const { disco, peer } = await askedClient();
    await disco.addFeature("a", { jid: ME });
    await disco.addFeature("b", { jid: "romeo@montague.example" });

    expect((await peer.info()).features).toEqual([NS_DISCO_INFO, "a", "b"]);
  });

  it.each<[what: string, act: (server: DiscoServer, owner: Owner) => Promise<unknown>]>([
    ["added to", (server, owner) => server.addFeature("x", owner)],
    ["removed from", (server, owner) => server.delFeature("kept", owner)],
    ["cleared", (server, owner) => server.delIdentities(owner)],
    ["asked", (server, owner) => server.supports("kept", owner)],
    ["asked in full", (server, owner) => server.getInfo(owner)],
    ["asked for its items", (server, owner) => server.getItems(owner)],
  ])("of a client is not %s in somebody else's name, which is an error", async (_, act) => {
    const { disco } = await askedClient();
    await disco.addFeature("kept");
    await disco.setIdentities([WEB]);

    await expect(act(disco, { jid: PEER })).rejects.toThrow(PEER);
    expect(await disco.getInfo()).toMatchObject({ identities: [WEB], features: [NS_DISCO_INFO, "kept"] });
  });

  it("of a client answers by whatever address its server delivers a question", async () => {
    const { peer } = await askedClient();

    expect((await peer.info({ to: "romeo@montague.example" })).hasIdentity("client", "bot")).toBe(true);
  });
});

describe("a mounted node", () => {
  it("that has items of its own making cannot be given any", async () => {
    const server = componentServer();
    server.mountNode("n", new DiscoNode());

    await expect(server.addItem({ jid: "x.example" }, { node: "n" })).rejects.toThrow(/"n" is no StaticNode/);
    await expect(server.setItems([], { node: "n" })).rejects.toThrow(TypeError);
  });

  it("can be added to like any other", async () => {
    const server = componentServer();
    const node = new StaticNode();
    node.registerIdentity("hierarchy", "branch");
    server.mountNode("n", node);
    await server.addItem({ jid: "x.example" }, { node: "n" });
    await server.addFeature("x", { node: "n" });

    expect(node.items).toEqual([{ jid: "x.example" }]);
    expect(await server.supports("x", { node: "n" })).toBe(true);
  });
});

describe("asking about one's own entities", () => {
  it.each(["item-not-found", "service-unavailable", "feature-not-implemented"])(
    "is answered with no where a handler says %s",
    async (condition) => {
      const server = componentServer();
      server.setNodeHandler("getInfo", () => {
        throw new IqError(condition);
      });

      expect(await server.supports("x")).toBe(false);
      expect(await server.hasIdentity(WEB)).toBe(false);
    },
  );

  it("rejects with any other failure", async () => {
    const server = componentServer();
    const bug = new Error("the application's own");
    server.setNodeHandler("getInfo", () => {
      throw bug;
    });

    await expect(server.supports("x")).rejects.toBe(bug);
    await expect(server.hasIdentity(WEB)).rejects.toBe(bug);
  });

  it("asks the handlers of getInfo", async () => {
    const server = componentServer();
    server.setNodeHandler("getInfo", ({ jid }) => infoWith(`of ${jid}`));

    expect(await server.supports(`of ${ROOM}`, { jid: ROOM })).toBe(true);
    expect(await server.hasIdentity({ category: "hierarchy", type: "leaf" }, { jid: ROOM })).toBe(true);
  });

  it("is answered with yes for disco#info where there is anything", async () => {
    const server = componentServer();

    expect(await server.supports(NS_DISCO_INFO, { jid: "anybody@comp.example" })).toBe(true);
    expect(await server.supports(NS_DISCO_INFO, { node: "unknown" })).toBe(false);
  });
});

describe("what is kept of others", () => {
  const owner = { jid: "montague.example", node: "n" };

  it("is given back as it was, for the same entity and node", async () => {
    const server = clientServer();
    const info = infoWith("x");
    await server.cacheInfo(info, owner);

    expect(await server.getCachedInfo({ jid: "Montague.EXAMPLE", node: "n" })).toBe(info);
  });

  it("is not given for another node or entity, nor told as one's own", async () => {
    const { disco, peer } = await askedClient();
    await disco.cacheInfo(infoWith("x"), { jid: ME });

    expect(await disco.getCachedInfo(owner)).toBeUndefined();
    expect(await disco.getCachedInfo({ jid: ME, node: "n" })).toBeUndefined();
    expect((await peer.info()).has("x")).toBe(false);
  });

  it("is replaced by what is kept later", async () => {
    const server = clientServer();
    await server.cacheInfo(infoWith("old"), owner);
    await server.cacheInfo(infoWith("new"), owner);

    expect((await server.getCachedInfo(owner))?.has("new")).toBe(true);
  });

  it("is bounded: of 20,000 the oldest are forgotten", async () => {
    const server = clientServer();
    for (let i = 0; i < 20_000; i += 1) await server.cacheInfo(infoWith(), { jid: `${i}.example` });

    expect(await server.getCachedInfo({ jid: "0.example" })).toBeUndefined();
    expect(await server.getCachedInfo({ jid: "19999.example" })).toBeDefined();
  });

  it("may be kept elsewhere", async () => {
    const server = clientServer();
    const kept = new Map<string, string>();
    server.setNodeHandler("cacheInfo", async ({ jid = "", data }) => kept.set(jid, JSON.stringify(data)));
    server.setNodeHandler("getCachedInfo", async ({ jid = "" }) => {
      const text = kept.get(jid);
      return text === undefined ? undefined : DiscoInfo.fromJSON(JSON.parse(text));
    });
    await server.cacheInfo(infoWith("x"), { jid: "montague.example" });

    expect((await server.getCachedInfo({ jid: "montague.example" }))?.features).toEqual(["x"]);
    expect(await server.getCachedInfo({ jid: "capulet.lit" })).toBeUndefined();
    expect([...kept.keys()]).toEqual(["montague.example"]);
  });
});

/** What an application keeps of an entity or node, in the form its database has it. */
interface Row {
  identities: Identity[];
  features: string[];
  forms: ReturnType<DataForm["toJSON"]>[];
  items: Item[];
}

/** Has a server keep everything in a map from key to text, which stands for a database. */
function keepIn(database: Map<string, string>, server: DiscoServer): void {
  const keyOf = ({ jid, node }: NodeContext) => JSON.stringify([jid, node ?? null]);
  const read = async (context: NodeContext): Promise<Row | undefined> => {
    await Promise.resolve();
    const text = database.get(keyOf(context));
    return text === undefined ? undefined : JSON.parse(text);
  };
  const change = async (context: NodeContext, changes: (row: Row) => Partial<Row>) => {
    const row = (await read(context)) ?? { identities: [], features: [], forms: [], items: [] };
    database.set(keyOf(context), JSON.stringify({ ...row, ...changes(row) }));
  };
  const without = <T>(list: T[], isIt: (entry: T) => boolean) => list.filter((entry) => !isIt(entry));

  server.setNodeHandler("getInfo", async (context) => {
    const row = await read(context);
    if (row === undefined) throw new IqError("item-not-found");
    return DiscoInfo.fromJSON(row);
  });
  server.setNodeHandler(
    "getItems",
    async (context) => new DiscoItems({ items: (await read(context))?.items ?? [] }),
  );
  server.setNodeHandler("setIdentities", (context) =>
    change(context, () => ({ identities: [...context.data] })),
  );
  server.setNodeHandler("addIdentity", (context) =>
    change(context, ({ identities }) => ({ identities: [...identities, context.data] })),
  );
  server.setNodeHandler("delIdentity", (context) =>
    change(context, ({ identities }) => ({
      identities: without(
        identities,
        ({ category, type }) => category === context.data.category && type === context.data.type,
      ),
    })),
  );
  server.setNodeHandler("delIdentities", (context) => change(context, () => ({ identities: [] })));
  server.setNodeHandler("setFeatures", (context) => change(context, () => ({ features: [...context.data] })));
  server.setNodeHandler("addFeature", (context) =>
    change(context, ({ features }) => ({ features: [...features, context.data] })),
  );
  server.setNodeHandler("delFeature", (context) =>
    change(context, ({ features }) => ({
      features: without(features, (feature) => feature === context.data),
    })),
  );
  server.setNodeHandler("delFeatures", (context) => change(context, () => ({ features: [] })));
  server.setNodeHandler("setItems", (context) => change(context, () => ({ items: context.data.map(toRow) })));
  server.setNodeHandler("addItem", (context) =>
    change(context, ({ items }) => ({ items: [...items, toRow(context.data)] })),
  );
  server.setNodeHandler("delItem", (context) =>
    change(context, ({ items }) => ({ items: without(items, ({ jid }) => jid === context.data.jid) })),
  );
  server.setNodeHandler("delItems", (context) => change(context, () => ({ items: [] })));
  server.setNodeHandler("setForms", (context) =>
    change(context, () => ({ forms: context.data.map((form) => form.toJSON()) })),
  );
  server.setNodeHandler("addForm", (context) =>
    change(context, ({ forms }) => ({ forms: [...forms, context.data.toJSON()] })),
  );
  server.setNodeHandler("delForm", (context) =>
    change(context, ({ forms }) => ({ forms: without(forms, ({ formType }) => formType === context.data) })),
  );

  function toRow({
    jid,
    node,
    name,
  }: {
    jid: Address;
    node?: string | undefined;
    name?: string | undefined;
  }): Item {
    return { jid: String(jid), node, name };
  }
}

describe("an application that keeps everything in its database", () => {
  async function kept(database = new Map<string, string>()) {
    const it = await askedComponent();
    keepIn(database, it.disco);
    return { ...it, database };
  }

  const room = { jid: ROOM };
  const members = { jid: ROOM, node: "members" };

  async function fill(disco: DiscoServer): Promise<void> {
    await disco.setIdentities([{ category: "conference", type: "text", name: "The room" }], room);
    await disco.addFeature("http://jabber.org/protocol/muc", room);
    await disco.addFeature("x", room);
    await disco.delFeature("x", room);
    await disco.addForm(FORM, room);
    await disco.addIdentity({ category: "hierarchy", type: "leaf" }, members);
    for (const name of ["x", "y", "z"]) await disco.addItem({ jid: `${name}.example`, name }, members);
    await disco.delItem({ jid: "y.example" }, members);
  }

  it("answers from there, over the wire", async () => {
    const { disco, peer } = await kept();
    await fill(disco);
    const info = await peer.info({ to: ROOM });

    expect(info.name()).toBe("The room");
    expect(info.features).toEqual([NS_DISCO_INFO, "http://jabber.org/protocol/muc"]);
    expect(info.form("urn:example:form")?.get("a")).toEqual(["1", "2"]);
    expect((await peer.items({ to: ROOM, node: "members" })).items.map((item) => item.name)).toEqual([
      "x",
      "z",
    ]);
    await expect(peer.info({ to: "nobody@comp.example" })).rejects.toMatchObject(itemNotFound);
  });

  it("has it paged by the server", async () => {
    const { disco, peer } = await kept();
    await disco.setItems(
      ["a", "b", "c"].map((name) => ({ jid: `${name}.example` })),
      members,
    );

    expect(await peer.page({ max: 1, after: "a.example" }, { to: ROOM, node: "members" })).toMatchObject({
      jids: ["b.example"],
      node: "members",
      set: { first: "b.example", index: 1, last: "b.example", count: 3 },
    });
  });

  it("keeps nothing in memory", async () => {
    const { disco } = await kept();
    await fill(disco);
    disco.restoreDefaults();

    expect((await disco.getInfo(room)).features).toEqual([NS_DISCO_INFO]);
    await expect(disco.getInfo(members)).rejects.toMatchObject(itemNotFound);
  });

  it("survives a restart", async () => {
    const { disco, database } = await kept();
    await fill(disco);
    const { peer, disco: next } = await kept(new Map(database));

    expect((await peer.info({ to: ROOM })).name()).toBe("The room");
    expect(await next.supports("http://jabber.org/protocol/muc", room)).toBe(true);
    expect((await peer.items({ to: ROOM, node: "members" })).items).toHaveLength(2);
  });

  it("can be cleared as it was filled", async () => {
    const { disco, peer } = await kept();
    await fill(disco);
    await disco.delFeatures(room);
    await disco.delForm("urn:example:form", room);
    await disco.setFeatures(["y"], room);
    await disco.delIdentities(members);
    await disco.delItems(members);

    expect(await peer.info({ to: ROOM })).toMatchObject({ features: [NS_DISCO_INFO, "y"], forms: [] });
    await expect(peer.info({ to: ROOM, node: "members" })).rejects.toMatchObject(itemNotFound);
    expect((await peer.items({ to: ROOM, node: "members" })).items).toEqual([]);
  });

  it("may keep one entity in memory all the same", async () => {
    const { disco, peer, database } = await kept();
    disco.restoreDefaults({ jid: "lobby@comp.example" });
    await disco.addFeature("x", { jid: "lobby@comp.example" });

    expect((await peer.info({ to: "lobby@comp.example" })).has("x")).toBe(true);
    expect(database.size).toBe(0);
  });
});

describe("a component", () => {
  it("keeps the data of its JIDs apart, full JIDs too", async () => {
    const { disco, peer } = await askedComponent();
    for (const jid of [COMPONENT, ROOM, `${ROOM}/Juliet`, `${ROOM}/juliet`]) {
      await disco.addFeature(`of ${jid}`, { jid });
    }

    for (const jid of [COMPONENT, ROOM, `${ROOM}/Juliet`, `${ROOM}/juliet`]) {
      expect((await peer.info({ to: jid })).features).toEqual([NS_DISCO_INFO, `of ${jid}`]);
    }
  });

  it("is meant where no JID is given", async () => {
    const server = componentServer();
    await server.addFeature("x");

    expect(await server.supports("x", { jid: COMPONENT })).toBe(true);
    expect(await server.supports("x", { jid: ROOM })).toBe(false);
  });

  it("answers a question without an address as itself", async () => {
    const { disco, server } = await askedComponent();
    await disco.addFeature("x");
    server.send(`<iq type="get" id="1" from="${PEER}"><query xmlns="${NS_DISCO_INFO}"/></iq>`);
    await until(() => server.received.length > 0);

    expect(DiscoInfo.fromElement(present(server.received[0])).has("x")).toBe(true);
  });

  it("asks as each of its JIDs, and what they are told is kept apart", async () => {
    const { xmpp, server } = await askedComponent();
    const client = xmpp.summon(DiscoClient);
    const asked: string[] = [];
    server.script = ({ attrs: { id, from, to } }) => {
      asked.push(from);
      const info = new DiscoInfo({ features: [`for ${from}`] });
      return xml("iq", { type: "result", id, from: to, to: from }, info.toElement());
    };
    const ask = (from?: string) => client.queryInfo("capulet.lit", { from });
    const a = "a@comp.example";

    expect((await ask(a)).features).toEqual([`for ${a}`]);
    expect((await ask("b@comp.example")).features).toEqual(["for b@comp.example"]);
    expect((await ask()).features).toEqual([`for ${COMPONENT}`]);
    expect((await ask("A@Comp.Example")).features).toEqual([`for ${a}`]);
    expect(asked).toEqual([a, "b@comp.example", COMPONENT]);
  });

  it("answers for 100,000 JIDs out of one handler, and makes no tree for any of them", async () => {
    const server = componentServer();
    const made = vi.spyOn(DiscoNode.prototype, "setMaxListeners");
    server.setNodeHandler("getInfo", ({ jid }) => infoWith(`of ${jid}`));
    for (let i = 0; i < 100_000; i += 1) {
      const info = await server.getInfo({ jid: `user${i}@comp.example` });
      if (!info.has(`of user${i}@comp.example`)) throw new Error(`user${i} is told the wrong thing`);
    }
    // Every node sets it when it is made.
    expect(made).not.toHaveBeenCalled();
    server.entity(ROOM);
    expect(made).toHaveBeenCalledOnce();
    made.mockRestore();
  });

  it("makes no tree for the JIDs that are asked and unknown", async () => {
    const server = componentServer();
    const made = vi.spyOn(DiscoNode.prototype, "setMaxListeners");
    for (let i = 0; i < 10_000; i += 1) {
      const jid = `user${i}@comp.example`;
      await server.getInfo({ jid });
      await server.getItems({ jid });
      await server.getInfo({ jid, node: "n" }).catch(() => {});
      await server.delFeature("x", { jid });
      await server.delItem({ jid: "x.example" }, { jid });
      await server.delItems({ jid });
    }

    expect(made).not.toHaveBeenCalled();
    made.mockRestore();
  });

  it("computes who may see what of a million JIDs", async () => {
    const { disco, peer } = await askedComponent();
    disco.setNodeHandler("getInfo", ({ jid = "", from }, next) => {
      const number = Number(/^room(\d+)@/.exec(jid)?.[1] ?? Number.NaN);
      if (!(number < 1_000_000)) return next();
      if (number % 2 === 1 && from !== PEER) throw new IqError("forbidden");
      return infoWith(`room ${number}`);
    });

    expect((await peer.info({ to: "room999999@comp.example" })).has("room 999999")).toBe(true);
    await expect(peer.info({ to: "room1@comp.example", from: "nurse@capulet.lit" })).rejects.toMatchObject({
      condition: "forbidden",
    });
    expect((await peer.info({ to: "room1000000@comp.example" })).hasIdentity("component", "generic")).toBe(
      true,
    );
  });
});

describe("a node name of a megabyte", () => {
  const node = "n".repeat(1_000_000);

  it("is item-not-found where there is none", async () => {
    const { disco, errors } = await askedComponent();

    await expect(disco.getInfo({ node })).rejects.toMatchObject(itemNotFound);
    await expect(disco.getItems({ node, page: { max: 1 } })).rejects.toMatchObject(itemNotFound);
    expect(errors).toEqual([]);
  });

  it("is answered over the wire like any other", async () => {
    const { disco, peer } = await askedComponent();
    disco.setNodeHandler("getInfo", ({ node = "" }) => infoWith(String(node.length)));

    expect((await peer.info({ node })).has("1000000")).toBe(true);
  });

  it("may have a handler and items of its own", async () => {
    const server = componentServer();
    await server.addItem({ jid: "x.example", node }, { node });

    expect((await server.getItems({ node, page: { max: 1, index: 0 } })).items[0]?.node).toBe(node);
  });
});
