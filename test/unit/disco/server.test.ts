import { component } from "@xmpp/component";
import { jid } from "@xmpp/jid";
import StanzaError from "@xmpp/middleware/lib/StanzaError.js";
import xml, { type Element } from "@xmpp/xml";
import { afterEach, describe, expect, it, vi } from "vitest";
import {
  DataForm,
  DiscoInfo,
  DiscoItems,
  DiscoNode,
  type DiscoRequest,
  DiscoServer,
  DiscoTree,
  IqError,
  type Query,
  type Services,
  StaticNode,
  withServices,
} from "../../../src/index.ts";
import { MemoryServer, memoryClient } from "../../support/memory.ts";
import { changesOf, overTheWire } from "../forms/helpers.ts";

const INFO = "http://jabber.org/protocol/disco#info";
const ITEMS = "http://jabber.org/protocol/disco#items";
const PEER = "juliet@capulet.lit/balcony";
const ME = "romeo@montague.example/orchard";

/** What a peer may put into its request. */
interface Asked {
  readonly node?: string;
  readonly from?: string;
  readonly to?: string;
  readonly lang?: string;
}

/** Asks as a peer does, and gives the stanza that comes back. */
type Ask = (xmlns: string, asked?: Asked) => Promise<Element>;

interface Online {
  readonly xmpp: Services;
  readonly disco: DiscoServer;
  readonly ask: Ask;
  /** What the client emitted as `error`, which ends a process that does not listen. */
  readonly fatal: unknown[];
  /** What the server of service discovery emitted as `error`. */
  readonly errors: unknown[];
}

let requests = 0;

function request(xmlns: string, to: string, { node, from = PEER, lang }: Asked): Element {
  requests += 1;
  return xml(
    "iq",
    { type: "get", id: `ask-${requests}`, from, to, "xml:lang": lang },
    xml("query", { xmlns, node }),
  );
}

/** The promise of the stanza that has an id, and what to hand stanzas to until it comes. */
function awaited(id: string) {
  let got: (reply: Element) => void = () => {};
  const reply = new Promise<Element>((resolve) => {
    got = resolve;
  });
  return { reply, take: (stanza: Element) => stanza.attrs.id === id && got(stanza) };
}

const running: { stop(): Promise<unknown> }[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((xmpp) => xmpp.stop()));
});

/** A client that is online, with its service discovery. */
async function online(
  Class: new (...args: ConstructorParameters<typeof DiscoServer>) => DiscoServer = DiscoServer,
) {
  const server = new MemoryServer({ jid: ME });
  const xmpp = withServices(memoryClient(server));
  const fatal: unknown[] = [];
  const errors: unknown[] = [];
  xmpp.on("error", (error) => fatal.push(error));
  const disco = xmpp.summon(Class);
  disco.on("error", (error) => errors.push(error));
  await xmpp.start();
  running.push(xmpp);
  const ask: Ask = (xmlns, asked = {}) => {
    const iq = request(xmlns, asked.to ?? ME, asked);
    const { reply, take } = awaited(iq.attrs.id);
    server.script = (stanza) => void take(stanza);
    server.send(iq);
    return reply;
  };
  return { xmpp, disco, ask, fatal, errors } satisfies Online;
}

/** A component that has done its handshake, as far as its answers are concerned. */
function componentOf(domain = "comp.example", handshake = true) {
  const xmpp = withServices(component({ service: "xmpp://127.0.0.1:1", domain, password: "x" }));
  const fatal: unknown[] = [];
  const errors: unknown[] = [];
  xmpp.on("error", (error) => fatal.push(error));
  if (handshake) Object.assign(xmpp, { jid: jid(domain) });
  const disco = xmpp.summon(DiscoServer);
  disco.on("error", (error) => errors.push(error));
  const ask: Ask = (xmlns, asked = {}) => {
    const iq = request(xmlns, asked.to ?? domain, asked);
    const { reply, take } = awaited(iq.attrs.id);
    xmpp.send = async (stanza: Element) => void take(overTheWire(stanza));
    xmpp.emit("element", overTheWire(iq));
    return reply;
  };
  return { xmpp, disco, ask, fatal, errors } satisfies Online;
}

async function infoOf(reply: Promise<Element>): Promise<DiscoInfo> {
  const iq = await reply;
  expect(iq.attrs.type).toBe("result");
  return DiscoInfo.fromElement(iq);
}

async function itemsOf(reply: Promise<Element>): Promise<DiscoItems> {
  const iq = await reply;
  expect(iq.attrs.type).toBe("result");
  return DiscoItems.fromElement(iq);
}

async function errorOf(reply: Promise<Element>): Promise<IqError> {
  const iq = await reply;
  expect(iq.attrs.type).toBe("error");
  return IqError.fromElement(iq);
}

