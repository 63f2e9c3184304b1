import { describe, expect, it, vi } from "vitest";
import {
  DataForm,
  DiscoNode,
  type DiscoRequest,
  type Identity,
  type Item,
  type Names,
} from "../../../src/index.ts";
import { changesOf } from "../forms/helpers.ts";

const INFO = "http://jabber.org/protocol/disco#info";
const SOFTWARE = "urn:xmpp:dataforms:softwareinfo";

const software = (os: string) => new DataForm({ formType: SOFTWARE, fields: { os } });

/** The features that a node tells, but for disco#info. */
async function featuresOf(node: DiscoNode, request?: DiscoRequest): Promise<string[]> {
  return (await node.toInfo(request)).features.filter((feature) => feature !== INFO);
}

async function identitiesOf(node: DiscoNode, request?: DiscoRequest): Promise<readonly Identity[]> {
  return (await node.toInfo(request)).identities;
}

describe("the features of a node", () => {
  it("are disco#info alone at first", async () => {
    expect((await new DiscoNode().toInfo()).features).toEqual([INFO]);
  });

  it("are told once they are registered", async () => {
    const node = new DiscoNode();
    node.registerFeature("a");
    node.registerFeature("b");

    expect((await node.toInfo()).features).toEqual([INFO, "a", "b"]);
  });

  it("are gone once they are unregistered", async () => {
    const node = new DiscoNode();
    node.registerFeature("a");
    node.registerFeature("b");
    node.unregisterFeature("a");

    expect(await featuresOf(node)).toEqual(["b"]);
  });

  it("can come back", async () => {
    const node = new DiscoNode();
    node.registerFeature("a");
    node.unregisterFeature("a");
    node.registerFeature("a");

    expect(await featuresOf(node)).toEqual(["a"]);
  });

  it("cannot be registered twice", () => {
    const node = new DiscoNode();
    node.registerFeature("urn:example:a");

    expect(() => node.registerFeature("urn:example:a")).toThrow("urn:example:a");
  });

  it("cannot be unregistered where they are not registered", () => {
    expect(() => new DiscoNode().unregisterFeature("urn:example:a")).toThrow("urn:example:a");
  });

  it("cannot be unregistered twice", () => {
    const node = new DiscoNode();
    node.registerFeature("a");
    node.unregisterFeature("a");

    expect(() => node.unregisterFeature("a")).toThrow(/a/);
  });

  it("have disco#info among them, which can be neither registered nor unregistered", async () => {
    const node = new DiscoNode();

    expect(() => node.registerFeature(INFO)).toThrow(INFO);
    expect(() => node.unregisterFeature(INFO)).toThrow(INFO);
    expect((await node.toInfo()).features).toEqual([INFO]);
  });

  it.each([
    ["", "empty"],
    [undefined, "undefined"],
    [5, "5"],
    [null, "null"],
    ["a\u0000", "\\u0000"],
  ])("cannot be %j", (feature: unknown, named) => {
    const node = new DiscoNode();

    expect(() => node.registerFeature(feature as string)).toThrow(TypeError);
    expect(() => node.registerFeature(feature as string)).toThrow(named);
  });
});

