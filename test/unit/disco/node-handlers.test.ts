import { jid } from "@xmpp/jid";
import StanzaError from "@xmpp/middleware/lib/StanzaError.js";
import xml from "@xmpp/xml";
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import type { NodeAction, NodeContext, NodeHandler, Owner } from "../../../src/disco/node-handlers.ts";
import {
  DataForm,
  DiscoInfo,
  DiscoItems,
  DiscoServer,
  IqError,
  NS_DISCO_INFO,
  NS_DISCO_ITEMS,
} from "../../../src/index.ts";
import {
  askedClient,
  askedComponent,
  COMPONENT,
  clientServer,
  componentServer,
  deferred,
  infoWith,
  itemNotFound,
  ME,
  PEER,
  until,
} from "./answering.ts";
import { expectNoStrays, quiet } from "./support.ts";

expectNoStrays();

const A = "a@comp.example";
const B = "b@comp.example";

/** The entities and nodes that the tests of levels ask about. */
const TARGETS: readonly Owner[] = [
  { jid: A },
  { jid: A, node: "n" },
  { jid: A, node: "m" },
  { jid: B },
  { jid: B, node: "n" },
  { jid: B, node: "m" },
];

/** Where handlers are registered. */
const LEVELS: readonly Owner[] = [...TARGETS, { node: "n" }, { node: "m" }, {}];

const nameOf = ({ jid, node }: Owner) => `${jid ?? "any"}#${node ?? ""}`;

/** A component whose entities and nodes all exist, so that the default finds disco#info with each. */
async function furnished(): Promise<DiscoServer> {
  const server = componentServer();
  for (const owner of TARGETS) await server.addIdentity({ category: "hierarchy", type: "leaf" }, owner);
  return server;
}

/** Asks the server whether a target supports disco#info, which the default says, and the handlers below do not. */
const ask = (server: DiscoServer, target: Owner) => server.supports(NS_DISCO_INFO, target);

/** Which targets a handler at a level is called for. */
async function reach(level: Owner): Promise<string[]> {
  const server = await furnished();
  const reached: string[] = [];
  server.setNodeHandler("supports", () => false, level);
  for (const target of TARGETS) if (!(await ask(server, target))) reached.push(nameOf(target));
  return reached;
}

describe("a handler", () => {
  it("of a node of an entity is called for that alone", async () => {
    expect(await reach({ jid: A, node: "n" })).toEqual([`${A}#n`]);
  });

  it("of an entity is called for the entity and all of its nodes", async () => {
    expect(await reach({ jid: A })).toEqual([`${A}#`, `${A}#n`, `${A}#m`]);
  });

  it("of a node is called for the node of that name of any entity", async () => {
    expect(await reach({ node: "n" })).toEqual([`${A}#n`, `${B}#n`]);
  });

  it("of everything is called for everything", async () => {
    expect(await reach({})).toEqual(TARGETS.map(nameOf));
  });

  it("is called for an entity by whatever form of its JID", async () => {
    const server = componentServer();
    server.setNodeHandler("supports", () => true, { jid: "Room@Comp.EXAMPLE" });

    expect(await server.supports("x", { jid: "room@comp.example" })).toBe(true);
    expect(await server.supports("x", { jid: jid("ROOM@comp.example") })).toBe(true);
  });

  it("of a bare JID is not called for its full JIDs", async () => {
    const server = componentServer();
    server.setNodeHandler("supports", () => true, { jid: A });

    expect(await server.supports("x", { jid: `${A}/desk` })).toBe(false);
  });

  it.each([[""], [null], [undefined]])("of the node %j is one of the entity itself", async (node) => {
    expect(await reach({ jid: B, node })).toEqual(await reach({ jid: B }));
  });

  it("is called for one action alone", async () => {
    const server = await furnished();
    server.setNodeHandler("supports", () => false);

    expect(await server.hasIdentity({ category: "hierarchy" }, { jid: A })).toBe(true);
  });

  it("replaces the one that was there at the same level", async () => {
    const server = componentServer();
    const first = vi.fn(() => false);
    server.setNodeHandler("supports", first, { jid: A });
    server.setNodeHandler("supports", () => true, { jid: "A@comp.example" });

    expect(await server.supports("x", { jid: A })).toBe(true);
    expect(first).not.toHaveBeenCalled();
  });

  it("of one server is none of another's", async () => {
    const [one, other] = [componentServer(), componentServer()];
    one.setNodeHandler("supports", () => true);

    expect(await other.supports("x")).toBe(false);
  });

  it("of a client's own JID is called for what is said of no JID", async () => {
    const { disco, peer } = await askedClient();
    disco.setNodeHandler("getInfo", () => infoWith("own"), { jid: ME });

    expect((await peer.info()).has("own")).toBe(true);
    expect(await disco.supports("own")).toBe(true);
  });
});

