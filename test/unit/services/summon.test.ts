import { describe, expect, test } from "vitest";
import {
  DiscoClient,
  DiscoNode,
  DiscoServer,
  type Entity,
  IqService,
  mountAsNode,
  registerFeature,
  Service,
  type ServiceClass,
  type Services,
} from "../../../src/index.ts";
import { changedProperties, offlineClient, traces } from "./support.ts";

class Plain extends Service {}

class Tea extends Service<{ sugar: number; milk: boolean }> {}

class Pot extends Service {
  readonly tea = this.summon(Tea);
}

function expectNone(xmpp: Services, classes: readonly ServiceClass[]): void {
  expect(classes.filter((Class) => xmpp.summoned(Class) !== undefined)).toEqual([]);
}

describe("summon", () => {
  test("makes one instance and returns the same one ever after", () => {
    const xmpp = offlineClient();
    const plain = xmpp.summon(Plain);
    expect(plain).toBeInstanceOf(Plain);
    expect(xmpp.summon(Plain)).toBe(plain);
  });

  test("gives a service the client it belongs to", () => {
    const xmpp = offlineClient();
    expect(xmpp.summon(Plain).client).toBe(xmpp);
  });

  test("makes what a service needs, and shares it", () => {
    const xmpp = offlineClient();
    const pot = xmpp.summon(Pot);
    expect(pot.tea).toBeInstanceOf(Tea);
    expect(xmpp.summon(Tea)).toBe(pot.tea);
  });

  test("gives a service what is there already", () => {
    const xmpp = offlineClient();
    const tea = xmpp.summon(Tea);
    expect(xmpp.summon(Pot).tea).toBe(tea);
  });

  test("keeps a subclass apart from its base", () => {
    class Earl extends Tea {}
    const xmpp = offlineClient();
    expect(xmpp.summon(Tea)).not.toBe(xmpp.summon(Earl));
  });

  test("lets a service summon another long after it was made", () => {
    class Late extends Service {
      need() {
        return this.summon(Tea);
      }
    }
    const xmpp = offlineClient();
    const late = xmpp.summon(Late);
    expect(xmpp.summoned(Tea)).toBeUndefined();
    expect(late.need()).toBe(xmpp.summoned(Tea));
  });

  test.each([
    [undefined, "undefined"],
    [null, "null"],
    ["Tea", '"Tea"'],
    [{}, "an object of class Object"],
  ])("says that %s is no service class", (value, shown) => {
    expect(() => offlineClient().summon(value as never)).toThrow(
      new TypeError(`summon takes a service class, not ${shown}`),
    );
  });
});

describe("summoned", () => {
  test("gives the instance that is there", () => {
    const xmpp = offlineClient();
    const plain = xmpp.summon(Plain);
    expect(xmpp.summoned(Plain)).toBe(plain);
  });

  test("makes none", () => {
    const xmpp = offlineClient();
    expect(xmpp.summoned(Plain)).toBeUndefined();
    expect(xmpp.summoned(Plain)).toBeUndefined();
  });
});

describe("options", () => {
  test("reach the service that is made", () => {
    expect(offlineClient().summon(Tea, { sugar: 2, milk: true }).options).toEqual({ sugar: 2, milk: true });
  });

  test("are empty when none are given", () => {
    expect(offlineClient().summon(Tea).options).toEqual({});
  });

  test("reach a service that another one needs", () => {
    class Sweet extends Service {
      readonly tea = this.summon(Tea, { sugar: 9 });
    }
    expect(offlineClient().summon(Sweet).tea.options).toEqual({ sugar: 9 });
  });

  test("for a service that is there already are an error that names it", () => {
    const xmpp = offlineClient();
    const tea = xmpp.summon(Tea, { sugar: 1, milk: false });
    expect(() => xmpp.summon(Tea, { sugar: 2, milk: false })).toThrow(/Tea is summoned already.*options/);
    expect(xmpp.summon(Tea)).toBe(tea);
    expect(tea.options.sugar).toBe(1);
  });

  test("may be given again once the service is dismissed", () => {
    const xmpp = offlineClient();
    xmpp.summon(Tea, { sugar: 1, milk: false });
    xmpp.dismiss(Tea);
    expect(xmpp.summon(Tea, { sugar: 3, milk: false }).options.sugar).toBe(3);
  });
});

describe("services that need each other in a circle", () => {
  class Hen extends Service {
    readonly egg: object = this.summon(Egg);
  }
  class Egg extends Service {
    readonly nest: object = this.summon(Nest);
  }
  class Nest extends Service {
    readonly hen: object = this.summon(Hen);
  }

  test("are an error that names the circle", () => {
    expect(() => offlineClient().summon(Hen)).toThrow("Hen → Egg → Nest → Hen");
  });

  test("are named without those who only lead into the circle", () => {
    class Farmer extends Service {
      readonly hen = this.summon(Hen);
    }
    expect(() => offlineClient().summon(Farmer)).toThrow(/: Hen → Egg → Nest → Hen$/);
  });

  test("are found when they go by way of the client", () => {
    const xmpp = offlineClient();
    class Ouroboros extends Service {
      readonly tail: object = xmpp.summon(Ouroboros);
    }
    expect(() => xmpp.summon(Ouroboros)).toThrow("Ouroboros → Ouroboros");
  });

  test("leave nothing behind", () => {
    const xmpp = offlineClient();
    const before = traces(xmpp);
    expect(() => xmpp.summon(Hen)).toThrow();
    expectNone(xmpp, [Hen, Egg, Nest]);
    expect(traces(xmpp)).toEqual(before);
    expect(xmpp.summon(Tea)).toBeInstanceOf(Tea);
  });

  class Sun extends Service {}
  class Moon extends Service {
    readonly sun = this.summon(Sun);
  }

  test("are an error also where the circle closes long after they were made", () => {
    const xmpp = offlineClient();
    xmpp.summon(Moon);
    expect(() => xmpp.summon(Sun).summon(Moon)).toThrow("Sun → Moon → Sun");
  });

  test("are an error also where a service comes to need itself", () => {
    const sun = offlineClient().summon(Sun);
    expect(() => sun.summon(Sun)).toThrow("Sun → Sun");
  });
});