describe("the identities of a node", () => {
  it("are none at first", async () => {
    expect(await identitiesOf(new DiscoNode())).toEqual([]);
  });

  it("need no name", async () => {
    const node = new DiscoNode();
    node.registerIdentity("client", "bot");

    expect(await identitiesOf(node)).toEqual([{ category: "client", type: "bot" }]);
  });

  it("may have a name without a language", async () => {
    const node = new DiscoNode();
    node.registerIdentity("client", "bot", "A bot");

    expect(await identitiesOf(node)).toEqual([{ category: "client", type: "bot", name: "A bot" }]);
  });

  it("are told once for each language of their names", async () => {
    const node = new DiscoNode();
    node.registerIdentity("client", "bot", { en: "A bot", de: "Ein Bot" });

    expect(await identitiesOf(node)).toEqual([
      { category: "client", type: "bot", lang: "en", name: "A bot" },
      { category: "client", type: "bot", lang: "de", name: "Ein Bot" },
    ]);
  });

  it("are told without a name where there is none in any language", async () => {
    const node = new DiscoNode();
    node.registerIdentity("client", "bot", {});

    expect(await identitiesOf(node)).toEqual([{ category: "client", type: "bot" }]);
  });

  it("do not change when the names they were given do", async () => {
    const names: Record<string, string> = { en: "A bot" };
    const node = new DiscoNode();
    node.registerIdentity("client", "bot", names);
    names["en"] = "Changed";
    names["de"] = "Neu";

    expect(await identitiesOf(node)).toEqual([
      { category: "client", type: "bot", lang: "en", name: "A bot" },
    ]);
  });

  it("may be several of one category", async () => {
    const node = new DiscoNode();
    node.registerIdentity("client", "bot");
    node.registerIdentity("client", "pc");

    expect((await identitiesOf(node)).map((identity) => identity.type)).toEqual(["bot", "pc"]);
  });

  it("cannot be registered twice, whatever their names", () => {
    const node = new DiscoNode();
    node.registerIdentity("client", "bot", { en: "A bot" });

    expect(() => node.registerIdentity("client", "bot", { de: "Ein Bot" })).toThrow("client/bot");
  });

  it("are removed with the names in all languages", async () => {
    const node = new DiscoNode();
    node.registerIdentity("client", "bot", { en: "A bot", de: "Ein Bot" });
    node.registerIdentity("client", "pc");
    node.unregisterIdentity("client", "bot");

    expect(await identitiesOf(node)).toEqual([{ category: "client", type: "pc" }]);
  });

  it("cannot be removed where they are not registered", () => {
    const node = new DiscoNode();
    node.registerIdentity("client", "bot");
    node.registerIdentity("client", "pc");

    expect(() => node.unregisterIdentity("client", "web")).toThrow("client/web");
  });

  it("keep the last one", async () => {
    const node = new DiscoNode();
    node.registerIdentity("client", "bot");

    expect(() => node.unregisterIdentity("client", "bot")).toThrow("client/bot");
    expect(await identitiesOf(node)).toEqual([{ category: "client", type: "bot" }]);
  });

  it.each([
    ["an empty category", "", "bot", undefined, "category"],
    ["an empty type", "client", "", undefined, "type"],
    ["a category that is no text", 5, "bot", undefined, "5"],
    ["a type that is no text", "client", undefined, undefined, "undefined"],
    ["a name that is no text", "client", "bot", { en: 5 }, "5"],
    ["names that are none", "client", "bot", 5, "5"],
    ["a name with a control character", "client", "bot", "\u0000", "\\u0000"],
    ["a language with a control character", "client", "bot", { "\u0000": "A bot" }, "\\u0000"],
  ])("cannot have %s", async (_, category, type, names, named) => {
    const node = new DiscoNode();
    const register = () =>
      node.registerIdentity(category as string, type as string, names as Names | undefined);

    expect(register).toThrow(TypeError);
    expect(register).toThrow(named);
    expect(await identitiesOf(node)).toEqual([]);
  });
});

describe("the names of an identity", () => {
  it("can be replaced", async () => {
    const node = new DiscoNode();
    node.registerIdentity("client", "bot", { en: "A bot", de: "Ein Bot" });
    node.setIdentityNames("client", "bot", { fr: "Un robot" });

    expect(await identitiesOf(node)).toEqual([
      { category: "client", type: "bot", lang: "fr", name: "Un robot" },
    ]);
  });

  it("can be taken away", async () => {
    const node = new DiscoNode();
    node.registerIdentity("client", "bot", "A bot");
    node.setIdentityNames("client", "bot");

    expect(await identitiesOf(node)).toEqual([{ category: "client", type: "bot" }]);
  });

  it("do not change when what they were set to does", async () => {
    const names: Record<string, string> = { en: "A bot" };
    const node = new DiscoNode();
    node.registerIdentity("client", "bot");
    node.setIdentityNames("client", "bot", names);
    names["en"] = "Changed";

    expect((await node.toInfo()).name("en")).toBe("A bot");
  });

  it("cannot be set where there is no such identity", () => {
    expect(() => new DiscoNode().setIdentityNames("client", "bot", "A bot")).toThrow("client/bot");
  });

  it("stay as they were where the new ones are none", async () => {
    const node = new DiscoNode();
    node.registerIdentity("client", "bot", "A bot");

    expect(() => node.setIdentityNames("client", "bot", { en: 5 } as unknown as Names)).toThrow(TypeError);
    expect((await node.toInfo()).name()).toBe("A bot");
  });
});