describe("the most specific handler wins", () => {
  const levels: readonly Owner[] = [{ jid: A, node: "n" }, { jid: A }, { node: "n" }, {}];

  it.each(
    levels.flatMap((winner, at) =>
      levels.slice(at + 1).map((other) => [nameOf(winner), nameOf(other), winner, other]),
    ),
  )("%s before %s, registered first or last", async (_, __, winner, other) => {
    for (const order of [0, 1]) {
      const server = await furnished();
      const loser = vi.fn(() => true);
      const set = [
        () => server.setNodeHandler("supports", () => false, winner as Owner),
        () => server.setNodeHandler("supports", loser, other as Owner),
      ];
      set[order]?.();
      set[1 - order]?.();

      expect(await ask(server, { jid: A, node: "n" })).toBe(false);
      expect(loser).not.toHaveBeenCalled();
    }
  });

  it("whatever is set, deleted and restored in whatever order, each passing on or not", async () => {
    type Entry = "answers" | "passes" | "default";
    const operation = fc.record({
      what: fc.constantFrom<Entry | "delete">("answers", "passes", "default", "delete"),
      level: fc.constantFrom(...LEVELS),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { maxLength: 14 }), async (operations) => {
        const server = await furnished();
        const model = new Map<string, Entry>();
        let trace: string[] = [];
        for (const { what, level } of operations) {
          const name = nameOf(level);
          if (what === "default") server.restoreDefaults(level, ["supports"]);
          else if (what !== "delete") {
            const handler: NodeHandler<"supports"> = (_, next) => {
              trace.push(name);
              return what === "passes" ? next() : false;
            };
            server.setNodeHandler("supports", handler, level);
          } else if (model.has(name)) server.deleteNodeHandler("supports", level);
          else expect(() => server.deleteNodeHandler("supports", level)).toThrow();
          if (what === "delete") model.delete(name);
          else model.set(name, what);
        }
        for (const target of TARGETS) {
          trace = [];
          const answer = await ask(server, target);
          expect({ answer, trace }).toEqual(byModel(model, target));
        }
      }),
      { seed: 4, numRuns: 150 },
    );

    /** What the levels come to, by the rule: the most specific first, until one does not pass on. */
    function byModel(model: ReadonlyMap<string, Entry>, { jid, node }: Owner) {
      const names = new Set([{ jid, node }, { jid }, { node }, {}].map(nameOf));
      const trace: string[] = [];
      for (const name of names) {
        const entry = model.get(name);
        if (entry === "default") break;
        if (entry !== undefined) trace.push(name);
        if (entry === "answers") return { answer: false, trace };
      }
      return { answer: true, trace };
    }
  });
});

describe("next()", () => {
  it("gives what the next less specific handler gives", async () => {
    const server = componentServer();
    server.setNodeHandler("getInfo", () => infoWith("of everything"));
    server.setNodeHandler("getInfo", (_, next) => next(), { jid: A });

    expect((await server.getInfo({ jid: A })).has("of everything")).toBe(true);
  });

  it("gives what the default gives where there is no other handler", async () => {
    const server = componentServer();
    await server.addFeature("kept", { jid: A });
    server.setNodeHandler("getInfo", (_, next) => next(), { jid: A });

    expect((await server.getInfo({ jid: A })).has("kept")).toBe(true);
  });

  it("lets a handler change what would be told", async () => {
    const { disco, peer } = await askedClient();
    disco.registerFeature("public");
    disco.setNodeHandler("getInfo", async ({ from }, next) => {
      const info = await next();
      return from === PEER ? new DiscoInfo({ ...info, features: [...info.features, "secret"] }) : info;
    });

    expect((await peer.info()).features).toEqual([NS_DISCO_INFO, "public", "secret"]);
    expect((await peer.info({ from: "nurse@capulet.lit/kitchen" })).features).toEqual([
      NS_DISCO_INFO,
      "public",
    ]);
  });

  it("hands on the same data where it is given none", async () => {
    const server = componentServer();
    server.setNodeHandler("addFeature", (_, next) => next());
    await server.addFeature("a");

    expect(await server.supports("a")).toBe(true);
  });

  it("hands other data to the handlers below and to the default", async () => {
    const server = componentServer();
    const below = vi.fn<NodeHandler<"addFeature">>((_, next) => next());
    server.setNodeHandler("addFeature", below);
    server.setNodeHandler("addFeature", ({ data }, next) => next(data.toUpperCase()), { jid: COMPONENT });
    await server.addFeature("a");

    expect(below.mock.calls[0]?.[0].data).toBe("A");
    expect((await server.getInfo()).features).toEqual([NS_DISCO_INFO, "A"]);
  });

  it("rejects with what the default throws, which a handler may catch", async () => {
    const server = componentServer();
    server.setNodeHandler("getInfo", async ({ node }, next) => {
      try {
        return await next();
      } catch (error) {
        if (error instanceof IqError && error.condition === "item-not-found") return infoWith(`made ${node}`);
        throw error;
      }
    });

    expect((await server.getInfo({ node: "n" })).has("made n")).toBe(true);
  });

  it("rejects with a clear error, and changes nothing, where the other data is nonsense", async () => {
    const server = componentServer();
    server.setNodeHandler("addFeature", (_, next) => next(5 as unknown as string));

    await expect(server.addFeature("a")).rejects.toThrow(TypeError);
    expect((await server.getInfo()).features).toEqual([NS_DISCO_INFO]);
  });

  it("gives a page where a page is asked for", async () => {
    const server = componentServer();
    await server.setItems(["x", "y", "z"].map((name) => ({ jid: `${name}.example` })));
    const told = vi.fn();
    server.setNodeHandler("getItems", async (_, next) => {
      const page = await next();
      told(page);
      return page;
    });
    const { items } = await server.getItems({ page: { max: 1, index: 1 } });

    expect(items).toEqual([{ jid: "y.example" }]);
    expect(told).toHaveBeenCalledWith({ items: [{ jid: "y.example" }], index: 1, count: 3 });
  });
});

