import xml, { type Element } from "@xmpp/xml";
import { describe, expect, test } from "vitest";
import {
  DataForm,
  DiscoInfo,
  DiscoNode,
  EntityCapsService,
  IqError,
  type NodeHandler,
  NS_DISCO_INFO,
  NS_DISCO_ITEMS,
  xep0115,
  xep0390,
} from "../../../src/index.ts";
import {
  expectNoStrays,
  JULIET,
  nodesOf,
  offlineStage,
  present,
  quiet,
  type Stage,
  type StageOptions,
  stage,
  until,
} from "./support.ts";

expectNoStrays();

/** A client that sends presence itself. */
const manual = (options: StageOptions = {}): Promise<Stage> => stage({ rebroadcast: false, ...options });

/** Announces what there is; returns the nodes it is asked at. */
async function announce(on: Stage): Promise<string[]> {
  const count = on.presences().length;
  await on.send(xml("presence"));
  await until(() => on.presences().length > count);
  return nodesOf(on.presences().at(-1));
}

/** What a node of ours tells, or the condition of the error. */
async function told(on: Stage, node?: string): Promise<DiscoInfo | string> {
  const answer = await on.tell(node);
  return answer.attrs.type === "error"
    ? IqError.fromElement(answer).condition
    : DiscoInfo.fromElement(answer);
}

/** The features of a node of ours, without those that are always there, or the condition of the error. */
async function toldFeatures(on: Stage, node?: string): Promise<string> {
  const info = await told(on, node);
  if (typeof info === "string") return info;
  return info.features.filter((feature) => feature.startsWith("urn:example:")).join(" ");
}

/** Announces A, B, C and so on, each with one feature of its own; returns the nodes of each. */
async function announceAll(on: Stage, names: string): Promise<string[][]> {
  const all: string[][] = [];
  let last: string | undefined;
  for (const name of names) {
    on.self.batch(() => {
      if (last !== undefined) on.self.unregisterFeature(`urn:example:${last}`);
      on.self.registerFeature(`urn:example:${name}`);
    });
    last = name;
    all.push(await announce(on));
  }
  return all;
}