describe("a service that is constructed and not summoned", () => {
  test("is an error that says how to get one", () => {
    const xmpp = offlineClient();
    expect(() => new Plain(xmpp)).toThrow(
      "Plain is not to be constructed: withServices(client).summon(Plain) makes it",
    );
    expect(xmpp.summoned(Plain)).toBeUndefined();
  });

  test("is an error for the services of this package as well", () => {
    const xmpp = offlineClient();
    const before = traces(xmpp);
    for (const Class of [IqService, DiscoClient, DiscoServer]) {
      expect(() => new Class(xmpp)).toThrow(`${Class.name} is not to be constructed`);
    }
    expect(traces(xmpp)).toEqual(before);
  });

  test("is an error where another one is summoned meanwhile", () => {
    class Sneaky extends Service {
      constructor(client: Entity) {
        super(client);
        new Plain(client);
      }
    }
    expect(() => offlineClient().summon(Sneaky)).toThrow("Plain is not to be constructed");
  });

  test("is an error where it is summoned already", () => {
    const xmpp = offlineClient();
    xmpp.summon(Plain);
    expect(() => new Plain(xmpp)).toThrow("Plain is not to be constructed");
  });
});

describe("a service that fails in its constructor", () => {
  class Clumsy extends Service {
    readonly feature = registerFeature(this, "urn:example:clumsy");
    readonly node = mountAsNode(this, "https://my.app/clumsy", new DiscoNode());
    readonly disco = this.summon(DiscoClient);

    constructor(client: Entity) {
      super(client);
      throw new RangeError("oops");
    }
  }

  test("tells whoever summons it what it threw", () => {
    expect(() => offlineClient().summon(Clumsy)).toThrow(new RangeError("oops"));
  });

  test("leaves no service behind", () => {
    const xmpp = offlineClient();
    expect(() => xmpp.summon(Clumsy)).toThrow();
    expectNone(xmpp, [Clumsy, DiscoClient, DiscoServer, IqService]);
  });

  test("leaves no listener and no property on the client", () => {
    const xmpp = offlineClient();
    const before = traces(xmpp);
    expect(() => xmpp.summon(Clumsy)).toThrow();
    expect(traces(xmpp)).toEqual(before);
  });

  test("leaves no feature and no node on a server that was there before", async () => {
    const xmpp = offlineClient();
    const server = xmpp.summon(DiscoServer);
    expect(() => xmpp.summon(Clumsy)).toThrow();
    expect((await server.getInfo()).has("urn:example:clumsy")).toBe(false);
    expect(server.nodeAt("https://my.app/clumsy")).toBeUndefined();
    expect(xmpp.summoned(DiscoServer)).toBe(server);
  });

  test("takes those with it who need it", () => {
    class Needy extends Service {
      readonly clumsy = this.summon(Clumsy);
    }
    const xmpp = offlineClient();
    expect(() => xmpp.summon(Needy)).toThrow("oops");
    expect(xmpp.summoned(Needy)).toBeUndefined();
  });

  test("harms nobody who can do without it", () => {
    class Brave extends Service {
      readonly clumsy: Clumsy | undefined;

      constructor(client: Entity) {
        super(client);
        try {
          this.clumsy = this.summon(Clumsy);
        } catch {}
      }
    }
    const xmpp = offlineClient();
    expect(xmpp.summon(Brave).clumsy).toBeUndefined();
    expect(xmpp.summoned(IqService)).toBeUndefined();
  });

  test("does not have its shutdown called, which could not know what is there", () => {
    let called = false;
    class Half extends Service {
      constructor(client: Entity) {
        super(client);
        throw new Error("oops");
      }
      override shutdown() {
        called = true;
      }
    }
    expect(() => offlineClient().summon(Half)).toThrow("oops");
    expect(called).toBe(false);
  });

  test("can be summoned again when what stood in its way is gone", () => {
    const xmpp = offlineClient();
    const server = xmpp.summon(DiscoServer);
    server.mountNode("https://my.app/rooms", new DiscoNode());
    class Rooms extends Service {
      readonly node = mountAsNode(this, "https://my.app/rooms", new DiscoNode());
    }
    expect(() => xmpp.summon(Rooms)).toThrow("occupied");
    server.unmountNode("https://my.app/rooms");
    const { node } = xmpp.summon(Rooms);
    expect(server.nodeAt("https://my.app/rooms")).toBe(node);
  });

  test.each([
    ["IqService", IqService],
    ["DiscoClient", DiscoClient],
    ["DiscoServer", DiscoServer],
  ] as const)("leaves nothing behind where it extends %s", async (_name, Base) => {
    const xmpp = offlineClient();
    const iq = xmpp.summon(IqService);
    const before = traces(xmpp);
    // TypeScript knows no class that extends one of several.
    class Mine extends (Base as typeof DiscoServer) {
      constructor(client: Entity) {
        super(client);
        throw new Error("oops");
      }
    }
    expect(() => xmpp.summon(Mine)).toThrow("oops");
    const after = traces(xmpp);
    expect(after.listeners).toEqual(before.listeners);
    expect(changedProperties(before.properties, after.properties)).toEqual([]);
    expect(xmpp.summoned(IqService)).toBe(iq);
    expect(xmpp.summon(Base as typeof DiscoServer)).toBeInstanceOf(Base);
  });
});