describe("a handler that is deleted", () => {
  it("makes room for the less specific one", async () => {
    const server = await furnished();
    server.setNodeHandler("supports", () => false);
    server.setNodeHandler("supports", () => true, { jid: A });
    server.deleteNodeHandler("supports", { jid: A });

    expect(await ask(server, { jid: A })).toBe(false);
  });

  it("makes room for the default where it was the only one", async () => {
    const server = await furnished();
    server.setNodeHandler("supports", () => false);
    server.deleteNodeHandler("supports");

    expect(await ask(server, { jid: A })).toBe(true);
  });

  it("is named by any form of its JID", async () => {
    const server = await furnished();
    server.setNodeHandler("supports", () => false, { jid: A });
    server.deleteNodeHandler("supports", { jid: jid("A@Comp.Example"), node: "" });

    expect(await ask(server, { jid: A })).toBe(true);
  });

  it.each([[{ jid: A, node: "n" }], [{ node: "n" }], [{ jid: B }], [{}]])(
    "is an error where there is none at this level: %j",
    (owner) => {
      const server = componentServer();
      server.setNodeHandler("supports", () => false, { jid: A });

      expect(() => server.deleteNodeHandler("supports", owner)).toThrow(/no handler for supports at/);
    },
  );

  it("is an error the second time, and where there is one of another action", () => {
    const server = componentServer();
    server.setNodeHandler("supports", () => false);
    expect(() => server.deleteNodeHandler("hasIdentity")).toThrow("hasIdentity");
    server.deleteNodeHandler("supports");

    expect(() => server.deleteNodeHandler("supports")).toThrow("supports");
  });

  it("still ends what it was called for", async () => {
    const server = componentServer();
    const { promise, resolve } = deferred<boolean>();
    server.setNodeHandler("supports", () => promise);
    const answer = server.supports("x");
    server.deleteNodeHandler("supports");
    resolve(true);

    expect(await answer).toBe(true);
  });
});