describe("the forms of a node", () => {
  it("are told once they are registered", async () => {
    const node = new DiscoNode();
    node.registerForm(software("Linux"));

    expect((await node.toInfo()).form(SOFTWARE)?.get("os")).toEqual(["Linux"]);
  });

  it("replace the one of their form type", async () => {
    const node = new DiscoNode();
    node.registerForm(software("Linux"));
    node.registerForm(software("BSD"));

    const { forms } = await node.toInfo();
    expect(forms.map((form) => form.get("os"))).toEqual([["BSD"]]);
  });

  it("may be several of different form types", async () => {
    const node = new DiscoNode();
    node.registerForm(software("Linux"));
    node.registerForm(new DataForm({ formType: "http://jabber.org/network/serverinfo" }));

    expect((await node.toInfo()).forms).toHaveLength(2);
  });

  it("are gone once they are unregistered", async () => {
    const node = new DiscoNode();
    node.registerForm(software("Linux"));
    node.unregisterForm(SOFTWARE);

    expect((await node.toInfo()).forms).toEqual([]);
  });

  it("cannot be unregistered where they are not registered", () => {
    expect(() => new DiscoNode().unregisterForm(SOFTWARE)).toThrow(SOFTWARE);
  });

  it("need a form type", () => {
    const node = new DiscoNode();

    expect(() => node.registerForm(new DataForm({ fields: { os: "Linux" } }))).toThrow("FORM_TYPE");
  });

  it("are data forms and nothing else", () => {
    const node = new DiscoNode();

    expect(() => node.registerForm({ formType: SOFTWARE } as DataForm)).toThrow(TypeError);
  });
});

describe("the items of a plain node", () => {
  it("are none", async () => {
    expect((await new DiscoNode().toItems()).items).toEqual([]);
  });
});

describe("what a node tells", () => {
  it("is a picture of its own, which later changes leave alone", async () => {
    const node = new DiscoNode();
    const before = await node.toInfo();
    node.registerFeature("a");

    expect(before.features).toEqual([INFO]);
  });

  it("is nobody's where nobody asks", async () => {
    const info = await new DiscoNode().toInfo();

    expect(info.jid).toBeUndefined();
    expect(info.node).toBeUndefined();
  });

  it("is of the entity and the node that were asked", async () => {
    const node = new DiscoNode();

    expect(await node.toInfo({ to: "a.example", node: "n" })).toMatchObject({ jid: "a.example", node: "n" });
    expect(await node.toItems({ to: "a.example", node: "n" })).toMatchObject({ jid: "a.example", node: "n" });
  });
});

describe("infoChanged", () => {
  const changes: [what: string, change: (node: DiscoNode) => void][] = [
    ["a feature is registered", (node) => node.registerFeature("new")],
    ["a feature is unregistered", (node) => node.unregisterFeature("old")],
    ["an identity is registered", (node) => node.registerIdentity("client", "web")],
    ["names are set", (node) => node.setIdentityNames("client", "bot", "A bot")],
    ["an identity is unregistered", (node) => node.unregisterIdentity("client", "bot")],
    ["a form is registered", (node) => node.registerForm(new DataForm({ formType: "urn:example:new" }))],
    ["a form is replaced", (node) => node.registerForm(software("BSD"))],
    ["a form is unregistered", (node) => node.unregisterForm(SOFTWARE)],
  ];

  function furnished(): DiscoNode {
    const node = new DiscoNode();
    node.registerFeature("old");
    node.registerIdentity("client", "bot");
    node.registerIdentity("client", "pc");
    node.registerForm(software("Linux"));
    return node;
  }

  it.each(changes)("is told once when %s", (_, change) => {
    const node = furnished();
    const told = changesOf(node);
    change(node);

    expect(told).toEqual(["info"]);
  });

  it("comes when the change is made", () => {
    const node = new DiscoNode();
    let seen: Iterable<string> = [];
    node.on("infoChanged", () => {
      seen = node.iterFeatures() as Iterable<string>;
    });
    node.registerFeature("a");

    expect([...seen]).toContain("a");
  });

  it.each<[what: string, change: (node: DiscoNode) => void]>([
    ["a feature twice", (node) => node.registerFeature("old")],
    ["an empty feature", (node) => node.registerFeature("")],
    ["an unknown feature", (node) => node.unregisterFeature("unknown")],
    ["an identity twice", (node) => node.registerIdentity("client", "bot")],
    ["an unknown identity", (node) => node.unregisterIdentity("client", "web")],
    ["an unknown form", (node) => node.unregisterForm("urn:example:unknown")],
    ["a form without form type", (node) => node.registerForm(new DataForm({}))],
  ])("is not told for a change that failed: %s", (_, change) => {
    const node = furnished();
    const told = changesOf(node);

    expect(() => change(node)).toThrow();
    expect(told).toEqual([]);
  });

  it("reaches the other listeners, and the change is made, when a listener throws", async () => {
    const node = new DiscoNode();
    const errors: unknown[] = [];
    node.on("error", (error) => errors.push(error));
    node.on("infoChanged", () => {
      throw new Error("a listener's own");
    });
    const told = changesOf(node);
    node.registerFeature("a");

    expect(told).toEqual(["info"]);
    expect(await featuresOf(node)).toEqual(["a"]);
    expect(errors).toEqual([new Error("a listener's own")]);
  });
});