/** A node with an identity, so that it is there. */
function there<N extends DiscoNode>(node: N): N {
  node.registerIdentity("hierarchy", "leaf");
  return node;
}

const itemNotFound = { condition: "item-not-found", type: "cancel" };

describe("a client that is asked what it is", () => {
  it("is client/bot, and supports disco#info", async () => {
    const { ask } = await online();
    const info = await infoOf(ask(INFO));

    expect(info.identities).toEqual([{ category: "client", type: "bot" }]);
    expect(info.features).toEqual([INFO]);
    expect(info.node).toBeUndefined();
  });

  it("answers who asked, under the id of the question", async () => {
    const { ask } = await online();
    const reply = await ask(INFO, { from: "nurse@capulet.lit/kitchen" });

    expect(reply.attrs).toMatchObject({ type: "result", to: "nurse@capulet.lit/kitchen", from: ME });
  });

  it("tells what was registered: features, identities in their languages and forms", async () => {
    const { ask, disco } = await online();
    disco.registerFeature("urn:xmpp:ping");
    disco.registerIdentity("client", "web", { en: "My app", de: "Meine App" });
    disco.unregisterIdentity("client", "bot");
    disco.registerForm(
      new DataForm({ formType: "urn:xmpp:dataforms:softwareinfo", fields: { os: "Linux" } }),
    );
    const info = await infoOf(ask(INFO));

    expect(info.features).toEqual([INFO, "urn:xmpp:ping"]);
    expect(info.identities).toEqual([
      { category: "client", type: "web", lang: "en", name: "My app" },
      { category: "client", type: "web", lang: "de", name: "Meine App" },
    ]);
    expect(info.form("urn:xmpp:dataforms:softwareinfo")?.value("os")).toBe("Linux");
  });

  it("has no items: an empty answer, and no error", async () => {
    const { ask } = await online();

    expect((await itemsOf(ask(ITEMS))).items).toEqual([]);
  });

  it("has the mounted nodes that are listed as items of its own", async () => {
    const { ask, disco } = await online();
    disco.mountNode("rooms", there(new StaticNode()), { listed: true, name: "Rooms" });
    disco.mountNode("hidden", there(new StaticNode()));

    expect((await itemsOf(ask(ITEMS))).items).toEqual([{ jid: ME, node: "rooms", name: "Rooms" }]);
  });

  it("takes an empty node for none", async () => {
    const { ask } = await online();

    expect((await infoOf(ask(INFO, { node: "" }))).hasIdentity("client", "bot")).toBe(true);
  });
});

describe("the default identity", () => {
  it("can be removed once there is another", async () => {
    const { ask, disco } = await online();
    disco.registerIdentity("client", "pc");
    disco.unregisterIdentity("client", "bot");

    expect((await infoOf(ask(INFO))).identities).toEqual([{ category: "client", type: "pc" }]);
  });

  it("cannot be removed while it is alone", async () => {
    const { disco } = await online();

    expect(() => disco.unregisterIdentity("client", "bot")).toThrow("client/bot");
  });

  it("can be given names", async () => {
    const { ask, disco } = await online();
    disco.setIdentityNames("client", "bot", "A bot");

    expect((await infoOf(ask(INFO))).name()).toBe("A bot");
  });
});