describe("restoring the defaults", () => {
  it("of a node has it kept in memory whatever is said of its entity and of everything", async () => {
    const server = await furnished();
    server.setNodeHandler("supports", () => false);
    server.setNodeHandler("supports", () => false, { jid: A });
    server.restoreDefaults({ jid: A, node: "n" });

    expect(await ask(server, { jid: A, node: "n" })).toBe(true);
    expect(await ask(server, { jid: A, node: "m" })).toBe(false);
    expect(await ask(server, { jid: A })).toBe(false);
  });

  it("is of all actions where none is said", async () => {
    const server = await furnished();
    server.setNodeHandler("supports", () => false);
    server.setNodeHandler("hasIdentity", () => false);
    server.restoreDefaults({ jid: A });

    expect(await ask(server, { jid: A })).toBe(true);
    expect(await server.hasIdentity({ category: "hierarchy" }, { jid: A })).toBe(true);
    expect(await server.hasIdentity({ category: "hierarchy" }, { jid: B })).toBe(false);
  });

  it("may be of some actions", async () => {
    const server = await furnished();
    server.setNodeHandler("supports", () => false);
    server.setNodeHandler("hasIdentity", () => false);
    server.restoreDefaults({ jid: A }, ["hasIdentity"]);

    expect(await ask(server, { jid: A })).toBe(false);
    expect(await server.hasIdentity({ category: "hierarchy" }, { jid: A })).toBe(true);
  });

  it("replaces the handler at this level", async () => {
    const server = await furnished();
    server.setNodeHandler("supports", () => false);
    server.restoreDefaults();

    expect(await ask(server, { jid: A })).toBe(true);
  });

  it("is what next() of a more specific handler comes to", async () => {
    const server = await furnished();
    server.setNodeHandler("supports", () => false);
    server.restoreDefaults({ jid: A });
    server.setNodeHandler("supports", (_, next) => next(), { jid: A, node: "n" });

    expect(await ask(server, { jid: A, node: "n" })).toBe(true);
  });

  it("is taken back by deleting it, or by another handler", async () => {
    const server = await furnished();
    server.setNodeHandler("supports", () => false);
    server.restoreDefaults({ jid: A }, ["supports"]);
    server.restoreDefaults({ jid: B }, ["supports"]);
    server.deleteNodeHandler("supports", { jid: A });
    server.setNodeHandler("supports", () => false, { jid: B });

    expect(await ask(server, { jid: A })).toBe(false);
    expect(await ask(server, { jid: B })).toBe(false);
  });

  it("changes nothing where one of the actions is none", async () => {
    const server = await furnished();
    server.setNodeHandler("supports", () => false);

    expect(() => server.restoreDefaults({}, ["supports", "getNothing" as NodeAction])).toThrow("getNothing");
    expect(await ask(server, { jid: A })).toBe(false);
  });
});

describe("each action", () => {
  const identity = { category: "client", type: "web", lang: "en", name: "N" };
  const key = { category: "client", type: "web", lang: undefined };
  const item = { jid: "x.example", node: "n", name: "N" };
  const info = infoWith("x");
  const form = new DataForm({ formType: "urn:example:form" });
  const owner = { jid: A, node: "n" };

  /** How each is caused, what its handler gets as data, and what it may result in. */
  const actions: Record<
    NodeAction,
    readonly [cause: (server: DiscoServer) => Promise<unknown>, data: unknown, result?: unknown]
  > = {
    getInfo: [(server) => server.getInfo(owner), undefined, info],
    getItems: [(server) => server.getItems(owner), undefined, new DiscoItems({})],
    setIdentities: [(server) => server.setIdentities(new Set([identity]), owner), [identity]],
    addIdentity: [(server) => server.addIdentity(identity, owner), identity],
    delIdentity: [(server) => server.delIdentity({ category: "client", type: "web" }, owner), key],
    delIdentities: [(server) => server.delIdentities(owner), undefined],
    setFeatures: [(server) => server.setFeatures(new Set(["x", "y"]), owner), ["x", "y"]],
    addFeature: [(server) => server.addFeature("x", owner), "x"],
    delFeature: [(server) => server.delFeature("x", owner), "x"],
    delFeatures: [(server) => server.delFeatures(owner), undefined],
    setItems: [(server) => server.setItems([{ ...item, jid: jid("X.example") }], owner), [item]],
    addItem: [(server) => server.addItem(item, owner), item],
    delItem: [(server) => server.delItem({ jid: "X.example" }, owner), { jid: "x.example" }],
    delItems: [(server) => server.delItems(owner), undefined],
    setForms: [(server) => server.setForms(new Set([form]), owner), [form]],
    addForm: [(server) => server.addForm(form, owner), form],
    delForm: [(server) => server.delForm("urn:example:form", owner), "urn:example:form"],
    cacheInfo: [(server) => server.cacheInfo(info, owner), info],
    getCachedInfo: [(server) => server.getCachedInfo(owner), undefined, info],
    supports: [(server) => server.supports("x", owner), "x", true],
    hasIdentity: [(server) => server.hasIdentity(key, owner), key, true],
  };

  const table = Object.entries(actions) as [NodeAction, (typeof actions)[NodeAction]][];

  it.each(table)(
    "%s is done by its handler, which is told whose data is meant and which",
    async (action, [cause, data, result]) => {
      const server = componentServer();
      const handler = vi.fn((_context: NodeContext) => result);
      server.setNodeHandler(action, handler as NodeHandler<typeof action>);
      const answer = await cause(server);

      expect(handler).toHaveBeenCalledOnce();
      expect(handler.mock.calls[0]?.[0]).toEqual({
        jid: A,
        node: "n",
        from: undefined,
        lang: undefined,
        page: undefined,
        data,
      });
      if (typeof result === "boolean") expect(answer).toBe(result);
    },
  );

  it.each(table)("%s may be done over time", async (action, [cause, , result]) => {
    const server = componentServer();
    let isDone = false;
    server.setNodeHandler(action, (async () => {
      await new Promise((resolve) => setImmediate(resolve));
      isDone = true;
      return result;
    }) as NodeHandler<typeof action>);
    await cause(server);

    expect(isDone).toBe(true);
  });

  it.each(table)("%s rejects with what its handler throws, at once or over time", async (action, [cause]) => {
    const server = componentServer();
    const bug = new Error("the application's own");
    server.setNodeHandler(action, () => {
      throw bug;
    });
    await expect(cause(server)).rejects.toBe(bug);
    server.setNodeHandler(action, async () => {
      throw bug;
    });

    await expect(cause(server)).rejects.toBe(bug);
  });

  it("is not done in the default way where a handler does not pass it on", async () => {
    const server = await furnished();
    const before = (await server.getInfo(owner)).toJSON();
    for (const [action, [, , result]] of table) {
      if (action !== "getInfo" && action !== "getItems") {
        server.setNodeHandler(action, (() => result) as NodeHandler<typeof action>);
      }
    }
    for (const [, [cause]] of table) await cause(server);
    server.restoreDefaults();

    expect((await server.getInfo(owner)).toJSON()).toEqual(before);
    expect((await server.getItems(owner)).items).toEqual([]);
    expect(await server.getCachedInfo(owner)).toBeUndefined();
  });
});