describe("a batch of changes", () => {
  it("is one change", () => {
    const node = new DiscoNode();
    const told = changesOf(node);
    node.batch(() => {
      node.registerFeature("a");
      node.registerFeature("b");
      node.registerIdentity("client", "bot");
      expect(told).toEqual([]);
    });

    expect(told).toEqual(["info"]);
  });

  it("makes its changes at once", async () => {
    const node = new DiscoNode();
    await node.batch(async () => {
      node.registerFeature("a");
      expect(await featuresOf(node)).toEqual(["a"]);
    });
  });

  it("is no change where nothing is changed", () => {
    const node = new DiscoNode();
    const told = changesOf(node);
    node.batch(() => {});

    expect(told).toEqual([]);
  });

  it("returns what its function returns", async () => {
    const node = new DiscoNode();

    expect(node.batch(() => 5)).toBe(5);
    await expect(node.batch(async () => "later")).resolves.toBe("later");
  });

  it("ends with the outermost of nested batches", () => {
    const node = new DiscoNode();
    const told = changesOf(node);
    node.batch(() => {
      node.batch(() => node.registerFeature("a"));
      expect(told).toEqual([]);
      node.batch(() => node.registerFeature("b"));
    });

    expect(told).toEqual(["info"]);
  });

  it("ends when the promise of an async function is settled", async () => {
    const node = new DiscoNode();
    const told = changesOf(node);
    let finish = () => {};
    const batch = node.batch(async () => {
      node.registerFeature("a");
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      node.registerFeature("b");
    });
    expect(told).toEqual([]);
    finish();
    await batch;

    expect(told).toEqual(["info"]);
  });

  it("tells what was changed before its function threw, which is thrown on", () => {
    const node = new DiscoNode();
    const told = changesOf(node);
    const batch = () =>
      node.batch(() => {
        node.registerFeature("a");
        throw new Error("the caller's own");
      });

    expect(batch).toThrow("the caller's own");
    expect(told).toEqual(["info"]);
  });

  it("tells what was changed before its async function rejected, which is rejected on", async () => {
    const node = new DiscoNode();
    const told = changesOf(node);
    const batch = node.batch(async () => {
      node.registerFeature("a");
      throw new Error("the caller's own");
    });

    await expect(batch).rejects.toThrow("the caller's own");
    expect(told).toEqual(["info"]);
  });

  it("is over when it has failed: the next change is told at once", () => {
    const node = new DiscoNode();
    expect(() =>
      node.batch(() => {
        throw new Error("the caller's own");
      }),
    ).toThrow();
    const told = changesOf(node);
    node.registerFeature("a");

    expect(told).toEqual(["info"]);
  });

  it("may be made by a listener of the batch before", () => {
    const node = new DiscoNode();
    const told: string[] = [];
    node.once("infoChanged", () => node.batch(() => node.registerFeature("b")));
    node.on("infoChanged", () => told.push("info"));
    node.batch(() => node.registerFeature("a"));

    expect(told).toEqual(["info", "info"]);
  });
});