describe("who asks for a node that we announced", () => {
  test("is told what the hash stands for, under each of the hashes", async () => {
    const on = await manual({ node: "https://my.app/", hashes: ["sha-256", "sha3-512"] });
    on.self.registerFeature("urn:example:a");
    on.self.registerIdentity("client", "web", { en: "Page", de: "Seite" });
    on.self.registerForm(new DataForm({ formType: "urn:example:form", fields: { a: ["1", "2"] } }));
    const nodes = await announce(on);
    expect(nodes).toHaveLength(3);
    for (const node of nodes) {
      const info = await told(on, node);
      if (typeof info === "string") throw new Error(info);
      expect(info.node).toBe(node);
      expect(info.toJSON()).toEqual((await on.self.toInfo()).toJSON());
      const split = xep0390.splitNode(node);
      if (split === undefined) expect(xep0115.verify(info, node.replace(/.*#/, ""))).toBe(true);
      else expect(xep0390.verify(info, split.value, split.algorithm)).toBe(true);
    }
  });

  test("is told what it was, also when it has changed since", async () => {
    const on = await manual();
    const [a, b] = await announceAll(on, "ab");
    for (const node of present(a)) expect(await toldFeatures(on, node)).toBe("urn:example:a");
    for (const node of present(b)) expect(await toldFeatures(on, node)).toBe("urn:example:b");
    expect(await toldFeatures(on)).toBe("urn:example:b");
  });

  test("is told the last three, and no others", async () => {
    const on = await manual();
    const all = await announceAll(on, "abcd");
    const answers = [];
    for (const nodes of all) answers.push(await toldFeatures(on, nodes[0]), await toldFeatures(on, nodes[1]));
    expect(answers).toEqual([
      "item-not-found",
      "item-not-found",
      "urn:example:b",
      "urn:example:b",
      "urn:example:c",
      "urn:example:c",
      "urn:example:d",
      "urn:example:d",
    ]);
  });

  test("is told what came back: A, B, A, C keeps A, B and C", async () => {
    const on = await manual();
    const [a, b, again, c] = await announceAll(on, "abac");
    expect(again).toEqual(a);
    expect(await toldFeatures(on, a?.[0])).toBe("urn:example:a");
    expect(await toldFeatures(on, b?.[0])).toBe("urn:example:b");
    expect(await toldFeatures(on, c?.[0])).toBe("urn:example:c");
  });

  test("is told three different ones: A, B, C, B keeps A", async () => {
    const on = await manual();
    const [a, b, c] = await announceAll(on, "abcb");
    expect(await toldFeatures(on, a?.[0])).toBe("urn:example:a");
    expect(await toldFeatures(on, b?.[0])).toBe("urn:example:b");
    expect(await toldFeatures(on, c?.[0])).toBe("urn:example:c");
  });

  test("is told the one in force, which a fourth does not push out because it is old as well", async () => {
    const on = await manual();
    // The order of age is B, C, A, D.
    const [a, b, c, , d] = await announceAll(on, "abcad");
    expect(await toldFeatures(on, b?.[0])).toBe("item-not-found");
    expect(await toldFeatures(on, c?.[0])).toBe("urn:example:c");
    expect(await toldFeatures(on, a?.[0])).toBe("urn:example:a");
    expect(await toldFeatures(on, d?.[0])).toBe("urn:example:d");
  });

  test("is told those that were announced: what nobody saw pushes nothing out", async () => {
    const on = await manual();
    const [a, b] = await announceAll(on, "ab");
    for (let i = 0; i < 5; i += 1) {
      on.self.registerFeature(`urn:example:${i}`);
      await quiet(1);
    }
    const c = await announce(on);
    expect(await toldFeatures(on, a?.[0])).toBe("urn:example:a");
    expect(await toldFeatures(on, b?.[0])).toBe("urn:example:b");
    expect(await toldFeatures(on, c[0])).toContain("urn:example:4");
  });

  test("is told the old ones, also after a time when nothing was announced", async () => {
    const on = await manual();
    const [a, b, c] = await announceAll(on, "abc");
    on.caps.xep115Support = false;
    on.caps.xep390Support = false;
    await announce(on);
    on.caps.xep115Support = true;
    on.caps.xep390Support = true;
    expect(await announce(on)).toEqual(c);
    expect(await toldFeatures(on, a?.[0])).toBe("urn:example:a");
    expect(await toldFeatures(on, b?.[0])).toBe("urn:example:b");
    expect(await toldFeatures(on, c?.[0])).toBe("urn:example:c");
  });

  test("is told before any presence was sent, too", async () => {
    const on = await manual({ node: "https://my.app/" });
    const info = await on.self.toInfo();
    expect(await told(on, xep0115.node("https://my.app/", xep0115.hash(info)))).toBeInstanceOf(DiscoInfo);
  });

  test("is refused a node that was never announced", async () => {
    const on = await manual({ node: "https://my.app/" });
    await announce(on);
    expect(await told(on, "https://my.app/#7GRzA2lFqzC4sEAwzeZhUYjeQ4A=")).toBe("item-not-found");
    expect(await told(on, "https://my.app/")).toBe("item-not-found");
  });

  test("is told what a server that tells over time told", async () => {
    const on = offlineStage({ rebroadcast: false });
    let feature = "urn:example:a";
    Object.assign(on.self, {
      async *iterFeatures() {
        await quiet(1);
        yield NS_DISCO_INFO;
        yield feature;
      },
    });
    await on.xmpp.start();
    await quiet(10);
    const nodes = await announce(on);
    feature = "urn:example:b";
    expect(await toldFeatures(on, nodes[0])).toBe("urn:example:a");
    expect(await toldFeatures(on, nodes[1])).toBe("urn:example:a");
    expect(await toldFeatures(on)).toBe("urn:example:b");
  });

  test("is told by a server that hides things what is visible to everybody under this hash", async () => {
    const on = await manual();
    const { self } = on;
    const iterFeatures = self.iterFeatures.bind(self);
    Object.assign(self, {
      *iterFeatures(request?: { from?: string }) {
        yield* iterFeatures() as Iterable<string>;
        if (request === undefined || request.from === "admin@montague.example") yield "urn:example:admin";
      },
    });
    self.registerFeature("urn:example:a");
    const [node] = await announce(on);
    expect(await toldFeatures(on, node)).toBe("urn:example:a urn:example:admin");
    expect(await toldFeatures(on)).toBe("urn:example:a");
  });
});

describe("where a handler tells what the entity is", () => {
  /** Adds a feature to what is told, and refuses Tybalt. */
  const withMore = (feature: string): NodeHandler<"getInfo"> => {
    return async ({ from }, next) => {
      if (from?.startsWith("tybalt@")) throw new IqError("forbidden");
      const info = await next();
      return new DiscoInfo({ ...info, features: [...info.features, feature] });
    };
  };

  test("that is hashed, and told under the hash as well", async () => {
    const on = await manual();
    on.self.setNodeHandler("getInfo", withMore("urn:example:more"));
    await quiet();
    const nodes = await announce(on);
    const info = await on.self.getInfo();
    expect(info.features.filter((feature) => feature === "urn:example:more")).toHaveLength(1);
    expect(nodes).toContain(xep0390.node({ algorithm: "sha-256", value: xep0390.hash(info, "sha-256") }));
    for (const node of nodes) expect(await toldFeatures(on, node)).toBe("urn:example:more");
  });

  test("who is refused there is refused what the hash stands for", async () => {
    const on = await manual();
    const [node] = await announce(on);
    on.self.setNodeHandler("getInfo", withMore("urn:example:more"));
    await expect(on.self.getInfo({ node, from: "tybalt@capulet.example/x" })).rejects.toMatchObject({
      condition: "forbidden",
    });
    expect((await on.self.getInfo({ node, from: JULIET })).features).not.toContain("urn:example:more");
  });

  test("the hash changes with the handler, and back with the default", async () => {
    const on = await stage({ rebroadcastDelay: 0 });
    const [before] = await announce(on);
    on.self.setNodeHandler("getInfo", withMore("urn:example:more"));
    await until(() => on.presences().length === 2);
    expect(nodesOf(on.presences()[1])[0]).not.toBe(before);
    on.self.deleteNodeHandler("getInfo");
    await until(() => on.presences().length === 3);
    expect(nodesOf(on.presences()[2])[0]).toBe(before);
  });

  test("one that refuses whom it does not know leaves what the tree tells to be announced", async () => {
    const on = await manual();
    const [before] = await announce(on);
    on.self.setNodeHandler("getInfo", async ({ from }, next) => {
      if (from === undefined) throw new IqError("forbidden");
      return next();
    });
    await quiet();
    expect((await announce(on))[0]).toBe(before);
  });

  test("one that gives no DiscoInfo is told to error listeners, and nothing is announced anew", async () => {
    const on = await manual();
    const [before] = await announce(on);
    const errors: unknown[] = [];
    on.caps.on("error", (error) => errors.push(error));
    on.self.setNodeHandler("getInfo", (() => "nothing") as never);
    await quiet();
    expect(errors).toEqual([expect.any(TypeError)]);
    expect((await announce(on))[0]).toBe(before);
  });
});

describe("the nodes of hashes", () => {
  test("are no items", async () => {
    const on = await manual();
    const nodes = await announce(on);
    for (const node of [undefined, ...nodes]) {
      on.server.send(
        xml(
          "iq",
          { type: "get", id: `items-${node}`, from: JULIET, to: on.server.jid },
          xml("query", { xmlns: NS_DISCO_ITEMS, node }),
        ),
      );
      const isAnswer = (stanza: Element) => stanza.attrs.id === `items-${node}`;
      await until(() => on.server.received.some(isAnswer));
      expect(on.server.received.find(isAnswer)?.getChild("query")?.getChildElements()).toEqual([]);
    }
  });

  test("are gone when the service is", async () => {
    const on = await manual();
    const all = await announceAll(on, "abc");
    void on.xmpp.dismiss(EntityCapsService);
    for (const node of all.flat()) expect(await told(on, node)).toBe("item-not-found");
    expect(await told(on)).toBeInstanceOf(DiscoInfo);
  });

  test("leave a node of the application's alone that has the same name", async () => {
    const on = await manual({ node: "https://my.app/" });
    const next = new DiscoInfo({ ...(await on.self.toInfo()) });
    const features = [...next.features, "urn:example:a"];
    const node = xep0115.node("https://my.app/", xep0115.hash(new DiscoInfo({ ...next, features })));
    const own = new DiscoNode();
    own.registerIdentity("client", "pc");
    own.registerFeature("urn:example:own");
    on.self.mountNode(node, own);
    on.self.registerFeature("urn:example:a");
    expect(await announce(on)).toContain(node);
    expect(await toldFeatures(on, node)).toBe("urn:example:own");
    void on.xmpp.dismiss(EntityCapsService);
    expect(on.self.nodeAt(node)).toBe(own);
  });

  test("are taken away by the application without harm", async () => {
    const on = await manual();
    const [node = ""] = await announce(on);
    on.self.unmountNode(node);
    await announceAll(on, "abcd");
    void on.xmpp.dismiss(EntityCapsService);
    expect(await told(on)).toBeInstanceOf(DiscoInfo);
  });
});

test("what has no hash says so to error listeners, and ends nothing", async () => {
  const on = await manual();
  const errors: unknown[] = [];
  on.caps.on("error", (error) => errors.push(error));
  const before = await announce(on);
  // XEP-0390 has no hash for the results of a search.
  const reported = new DataForm({
    formType: "urn:example:search",
    fields: {},
  }).toElement();
  reported.append(xml("reported", {}, xml("field", { var: "a" })));
  reported.append(xml("item", {}, xml("field", { var: "a" }, xml("value", {}, "1"))));
  const form = DataForm.fromElement(reported);
  for (const isAsync of [false, true]) {
    Object.assign(on.self, {
      iterForms: isAsync ? async () => [form] : () => [form],
    });
    on.self.emit("infoChanged");
    await quiet();
  }
  expect(errors.map(String)).toEqual([
    expect.stringContaining("UnhashableInfo"),
    expect.stringContaining("UnhashableInfo"),
  ]);
  expect(await announce(on)).toEqual(before);
});