describe("what a handler is told of a peer's question", () => {
  it("is whom it asked about what, who it is and which language it speaks", async () => {
    const { disco, peer } = await askedComponent();
    const handler = vi.fn<NodeHandler<"getInfo">>(() => infoWith());
    disco.setNodeHandler("getInfo", handler);
    await peer.info({
      to: "Room@comp.example/Desk",
      node: "n",
      from: "Juliet@Capulet.LIT/Balcony",
      lang: "de",
    });

    expect(handler.mock.calls[0]?.[0]).toEqual({
      jid: "room@comp.example/Desk",
      node: "n",
      from: "juliet@capulet.lit/Balcony",
      lang: "de",
      page: undefined,
      data: undefined,
    });
  });

  it("has neither node nor language where the question has none", async () => {
    const { disco, peer } = await askedClient();
    const handler = vi.fn<NodeHandler<"getInfo">>(() => infoWith());
    disco.setNodeHandler("getInfo", handler);
    await peer.info({ node: "" });

    expect(handler.mock.calls[0]?.[0]).toEqual({ jid: ME, from: PEER, node: undefined, lang: undefined });
  });

  it("is the page that it asks for", async () => {
    const { disco, peer } = await askedComponent();
    const handler = vi.fn<NodeHandler<"getItems">>(() => ({ items: [], index: 0, count: 0 }));
    disco.setNodeHandler("getItems", handler);
    await peer.page({ max: 10, after: "uid" });

    expect(handler.mock.calls[0]?.[0].page).toEqual({ max: 10, after: "uid" });
  });

  it.each<[what: string, asked: Record<string, string>]>([
    ["no size", { index: "5" }],
    ["a huge size", { max: "9".repeat(400), index: "5" }],
  ])("is a page of 1,000 items at the most: %s", async (_, asked) => {
    const { disco, peer } = await askedComponent();
    const handler = vi.fn<NodeHandler<"getItems">>(() => ({ items: [], index: 0, count: 0 }));
    disco.setNodeHandler("getItems", handler);
    await peer.page(asked);

    expect(handler.mock.calls[0]?.[0].page).toEqual({ max: 1_000, index: 5 });
  });

  it("is no page where it asks for all", async () => {
    const { disco, peer } = await askedComponent();
    const handler = vi.fn<NodeHandler<"getItems">>(() => new DiscoItems({}));
    disco.setNodeHandler("getItems", handler);
    await peer.items();

    expect(handler.mock.calls[0]?.[0].page).toBeUndefined();
  });
});