describe("a node that is asked for", () => {
  it("is mirrored in what it tells and in its items", async () => {
    const { ask, disco } = await online();
    disco.mountNode("music/D", there(new StaticNode()));

    expect((await infoOf(ask(INFO, { node: "music/D" }))).node).toBe("music/D");
    expect((await itemsOf(ask(ITEMS, { node: "music/D" }))).node).toBe("music/D");
  });

  it("tells its own, and nothing of the root", async () => {
    const { ask, disco } = await online();
    disco.registerFeature("urn:xmpp:ping");
    const node = there(new StaticNode());
    node.registerFeature("a");
    disco.mountNode("n", node);

    const info = await infoOf(ask(INFO, { node: "n" }));
    expect(info.features).toEqual([INFO, "a"]);
    expect(info.identities).toEqual([{ category: "hierarchy", type: "leaf" }]);
  });

  it("has its own items", async () => {
    const { ask, disco } = await online();
    const node = there(new StaticNode());
    node.addItem({ jid: "garden@rooms.example", name: "The garden" });
    disco.mountNode("rooms", node);

    expect((await itemsOf(ask(ITEMS, { node: "rooms" }))).items).toEqual([
      { jid: "garden@rooms.example", name: "The garden" },
    ]);
  });

  it("without items has an empty answer, and no error", async () => {
    const { ask, disco } = await online();
    disco.mountNode("n", there(new DiscoNode()));

    expect((await itemsOf(ask(ITEMS, { node: "n" }))).items).toEqual([]);
  });

  it.each([
    ["disco#info", INFO],
    ["disco#items", ITEMS],
  ])("is item-not-found, type cancel, where there is none: %s", async (_, xmlns) => {
    const { ask, fatal, errors } = await online();

    expect(await errorOf(ask(xmlns, { node: "unknown" }))).toMatchObject(itemNotFound);
    expect([...fatal, ...errors]).toEqual([]);
  });

  it("is item-not-found once it is unmounted", async () => {
    const { ask, disco } = await online();
    disco.mountNode("n", there(new DiscoNode()));
    disco.unmountNode("n");

    expect(await errorOf(ask(INFO, { node: "n" }))).toMatchObject(itemNotFound);
  });

  it("is not there without an identity of its own", async () => {
    const { ask, disco } = await online();
    disco.mountNode("n", new DiscoNode());

    expect(await errorOf(ask(INFO, { node: "n" }))).toMatchObject(itemNotFound);
    expect(await errorOf(ask(ITEMS, { node: "n" }))).toMatchObject(itemNotFound);
  });

  const hostile = `"><x/>&<!--`;

  it("may have a hostile name, which the answer escapes", async () => {
    const { ask, disco } = await online();
    disco.mountNode(hostile, there(new DiscoNode()), { listed: true });

    for (const xmlns of [INFO, ITEMS]) {
      const reply = await ask(xmlns, { node: hostile });
      expect(reply.attrs.type).toBe("result");
      expect(reply.getChildElements()).toHaveLength(1);
      expect(reply.getChild("query")?.attrs.node).toBe(hostile);
    }
    expect((await itemsOf(ask(ITEMS))).items).toEqual([{ jid: ME, node: hostile }]);
  });

  it("may have a hostile name that is unknown, which the error escapes", async () => {
    const { ask } = await online();
    const reply = await ask(INFO, { node: hostile });

    expect(IqError.fromElement(reply)).toMatchObject(itemNotFound);
    expect(reply.getChildElements().map((child) => child.name)).toEqual(["query", "error"]);
    expect(reply.getChild("query")?.attrs.node).toBe(hostile);
  });

  it.each(["__proto__", "constructor", "toString"])("is unknown where it is called %s", async (node) => {
    const { ask } = await online();

    expect(await errorOf(ask(INFO, { node }))).toMatchObject(itemNotFound);
  });
});

describe("a node that is visible to some only", () => {
  const ADMIN = "admin@montague.example/desk";

  class ForAdmins extends StaticNode {
    override *iterIdentities(request?: DiscoRequest) {
      if (request === undefined || request.from === ADMIN) yield* this.ownIdentities();
    }
  }

  async function withAdminNode() {
    const it = await online();
    const node = there(new ForAdmins());
    node.addItem({ jid: "secret.example" });
    it.disco.mountNode("admin", node);
    return it;
  }

  it("is there for them", async () => {
    const { ask } = await withAdminNode();

    expect((await infoOf(ask(INFO, { node: "admin", from: ADMIN }))).hasIdentity("hierarchy")).toBe(true);
    expect((await itemsOf(ask(ITEMS, { node: "admin", from: ADMIN }))).items).toHaveLength(1);
  });

  it.each([
    ["disco#info", INFO],
    ["disco#items", ITEMS],
  ])("is item-not-found for the others: %s", async (_, xmlns) => {
    const { ask } = await withAdminNode();

    expect(await errorOf(ask(xmlns, { node: "admin" }))).toMatchObject(itemNotFound);
  });

  it("may be the root", async () => {
    class Shy extends DiscoServer {
      override *iterIdentities(request?: DiscoRequest) {
        if (request === undefined || request.from === ADMIN) yield* this.ownIdentities();
      }
    }
    const { ask } = await online(Shy);

    expect((await infoOf(ask(INFO, { from: ADMIN }))).hasIdentity("client", "bot")).toBe(true);
    expect(await errorOf(ask(INFO))).toMatchObject(itemNotFound);
    expect(await errorOf(ask(ITEMS))).toMatchObject(itemNotFound);
  });
});