describe("a node that answers each request in its own way", () => {
  it("is given who asks whom, for which node, in which language", async () => {
    const requests: unknown[] = [];
    class Listening extends DiscoNode {
      override iterFeatures(request?: DiscoRequest) {
        requests.push(request);
        return this.ownFeatures();
      }
    }
    const request = { from: "juliet@capulet.lit/balcony", to: "a.example", node: "n", lang: "de" };
    await new Listening().toInfo(request);

    expect(requests).toEqual([request]);
  });

  it("is given no request where there is none, and then hides nothing", async () => {
    class Discreet extends DiscoNode {
      override *iterFeatures(request?: DiscoRequest) {
        yield* this.ownFeatures();
        if (request === undefined || request.from === "admin@a.example") yield "secret";
      }
    }
    const node = new Discreet();

    expect(await featuresOf(node)).toEqual(["secret"]);
    expect(await featuresOf(node, { from: "admin@a.example" })).toEqual(["secret"]);
    expect(await featuresOf(node, { from: "romeo@montague.lit" })).toEqual([]);
  });

  const features = [INFO, "a"];
  const identities: Identity[] = [{ category: "client", type: "bot", name: "A bot" }];
  const forms = [software("Linux")];
  const items: Item[] = [{ jid: "a.example", name: "A" }];

  class WithGenerators extends DiscoNode {
    override *iterFeatures() {
      yield* features;
    }
    override *iterIdentities() {
      yield* identities;
    }
    override *iterForms() {
      yield* forms;
    }
    override *iterItems() {
      yield* items;
    }
  }

  class WithLists extends DiscoNode {
    override iterFeatures() {
      return features;
    }
    override iterIdentities() {
      return identities;
    }
    override iterForms() {
      return forms;
    }
    override iterItems() {
      return items;
    }
  }

  class WithAsyncGenerators extends DiscoNode {
    override async *iterFeatures() {
      yield* features;
    }
    override async *iterIdentities() {
      yield* identities;
    }
    override async *iterForms() {
      yield* forms;
    }
    override async *iterItems() {
      yield* items;
    }
  }

  class WithPromises extends DiscoNode {
    override async iterFeatures() {
      return features;
    }
    override async iterIdentities() {
      return identities;
    }
    override async iterForms() {
      return forms;
    }
    override async iterItems() {
      return new Set(items);
    }
  }

  it.each([
    ["generators", WithGenerators],
    ["lists", WithLists],
    ["async generators", WithAsyncGenerators],
    ["promises", WithPromises],
  ])("may do so with %s", async (_, Class) => {
    const node = new Class();
    const info = await node.toInfo();

    expect(info.features).toEqual(features);
    expect(info.identities).toEqual(identities);
    expect(info.forms).toEqual(forms);
    expect((await node.toItems()).items).toEqual(items);
  });

  it("tells disco#info, also where it leaves it out", async () => {
    class Forgetful extends DiscoNode {
      override iterFeatures() {
        return ["a"];
      }
    }

    expect((await new Forgetful().toInfo()).features).toContain(INFO);
  });

  it("rejects with what its methods throw", async () => {
    class Broken extends DiscoNode {
      override iterFeatures(): never {
        throw new Error("the node's own");
      }
      override async *iterItems(): AsyncGenerator<Item> {
        yield { jid: "a.example" };
        throw new Error("the node's own, later");
      }
    }
    const node = new Broken();

    await expect(node.toInfo()).rejects.toThrow("the node's own");
    await expect(node.toItems()).rejects.toThrow("the node's own, later");
  });

  it.each([[undefined], [null], [5], ["a text"]])(
    "rejects where they give %j, which is no list",
    async (given: unknown) => {
      class Broken extends DiscoNode {
        override iterFeatures() {
          return given as string[];
        }
      }
      class BrokenLater extends DiscoNode {
        override async iterFeatures() {
          return given as string[];
        }
      }

      await expect(new Broken().toInfo()).rejects.toThrow(TypeError);
      await expect(new BrokenLater().toInfo()).rejects.toThrow(TypeError);
    },
  );

  it("rejects where they give an object that is no list", async () => {
    let looks = 0;
    const noList = new Proxy([], {
      has: () => {
        looks += 1;
        if (looks > 10) throw new Error("looked for its iterator over and over again");
        return false;
      },
    });
    class Broken extends DiscoNode {
      override iterFeatures() {
        return noList;
      }
    }

    await expect(new Broken().toInfo()).rejects.toThrow(TypeError);
  });

  it("rejects once where several fail, sooner and later, and leaves no other rejection", async () => {
    class Broken extends DiscoNode {
      override async iterIdentities(): Promise<Identity[]> {
        throw new Error("later");
      }
      override async iterFeatures(): Promise<string[]> {
        throw new Error("later as well");
      }
      override iterForms(): never {
        throw new Error("at once");
      }
    }

    await expect(new Broken().toInfo()).rejects.toThrow(/later|at once/);
    // Node tells of an unhandled rejection when the microtasks are done; it would fail the run.
    await new Promise((resolve) => setTimeout(resolve));
  });

  it("rejects where they give what cannot be told", async () => {
    class Broken extends DiscoNode {
      override iterIdentities() {
        return [{ category: "client" } as Identity];
      }
      override iterItems() {
        return [{ jid: "@@@" }];
      }
    }
    const node = new Broken();

    await expect(node.toInfo()).rejects.toThrow("type");
    await expect(node.toItems()).rejects.toThrow("@@@");
  });
});

describe("an error that nobody listens for", () => {
  it("is logged, and thrown at nobody", () => {
    const log = vi.spyOn(console, "error").mockImplementation(() => {});
    const node = new DiscoNode();
    node.on("infoChanged", () => {
      throw new Error("a listener's own");
    });

    expect(() => node.registerFeature("a")).not.toThrow();
    expect(log).toHaveBeenCalledWith(new Error("a listener's own"));
    log.mockRestore();
  });
});