describe("the answer of a handler", () => {
  it.each([[["x"]], [[NS_DISCO_INFO, "x"]]])(
    "is told as that of who was asked, whoever it says it is of: %j",
    async (features) => {
      const { disco, peer } = await askedComponent();
      disco.setNodeHandler(
        "getInfo",
        () => new DiscoInfo({ ...infoWith(...features), jid: "other.example", node: "other" }),
      );

      expect((await peer.info({ to: A, node: "n" })).node).toBe("n");
      expect(await disco.getInfo({ jid: A })).toMatchObject({
        jid: A,
        node: undefined,
        features: [NS_DISCO_INFO, "x"],
      });
    },
  );

  it("has disco#info among the features, which whoever answers supports", async () => {
    const { disco, peer } = await askedComponent();
    disco.setNodeHandler("getInfo", () => infoWith("x"));

    expect((await peer.info()).features).toEqual([NS_DISCO_INFO, "x"]);
  });

  it("has the default identity where it has none, as an entity must", async () => {
    const { disco, peer } = await askedComponent();
    disco.setNodeHandler("getInfo", () => new DiscoInfo({ features: ["x"] }));

    expect(await peer.info({ to: A })).toMatchObject({
      identities: [{ category: "component", type: "generic" }],
      features: [NS_DISCO_INFO, "x"],
    });
  });

  it("is that there is no such node where it has no identity", async () => {
    const { disco, peer, errors } = await askedComponent();
    disco.setNodeHandler("getInfo", () => new DiscoInfo({ features: ["x"] }));

    await expect(peer.info({ node: "n" })).rejects.toMatchObject(itemNotFound);
    expect(errors).toEqual([]);
  });

  it("is asked for each time: nothing of it is kept", async () => {
    const { disco, peer } = await askedComponent();
    let times = 0;
    disco.setNodeHandler("getInfo", () => {
      times += 1;
      return infoWith(`time ${times}`);
    });
    await peer.info();

    expect((await peer.info()).has("time 2")).toBe(true);
    disco.deleteNodeHandler("getInfo");
    expect((await peer.info()).features).toEqual([NS_DISCO_INFO]);
  });
});

const kinds = [
  ["getInfo", NS_DISCO_INFO],
  ["getItems", NS_DISCO_ITEMS],
] as const;

describe.each(kinds)("a handler of %s that fails", (action, xmlns) => {
  const handlers = (thrown: unknown): readonly NodeHandler<typeof action>[] => [
    () => {
      throw thrown;
    },
    async () => {
      throw thrown;
    },
  ];

  async function asked(handler: NodeHandler<typeof action>) {
    const { disco, peer, errors } = await askedComponent();
    disco.setNodeHandler(action, handler);
    const reply = await peer.ask(xmlns, { node: "n" });
    expect(reply.attrs.type).toBe("error");
    return { error: IqError.fromElement(reply), errors };
  }

  it("answers with the IqError that it throws, and troubles nobody else", async () => {
    for (const handler of handlers(new IqError("forbidden", { text: "Members only" }))) {
      const { error, errors } = await asked(handler);
      expect(error).toMatchObject({ condition: "forbidden", type: "auth", text: "Members only" });
      expect(errors).toEqual([]);
    }
  });

  it("answers with the StanzaError of xmpp.js that it throws", async () => {
    const application = xml("too-many", { xmlns: "urn:example:app" });
    for (const handler of handlers(new StanzaError("not-acceptable", "Too much", application, "modify"))) {
      const { error, errors } = await asked(handler);
      expect(error).toMatchObject({ condition: "not-acceptable", type: "modify", text: "Too much" });
      expect(error.application?.is("too-many", "urn:example:app")).toBe(true);
      expect(errors).toEqual([]);
    }
  });

  it.each([
    [new Error("the application's own")],
    ["a text"],
    [undefined],
    [null],
    [{ condition: "forbidden" }],
  ])("answers internal-server-error, says no more, and tells the listeners of error: %s", async (thrown) => {
    for (const handler of handlers(thrown)) {
      const { error, errors } = await asked(handler);
      expect(error).toMatchObject({ condition: "internal-server-error", text: undefined });
      expect(errors).toEqual([thrown]);
    }
  });

  it("answers service-unavailable where it says so, as an entity that is hidden", async () => {
    const { error } = await asked(() => {
      throw new IqError("service-unavailable");
    });

    expect(error).toMatchObject({ condition: "service-unavailable", type: "cancel" });
  });
});