describe("what a node is told of the question", () => {
  class Listening extends DiscoNode {
    readonly requests: (DiscoRequest | undefined)[] = [];
    override iterFeatures(request?: DiscoRequest) {
      this.requests.push(request);
      return this.ownFeatures();
    }
    override iterItems(request?: DiscoRequest) {
      this.requests.push(request);
      return [];
    }
  }

  it.each([
    ["disco#info", INFO],
    ["disco#items", ITEMS],
  ])("is who asks whom, for which node, in which language: %s", async (_, xmlns) => {
    const { ask, disco } = await online();
    const node = there(new Listening());
    disco.mountNode("n", node);
    await ask(xmlns, { node: "n", from: "Juliet@Capulet.LIT/Balcony", lang: "de-AT" });

    expect(node.requests).toEqual([{ from: "juliet@capulet.lit/Balcony", to: ME, node: "n", lang: "de-AT" }]);
  });

  it("has no language where the question has none", async () => {
    const { ask, disco } = await online();
    const node = there(new Listening());
    disco.mountNode("n", node);
    await ask(INFO, { node: "n" });

    expect(node.requests[0]?.lang).toBeUndefined();
  });

  it("is the same where the application asks without a stanza", async () => {
    const { disco } = await online();
    const node = there(new Listening());
    disco.mountNode("n", node);
    await disco.getInfo({ node: "n", from: jid("Juliet@Capulet.LIT/Balcony"), lang: "de-AT" });

    expect(node.requests).toEqual([{ from: "juliet@capulet.lit/Balcony", to: ME, node: "n", lang: "de-AT" }]);
  });

  it("lets it answer in the language asked for", async () => {
    class Polyglot extends DiscoNode {
      override async *iterIdentities(request?: DiscoRequest) {
        yield { category: "hierarchy", type: "leaf", name: request?.lang === "de" ? "Blatt" : "Leaf" };
      }
    }
    const { ask, disco } = await online();
    disco.mountNode("n", new Polyglot());

    expect((await infoOf(ask(INFO, { node: "n", lang: "de" }))).name()).toBe("Blatt");
    expect((await infoOf(ask(INFO, { node: "n" }))).name()).toBe("Leaf");
  });
});

describe("a node that fails", () => {
  /** A node whose features and items are what a function throws. */
  function failing(thrown: unknown): DiscoNode {
    class Failing extends DiscoNode {
      override iterFeatures(): never {
        throw thrown;
      }
      override async iterItems(): Promise<never> {
        throw thrown;
      }
    }
    return there(new Failing());
  }

  const kinds = [
    ["disco#info", INFO],
    ["disco#items", ITEMS],
  ] as const;

  it.each(kinds)("answers with the IqError it throws: %s", async (_, xmlns) => {
    const { ask, disco, fatal, errors } = await online();
    disco.mountNode("n", failing(new IqError("forbidden", { text: "Members only" })));

    expect(await errorOf(ask(xmlns, { node: "n" }))).toMatchObject({
      condition: "forbidden",
      type: "auth",
      text: "Members only",
    });
    expect([...fatal, ...errors]).toEqual([]);
  });

  it.each(kinds)("answers with the StanzaError of xmpp.js it throws: %s", async (_, xmlns) => {
    const { ask, disco, fatal, errors } = await online();
    const application = xml("too-many", { xmlns: "urn:example:app" });
    disco.mountNode("n", failing(new StanzaError("not-acceptable", "Too much", application, "modify")));

    const error = await errorOf(ask(xmlns, { node: "n" }));
    expect(error).toMatchObject({ condition: "not-acceptable", type: "modify", text: "Too much" });
    expect(error.application?.is("too-many", "urn:example:app")).toBe(true);
    expect([...fatal, ...errors]).toEqual([]);
  });

  it.each(kinds)(
    "answers internal-server-error, and tells the server's listeners, otherwise: %s",
    async (_, xmlns) => {
      const { ask, disco, fatal, errors } = await online();
      const bug = new Error("the node's own");
      disco.mountNode("n", failing(bug));

      const error = await errorOf(ask(xmlns, { node: "n" }));
      expect(error.condition).toBe("internal-server-error");
      expect(error.text).toBeUndefined();
      expect(errors).toEqual([bug]);
      expect(fatal).toEqual([]);
    },
  );

  it.each([["a text"], [undefined], [null], [{ condition: "forbidden" }]])(
    "answers internal-server-error where it throws %j",
    async (thrown: unknown) => {
      const { ask, disco, fatal, errors } = await online();
      disco.mountNode("n", failing(thrown));

      expect((await errorOf(ask(INFO, { node: "n" }))).condition).toBe("internal-server-error");
      expect(errors).toEqual([thrown]);
      expect(fatal).toEqual([]);
    },
  );

  it("answers internal-server-error where what it tells cannot be told", async () => {
    class Broken extends DiscoNode {
      override iterFeatures() {
        return ["\u0000"];
      }
    }
    const { ask, disco, fatal, errors } = await online();
    disco.mountNode("n", there(new Broken()));

    expect((await errorOf(ask(INFO, { node: "n" }))).condition).toBe("internal-server-error");
    expect(errors).toEqual([expect.any(TypeError)]);
    expect(fatal).toEqual([]);
  });

  it("is logged where nobody listens, and ends nothing", async () => {
    const log = vi.spyOn(console, "error").mockImplementation(() => {});
    const { ask, disco, fatal } = await online();
    const bug = new Error("the node's own");
    disco.removeAllListeners("error");
    disco.mountNode("n", failing(bug));

    expect((await errorOf(ask(INFO, { node: "n" }))).condition).toBe("internal-server-error");
    expect(log).toHaveBeenCalledWith(bug);
    expect(fatal).toEqual([]);
    log.mockRestore();
  });

  it("leaves the other answers alone", async () => {
    const { ask, disco } = await online();
    disco.mountNode("n", failing(new Error("the node's own")));
    await ask(INFO, { node: "n" });

    expect((await infoOf(ask(INFO))).hasIdentity("client", "bot")).toBe(true);
  });

  it("keeps nobody waiting but who asked it where it never answers", async () => {
    class Stalled extends DiscoNode {
      override iterFeatures() {
        return new Promise<string[]>(() => {});
      }
    }
    const { ask, disco } = await online();
    disco.mountNode("n", there(new Stalled()));
    void ask(INFO, { node: "n" });

    expect((await infoOf(ask(INFO))).hasIdentity("client", "bot")).toBe(true);
  });
});

describe("asking without a stanza", () => {
  async function furnished() {
    const it = await online();
    it.disco.registerFeature("urn:xmpp:ping");
    it.disco.registerForm(new DataForm({ formType: "urn:example:form", fields: { a: ["1", "2"] } }));
    class ForSome extends StaticNode {
      override *iterFeatures(request?: DiscoRequest) {
        yield* this.ownFeatures();
        if (request?.from === PEER) yield "for-juliet";
      }
    }
    const node = there(new ForSome());
    node.addItem({ jid: "a.example", node: "x", name: "A & B" });
    it.disco.mountNode("n", node, { listed: true, name: "N" });
    return it;
  }

  it.each<[what: string, query: Query & Asked]>([
    ["the entity itself", { from: PEER }],
    ["a node", { from: PEER, node: "n" }],
    ["somebody else", { from: "nurse@capulet.lit/kitchen", node: "n" }],
  ])("gives what a peer is told: %s", async (_, query) => {
    const { ask, disco } = await furnished();
    const { element: _element, ...info } = await infoOf(ask(INFO, query));
    const { element: _query, ...items } = await itemsOf(ask(ITEMS, query));

    expect({ ...(await disco.getInfo(query)) }).toEqual({ ...info, element: undefined });
    expect({ ...(await disco.getItems(query)) }).toEqual({ ...items, element: undefined });
  });

  it("rejects with what a peer is told", async () => {
    const { disco } = await furnished();

    await expect(disco.getInfo({ node: "unknown" })).rejects.toMatchObject(itemNotFound);
    await expect(disco.getItems({ node: "unknown" })).rejects.toMatchObject(itemNotFound);
  });

  it("is of the entity itself where nothing is said", async () => {
    const { disco } = await furnished();
    const info = await disco.getInfo();

    expect(info.jid).toBe(ME);
    expect(info.node).toBeUndefined();
    expect(info.has("urn:xmpp:ping")).toBe(true);
  });

  it("takes an empty node and null for none", async () => {
    const { disco } = await furnished();

    expect((await disco.getInfo({ node: null })).has("urn:xmpp:ping")).toBe(true);
    expect((await disco.getInfo({ node: "" })).has("urn:xmpp:ping")).toBe(true);
  });

  it("works off line too", async () => {
    const disco = withServices(memoryClient(new MemoryServer())).summon(DiscoServer);

    expect((await disco.getInfo()).hasIdentity("client", "bot")).toBe(true);
    expect((await disco.getItems()).items).toEqual([]);
  });

  it.each<[what: string, query: object, named: string]>([
    ["a JID that is none", { jid: "@@@" }, "@@@"],
    ["somebody who is no JID", { from: "@@@" }, "@@@"],
    ["a node that is no text", { node: 5 }, "5"],
  ])("is an error with %s, which it names", async (_, query, named) => {
    const { disco } = await furnished();

    await expect(disco.getInfo(query)).rejects.toThrow(TypeError);
    await expect(disco.getInfo(query)).rejects.toThrow(named);
    await expect(disco.getItems(query)).rejects.toThrow(named);
  });
});

describe("mounting on the server", () => {
  it("is an error where something is mounted, which names the mountpoint", async () => {
    const { disco } = await online();
    disco.mountNode("https://my.app/rooms", new StaticNode());

    expect(() => disco.mountNode("https://my.app/rooms", new StaticNode())).toThrow("https://my.app/rooms");
  });

  it("is an error without a mountpoint: the root is the server's own", async () => {
    const { disco } = await online();

    expect(() => disco.mountNode("", new StaticNode())).toThrow("mountpoint");
    expect(() => disco.unmountNode("")).toThrow();
  });

  it("is a change of its items where the node is listed", async () => {
    const { disco } = await online();
    const told = changesOf(disco);
    disco.mountNode("a", new StaticNode());
    disco.mountNode("b", new StaticNode(), { listed: true });

    expect(told).toEqual(["items"]);
  });
});