describe("a handler that returns nonsense", () => {
  const circle: { self?: unknown } = {};
  circle.self = circle;
  const nonsense: readonly unknown[] = [
    undefined,
    null,
    5,
    "text",
    true,
    [],
    {},
    circle,
    () => {},
    Symbol("x"),
    xml("query"),
  ];
  const item = { jid: "x.example" };

  it.each(nonsense.map((value) => [value]))(
    "in place of an information is internal-server-error, and a clear error: %s",
    async (value) => {
      const { disco, peer, errors } = await askedComponent();
      disco.setNodeHandler("getInfo", () => value as DiscoInfo);

      await expect(peer.info()).rejects.toMatchObject({
        condition: "internal-server-error",
        text: undefined,
      });
      expect(errors).toEqual([expect.any(TypeError)]);
      expect(String(errors[0])).toMatch(/a handler of getInfo gave no DiscoInfo/);
    },
  );

  it.each([
    ...nonsense,
    infoWith(),
    { items: [item] },
    { items: [item], index: 0 },
    { items: [item], count: 1 },
    { items: [item], index: Number.NaN, count: 1 },
    { items: [item], index: -1, count: 1 },
    { items: [item], index: 0, count: -1 },
    { items: [item], index: 0, count: 1.5 },
    { items: [item], index: 0, count: "1" },
    { items: item, index: 0, count: 1 },
  ])("in place of items is internal-server-error, and a clear error: %s", async (value) => {
    const { disco, peer, errors } = await askedComponent();
    disco.setNodeHandler("getItems", () => value as DiscoItems);

    await expect(peer.items()).rejects.toMatchObject({ condition: "internal-server-error", text: undefined });
    expect(errors).toEqual([expect.any(TypeError)]);
    expect(String(errors[0])).toMatch(/a handler of getItems gave neither/);
  });

  it.each([[{}], [{ jid: "@@" }], [null], [{ jid: 5 }], [{ jid: "x.example", name: 5 }]])(
    "among the items of a page is internal-server-error, and a clear error: %j",
    async (bad) => {
      const { disco, peer, errors } = await askedComponent();
      disco.setNodeHandler("getItems", () => ({ items: [item, bad as typeof item], index: 0, count: 2 }));

      await expect(peer.page({ max: 5 })).rejects.toMatchObject({ condition: "internal-server-error" });
      expect(errors).toEqual([expect.any(TypeError)]);
    },
  );
});

describe("a handler that never settles", () => {
  it("costs only its own request: the others are answered", async () => {
    const { disco, peer, errors } = await askedComponent();
    disco.setNodeHandler("getInfo", () => new Promise(() => {}), { node: "stalled" });
    disco.setNodeHandler("getItems", () => new Promise(() => {}), { node: "stalled" });
    for (let i = 0; i < 20; i += 1) {
      void peer.info({ node: "stalled" });
      void peer.items({ node: "stalled" });
    }

    expect((await peer.info()).hasIdentity("component", "generic")).toBe(true);
    expect((await peer.items()).items).toEqual([]);
    expect(errors).toEqual([]);
  });

  it("is answered for the others who ask the same", async () => {
    const { disco, peer } = await askedComponent();
    disco.setNodeHandler("getInfo", ({ from }, next) => (from === PEER ? new Promise(() => {}) : next()));
    void peer.info();

    expect((await peer.info({ from: "nurse@capulet.lit/kitchen" })).hasIdentity("component", "generic")).toBe(
      true,
    );
  });
});

describe("a handler that settles late", () => {
  /** A client whose handler is asked and has not answered yet. */
  async function waiting(streamManagement: boolean) {
    const { disco, peer, ...rest } = await askedClient({ streamManagement });
    const answer = deferred<DiscoInfo>();
    const handler = vi.fn(() => answer.promise);
    disco.setNodeHandler("getInfo", handler);
    const reply = vi.fn();
    peer.ask(NS_DISCO_INFO).then(reply);
    await until(() => handler.mock.calls.length === 1);
    return { ...rest, disco, answer, reply };
  }

  it.each([
    ["resolves", (answer: ReturnType<typeof deferred<DiscoInfo>>) => answer.resolve(infoWith())],
    ["rejects", (answer: ReturnType<typeof deferred<DiscoInfo>>) => answer.reject(new IqError("forbidden"))],
  ])("after the session was lost sends nothing: it %s", async (_, settle) => {
    const { server, xmpp, answer, errors } = await waiting(false);
    server.cut();
    await until(() => xmpp.status === "online");
    settle(answer);
    await quiet();

    expect(server.received).toEqual([]);
    expect(errors).toEqual([]);
  });

  it("and throws after the session was lost, is heard of by the listeners of error alone", async () => {
    const { server, xmpp, answer, errors } = await waiting(false);
    const bug = new Error("the application's own");
    server.cut();
    await until(() => xmpp.status === "online");
    answer.reject(bug);
    await quiet();

    expect(server.received).toEqual([]);
    expect(errors).toEqual([bug]);
  });

  it("after the client was stopped sends nothing", async () => {
    const { server, xmpp, answer, errors } = await waiting(false);
    await xmpp.stop();
    const before = server.received.length;
    answer.resolve(infoWith());
    await quiet();

    expect(server.received).toHaveLength(before);
    expect(errors).toEqual([]);
  });

  it("in a session that never resumes sends nothing", async () => {
    const { server, xmpp, answer, errors } = await waiting(true);
    server.resumable = false;
    server.cut();
    answer.resolve(infoWith());
    await until(() => xmpp.status === "online");
    await quiet();

    expect(server.received).toEqual([]);
    expect(errors).toEqual([]);
  });

  it("while the stream is cut answers once when it is resumed", async () => {
    const { server, answer, reply, errors } = await waiting(true);
    server.cut();
    answer.resolve(infoWith("late"));
    await until(() => reply.mock.calls.length > 0);
    await quiet();

    const [iq] = reply.mock.calls[0] ?? [];
    expect(DiscoInfo.fromElement(iq).has("late")).toBe(true);
    expect(server.received).toHaveLength(1);
    expect(errors).toEqual([]);
  });

  it("after the stream was cut and resumed answers as ever", async () => {
    const { server, xmpp, answer, reply } = await waiting(true);
    server.cut();
    await until(() => xmpp.status === "online");
    await quiet();
    expect(reply).not.toHaveBeenCalled();
    answer.resolve(infoWith("late"));
    await until(() => reply.mock.calls.length > 0);

    expect(server.received).toHaveLength(1);
  });

  it("after the service was dismissed still answers who asked, and troubles nobody", async () => {
    const { xmpp, answer, reply, errors } = await waiting(false);
    xmpp.dismiss(DiscoServer);
    answer.resolve(infoWith("late"));
    await until(() => reply.mock.calls.length > 0);

    expect(reply.mock.calls[0]?.[0].attrs.type).toBe("result");
    expect(errors).toEqual([]);
  });

  it("of a component after its session was lost sends nothing", async () => {
    const { disco, peer, server, xmpp, errors } = await askedComponent();
    const answer = deferred<DiscoInfo>();
    const handler = vi.fn(() => answer.promise);
    disco.setNodeHandler("getInfo", handler);
    void peer.ask(NS_DISCO_INFO);
    await until(() => handler.mock.calls.length === 1);
    server.cut();
    await until(() => xmpp.status === "disconnect");
    answer.resolve(infoWith());
    await quiet();

    expect(server.received).toEqual([]);
    expect(errors).toEqual([]);
  });
});