describe("the one entity of a client", () => {
  it("is the server itself, by its full and its bare JID", async () => {
    const { disco } = await online();

    expect(disco.entity(ME)).toBe(disco);
    expect(disco.entity(jid("Romeo@Montague.example"))).toBe(disco);
  });

  it.each(["juliet@capulet.lit", "montague.example", "romeo@montague.example/elsewhere"])(
    "is not %s",
    async (address) => {
      const { disco } = await online();

      expect(() => disco.entity(address)).toThrow(address);
    },
  );

  it("is not its server, also off line", () => {
    const disco = withServices(memoryClient(new MemoryServer({ jid: ME }))).summon(DiscoServer);

    expect(() => disco.entity("montague.example")).toThrow("montague.example");
  });

  it("is an error where the JID is none", async () => {
    const { disco } = await online();

    expect(() => disco.entity("@@@")).toThrow(/"@@@"/);
  });
});

describe("a server that is dismissed", () => {
  it("answers no more", async () => {
    const { xmpp, ask } = await online();
    xmpp.dismiss(DiscoServer);

    expect((await errorOf(ask(INFO))).condition).toBe("service-unavailable");
    expect((await errorOf(ask(ITEMS))).condition).toBe("service-unavailable");
  });

  it("makes room for a new one, which knows nothing of the old", async () => {
    const { xmpp, ask, disco } = await online();
    disco.registerFeature("urn:xmpp:ping");
    xmpp.dismiss(DiscoServer);
    const renewed = xmpp.summon(DiscoServer);

    expect(renewed).not.toBe(disco);
    expect((await infoOf(ask(INFO))).features).toEqual([INFO]);
  });

  it("brings nothing back through an old handle", async () => {
    const { xmpp, ask, disco } = await online();
    xmpp.dismiss(DiscoServer);
    xmpp.summon(DiscoServer);
    disco.registerFeature("urn:xmpp:ping");
    disco.mountNode("n", there(new StaticNode()));

    expect((await infoOf(ask(INFO))).features).toEqual([INFO]);
    expect(await errorOf(ask(INFO, { node: "n" }))).toMatchObject(itemNotFound);
  });

  it("has no listeners left", async () => {
    const { xmpp, disco } = await online();
    const told = changesOf(disco);
    xmpp.dismiss(DiscoServer);
    disco.registerFeature("urn:xmpp:ping");

    expect(told).toEqual([]);
  });
});

describe("a component that is asked what it is", () => {
  it("is component/generic, and supports disco#info", async () => {
    const { ask, fatal } = componentOf();
    const info = await infoOf(ask(INFO));

    expect(info.jid).toBe("comp.example");
    expect(info.identities).toEqual([{ category: "component", type: "generic" }]);
    expect(info.features).toEqual([INFO]);
    expect(fatal).toEqual([]);
  });

  it("is what was registered", async () => {
    const { ask, disco } = componentOf();
    disco.registerIdentity("gateway", "irc", "A gateway");
    disco.unregisterIdentity("component", "generic");
    disco.registerFeature("jabber:iq:register");
    const info = await infoOf(ask(INFO));

    expect(info.identities).toEqual([{ category: "gateway", type: "irc", name: "A gateway" }]);
    expect(info.has("jabber:iq:register")).toBe(true);
  });

  it("answers item-not-found for an unknown node", async () => {
    const { ask } = componentOf();

    expect(await errorOf(ask(INFO, { node: "unknown" }))).toMatchObject(itemNotFound);
  });

  it("answers with the StanzaError of its own packages that a node throws", async () => {
    const { ask, disco, errors } = componentOf();
    class Failing extends DiscoNode {
      override iterFeatures(): never {
        throw Object.assign(new Error("forbidden"), {
          name: "StanzaError",
          condition: "forbidden",
          type: "auth",
        });
      }
    }
    disco.mountNode("n", there(new Failing()));

    expect(await errorOf(ask(INFO, { node: "n" }))).toMatchObject({ condition: "forbidden", type: "auth" });
    expect(errors).toEqual([]);
  });

  it.each([true, false])("is the server itself by its domain, handshake done: %s", async (handshake) => {
    const { disco } = componentOf("comp.example", handshake);

    expect(disco.entity("comp.example")).toBe(disco);
    expect(disco.entity(jid("Comp.Example"))).toBe(disco);
  });

  it.each([true, false])(
    "is told of without a stanza by its domain, handshake done: %s",
    async (handshake) => {
      const { disco } = componentOf("comp.example", handshake);
      disco.entity("comp.example").registerFeature("jabber:iq:register");

      expect((await disco.getInfo({ jid: "comp.example" })).has("jabber:iq:register")).toBe(true);
    },
  );

  it("has listed nodes as items of its own", async () => {
    const { ask, disco } = componentOf();
    disco.mountNode("n", there(new StaticNode()), { listed: true });

    expect((await itemsOf(ask(ITEMS))).items).toEqual([{ jid: "comp.example", node: "n" }]);
  });
});

describe("the JIDs of a component", () => {
  const ROOM = "garden@comp.example";

  it("have one tree each, whichever way they are written", () => {
    const { disco } = componentOf();
    const room = disco.entity(ROOM);

    expect(room).toBeInstanceOf(DiscoTree);
    expect(disco.entity("Garden@Comp.Example")).toBe(room);
    expect(disco.entity(jid(ROOM))).toBe(room);
    expect(disco.entity("cellar@comp.example")).not.toBe(room);
  });

  it("have a tree apart for each full JID", () => {
    const { disco } = componentOf();

    expect(disco.entity(`${ROOM}/juliet`)).not.toBe(disco.entity(ROOM));
    expect(disco.entity(`${ROOM}/juliet`)).not.toBe(disco.entity(`${ROOM}/Juliet`));
    expect(disco.entity(`${ROOM}/juliet`)).toBe(disco.entity(`${ROOM}/juliet`));
  });

  it("tell the default identity, also those nobody has heard of", async () => {
    const { ask } = componentOf();
    const info = await infoOf(ask(INFO, { to: "anybody@comp.example" }));

    expect(info.jid).toBe("anybody@comp.example");
    expect(info.identities).toEqual([{ category: "component", type: "generic" }]);
    expect(info.features).toEqual([INFO]);
    expect((await itemsOf(ask(ITEMS, { to: "anybody@comp.example" }))).items).toEqual([]);
  });

  it("tell the default identity beside features of their own", async () => {
    const { ask, disco } = componentOf();
    disco.entity(ROOM).registerFeature("http://jabber.org/protocol/muc");
    const info = await infoOf(ask(INFO, { to: ROOM }));

    expect(info.identities).toEqual([{ category: "component", type: "generic" }]);
    expect(info.has("http://jabber.org/protocol/muc")).toBe(true);
  });

  it("tell their own identity alone once they have one, however often they were asked before", async () => {
    const { ask, disco } = componentOf();
    const room = disco.entity(ROOM);
    await ask(INFO, { to: ROOM });
    room.registerIdentity("conference", "text", "The garden");

    expect((await infoOf(ask(INFO, { to: ROOM }))).identities).toEqual([
      { category: "conference", type: "text", name: "The garden" },
    ]);
  });

  it("tell nothing of each other, nor of the component", async () => {
    const { ask, disco } = componentOf();
    disco.registerFeature("of-the-component");
    disco.mountNode("n", there(new StaticNode()));
    disco.entity(ROOM).registerFeature("of-the-garden");

    expect((await infoOf(ask(INFO, { to: ROOM }))).features).toEqual([INFO, "of-the-garden"]);
    expect((await infoOf(ask(INFO, { to: "cellar@comp.example" }))).features).toEqual([INFO]);
    expect((await infoOf(ask(INFO))).features).toEqual([INFO, "of-the-component"]);
    expect(await errorOf(ask(INFO, { to: ROOM, node: "n" }))).toMatchObject(itemNotFound);
  });

  it("have nodes of their own, listed as their own", async () => {
    const { ask, disco } = componentOf();
    disco.entity(ROOM).mountNode("n", there(new StaticNode()), { listed: true, name: "N" });

    expect((await infoOf(ask(INFO, { to: ROOM, node: "n" }))).hasIdentity("hierarchy")).toBe(true);
    expect((await itemsOf(ask(ITEMS, { to: ROOM }))).items).toEqual([{ jid: ROOM, node: "n", name: "N" }]);
    expect(await errorOf(ask(INFO, { node: "n" }))).toMatchObject(itemNotFound);
  });

  it("list their nodes as their own also where the tree is asked without a request", async () => {
    const { disco } = componentOf();
    const room = disco.entity(ROOM);
    room.mountNode("n", there(new StaticNode()), { listed: true });

    expect((await room.toItems()).items).toEqual([{ jid: ROOM, node: "n" }]);
  });

  it("answer item-not-found for a node without an identity", async () => {
    const { ask, disco } = componentOf();
    disco.entity(ROOM).mountNode("n", new DiscoNode());

    expect(await errorOf(ask(INFO, { to: ROOM, node: "n" }))).toMatchObject(itemNotFound);
  });

  it("answer for themselves: the reply comes from who was asked", async () => {
    const { ask } = componentOf();
    const reply = await ask(INFO, { to: `${ROOM}/Juliet` });

    expect(reply.attrs).toMatchObject({ type: "result", from: `${ROOM}/Juliet`, to: PEER });
  });

  it("are found whatever the case in which a peer writes them", async () => {
    const { ask, disco } = componentOf();
    disco.entity(ROOM).registerFeature("of-the-garden");

    expect((await infoOf(ask(INFO, { to: "Garden@Comp.Example" }))).has("of-the-garden")).toBe(true);
  });

  it.each([String.raw`o\27reilly@comp.example`, String.raw`back\slash@comp.example`])(
    "are found with a backslash in them: %s",
    async (address) => {
      const { ask, disco } = componentOf();
      disco.entity(address).registerFeature("found");

      expect((await infoOf(ask(INFO, { to: address }))).has("found")).toBe(true);
    },
  );

  it("are told of without a stanza as on the wire", async () => {
    const { ask, disco } = componentOf();
    disco.entity(ROOM).registerFeature("of-the-garden");
    const { element: _, ...info } = await infoOf(ask(INFO, { to: ROOM }));

    expect({ ...(await disco.getInfo({ jid: "Garden@comp.example", from: PEER })) }).toEqual({
      ...info,
      element: undefined,
    });
  });

  it("tell their own changes", () => {
    const { disco } = componentOf();
    const room = changesOf(disco.entity(ROOM));
    const root = changesOf(disco);
    disco.entity(ROOM).registerFeature("of-the-garden");

    expect(room).toEqual(["info"]);
    expect(root).toEqual([]);
  });

  it("are errors where they are none", () => {
    const { disco } = componentOf();

    expect(() => disco.entity("@@@")).toThrow(/"@@@"/);
  });
});