describe("a bad argument", () => {
  const handler = () => true;

  it.each(["getNothing", "", "toString", "__proto__", "GETINFO", undefined, null, 5])(
    "for the action is an error that shows it: %s",
    (action) => {
      const server = componentServer();

      expect(() => server.setNodeHandler(action as "supports", handler)).toThrow(TypeError);
      expect(() => server.setNodeHandler(action as "supports", handler)).toThrow(
        /there is no action .*there are getInfo/,
      );
      expect(() => server.deleteNodeHandler(action as "supports")).toThrow(/there is no action/);
      expect(() => server.restoreDefaults({}, [action as "supports"])).toThrow(/there is no action/);
    },
  );

  it.each([undefined, null, 5, "supports", {}, true])(
    "for the handler is an error that shows it: %s",
    async (bad) => {
      const server = await furnished();

      expect(() => server.setNodeHandler("supports", bad as unknown as typeof handler)).toThrow(TypeError);
      expect(() => server.setNodeHandler("supports", bad as unknown as typeof handler)).toThrow(
        "handler is no function",
      );
      expect(await ask(server, { jid: A })).toBe(true);
    },
  );

  it.each<[what: string, owner: unknown]>([
    ["null", null],
    ["a text", A],
    ["a number", 5],
    ["a JID", jid(A)],
    ["a word misspelt", { JID: A }],
    ["a list", [A]],
    ["a JID that is none", { jid: "@@" }],
    ["a JID that is empty", { jid: "" }],
    ["a JID that is null", { jid: null }],
    ["a node that is no text", { node: 5 }],
    ["a node that XML cannot carry", { node: "\u0000" }],
  ])("for the owner is an error, and changes nothing: %s", async (_, bad) => {
    const server = await furnished();
    const owner = bad as Owner;

    expect(() => server.setNodeHandler("supports", () => false, owner)).toThrow(TypeError);
    expect(() => server.deleteNodeHandler("supports", owner)).toThrow(TypeError);
    expect(() => server.restoreDefaults(owner)).toThrow(TypeError);
    await expect(server.addFeature("x", owner)).rejects.toThrow(TypeError);
    await expect(server.delItems(owner)).rejects.toThrow(TypeError);
    await expect(server.supports("x", owner)).rejects.toThrow(TypeError);
    for (const target of [...TARGETS, {}]) expect(await ask(server, target)).toBe(true);
    expect((await server.getInfo()).features).toEqual([NS_DISCO_INFO]);
  });
});

describe("a handler of a client that was never on line", () => {
  it("is called, and told of no JID", async () => {
    const server = clientServer();
    const handler = vi.fn<NodeHandler<"supports">>(() => true);
    server.setNodeHandler("supports", handler, { node: "n" });

    expect(await server.supports("x", { node: "n" })).toBe(true);
    expect(handler.mock.calls[0]?.[0]).toMatchObject({ jid: undefined, node: "n" });
  });
});