describe("an answer that was told before", () => {
  it("is told anew after each kind of change", async () => {
    const { disco, ask } = await online();
    const told = async () => {
      const { identities, features, forms } = await infoOf(ask(INFO));
      return [identities.length, features.length, forms.length, identities[0]?.name];
    };
    expect(await told()).toEqual([1, 1, 0, undefined]);
    disco.registerFeature("a");
    expect(await told()).toEqual([1, 2, 0, undefined]);
    const release = disco.holdFeature("b");
    expect(await told()).toEqual([1, 3, 0, undefined]);
    disco.setIdentityNames("client", "bot", "Bot");
    expect(await told()).toEqual([1, 3, 0, "Bot"]);
    disco.registerIdentity("client", "pc", "PC");
    expect(await told()).toEqual([2, 3, 0, "Bot"]);
    disco.unregisterIdentity("client", "bot");
    expect(await told()).toEqual([1, 3, 0, "PC"]);
    disco.registerForm(new DataForm({ formType: "f" }));
    expect(await told()).toEqual([1, 3, 1, "PC"]);
    disco.unregisterForm("f");
    release();
    disco.unregisterFeature("a");
    expect(await told()).toEqual([1, 1, 0, "PC"]);
    disco.batch(() => disco.registerFeature("c"));
    expect(await told()).toEqual([1, 2, 0, "PC"]);
  });

  it("is told anew where a method is put in the place of one", async () => {
    const { disco, ask } = await online();
    expect((await infoOf(ask(INFO))).has("a")).toBe(false);
    disco.iterFeatures = (request) => (request?.from === PEER ? [INFO, "a"] : [INFO]);
    expect((await infoOf(ask(INFO))).has("a")).toBe(true);
    expect((await infoOf(ask(INFO, { from: "tybalt@capulet.lit/x" }))).has("a")).toBe(false);
  });

  it("is the same node's under another name where it is mounted twice", async () => {
    const { disco, ask } = await online();
    const node = there(new StaticNode());
    disco.mountNode("a", node);
    disco.mountNode("b", node);
    for (const name of ["a", "b", "a"]) {
      const reply = await ask(INFO, { node: name });
      expect(reply.getChild("query")?.attrs["node"]).toBe(name);
    }
  });
});

describe("a question with a character that XML cannot carry", () => {
  it.each([
    ["in the node", INFO, { node: "\u001b" }, undefined],
    ["in the node, for items", ITEMS, { node: "\uffff" }, undefined],
    ["in the item that a page starts after", ITEMS, {}, "after"],
    ["in the item that a page ends before", ITEMS, {}, "before"],
  ] as const)(
    "%s is about nothing that there is, and no error of the application's",
    async (_, xmlns, asked, at) => {
      const { disco, xmpp, errors } = componentOf();
      disco.setItems([{ jid: "a.example" }]);
      const set = at && xml("set", { xmlns: "http://jabber.org/protocol/rsm" }, xml(at, {}, "\u001b"));
      const iq = request(xmlns, "comp.example", asked);
      if (set !== undefined) iq.getChild("query")?.append(set);
      const { reply, take } = awaited(iq.attrs.id);
      xmpp.send = async (stanza: Element) => void take(stanza);
      xmpp.emit("element", iq);
      expect((await errorOf(reply)).condition).toBe("item-not-found");
      expect(errors).toEqual([]);
    },
  );
});
