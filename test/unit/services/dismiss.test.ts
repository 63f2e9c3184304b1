import { xml } from "@xmpp/client";
import { describe, expect, test, vi } from "vitest";
import {
  DiscoClient,
  DiscoInfo,
  DiscoNode,
  DiscoServer,
  type Entity,
  IqService,
  mountAsNode,
  NS_DISCO_INFO,
  NS_DISCO_ITEMS,
  registerFeature,
  Service,
  ServiceDismissed,
} from "../../../src/index.ts";
import { changedProperties, gate, isOpen, offlineClient, traces, unhandledRejections } from "./support.ts";

class Tea extends Service {}

class Pot extends Service {
  readonly tea = this.summon(Tea);
}

class Table extends Service {
  readonly pot = this.summon(Pot);
}

describe("dismiss", () => {
  test("takes the service away before it returns", () => {
    const xmpp = offlineClient();
    xmpp.summon(Tea);
    xmpp.dismiss(Tea);
    expect(xmpp.summoned(Tea)).toBeUndefined();
  });

  test("resolves with nothing", async () => {
    const xmpp = offlineClient();
    xmpp.summon(Tea);
    await expect(xmpp.dismiss(Tea)).resolves.toBeUndefined();
  });

  test("of what is not there is harmless", async () => {
    const xmpp = offlineClient();
    await expect(xmpp.dismiss(Tea)).resolves.toBeUndefined();
    xmpp.summon(Tea);
    await Promise.all([xmpp.dismiss(Tea), xmpp.dismiss(Tea)]);
    expect(xmpp.summoned(Tea)).toBeUndefined();
  });

  test("lets the service be summoned anew, as another instance", () => {
    const xmpp = offlineClient();
    const old = xmpp.summon(Tea);
    xmpp.dismiss(Tea);
    const fresh = xmpp.summon(Tea);
    expect(fresh).not.toBe(old);
    expect(xmpp.summoned(Tea)).toBe(fresh);
  });

  test("leaves the old service unable to summon", () => {
    const xmpp = offlineClient();
    const old = xmpp.summon(Tea);
    xmpp.dismiss(Tea);
    expect(() => old.summon(Pot)).toThrow("Tea was dismissed: summon it anew");
    expect(xmpp.summoned(Pot)).toBeUndefined();
  });

  test("leaves the old service unable to register anything", () => {
    const xmpp = offlineClient();
    const old = xmpp.summon(Tea);
    xmpp.dismiss(Tea);
    expect(() => registerFeature(old, "urn:example:tea")).toThrow("Tea was dismissed");
    expect(() => mountAsNode(old, "https://my.app/tea", new DiscoNode())).toThrow("Tea was dismissed");
    expect(xmpp.summoned(DiscoServer)).toBeUndefined();
  });
});

describe("who else goes when a service is dismissed", () => {
  test("those who need it", () => {
    const xmpp = offlineClient();
    xmpp.summon(Table);
    xmpp.dismiss(Tea);
    expect([xmpp.summoned(Table), xmpp.summoned(Pot), xmpp.summoned(Tea)]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  test("those whom it alone needed", () => {
    const xmpp = offlineClient();
    xmpp.summon(Table);
    xmpp.dismiss(Table);
    expect([xmpp.summoned(Pot), xmpp.summoned(Tea)]).toEqual([undefined, undefined]);
  });

  test("not whom the application summoned before", () => {
    const xmpp = offlineClient();
    const tea = xmpp.summon(Tea);
    xmpp.summon(Table);
    xmpp.dismiss(Table);
    expect([xmpp.summoned(Pot), xmpp.summoned(Tea)]).toEqual([undefined, tea]);
  });

  test("not whom the application summoned afterwards", () => {
    const xmpp = offlineClient();
    xmpp.summon(Table);
    const pot = xmpp.summon(Pot);
    xmpp.dismiss(Table);
    expect(xmpp.summoned(Pot)).toBe(pot);
    expect(xmpp.summoned(Tea)).toBe(pot.tea);
  });

  test("not whom another service needs", () => {
    class Cup extends Service {
      readonly tea = this.summon(Tea);
    }
    const xmpp = offlineClient();
    xmpp.summon(Pot);
    const { tea } = xmpp.summon(Cup);
    xmpp.dismiss(Pot);
    expect(xmpp.summoned(Tea)).toBe(tea);
    xmpp.dismiss(Cup);
    expect(xmpp.summoned(Tea)).toBeUndefined();
  });

  test("nobody who has nothing to do with it", () => {
    class Other extends Service {}
    const xmpp = offlineClient();
    const other = xmpp.summon(Other);
    xmpp.summon(Table);
    xmpp.dismiss(Tea);
    expect(xmpp.summoned(Other)).toBe(other);
  });

  test("all the same where services came to need each other late", async () => {
    const xmpp = offlineClient();
    const pot = xmpp.summon(Pot);
    try {
      // A circle, whether it is refused or not.
      pot.tea.summon(Pot);
    } catch {}
    await xmpp.dismiss(Tea);
    expect([xmpp.summoned(Pot), xmpp.summoned(Tea)]).toEqual([undefined, undefined]);
  });
});

/** Services that need each other in a line, and write down who shuts down when. */
function line({ slow = false } = {}) {
  const order: string[] = [];
  const ended = gate();
  abstract class Recorder extends Service {
    override shutdown(): void | Promise<void> {
      order.push(this.constructor.name);
      if (slow) return ended.opened.then(() => void order.push(`${this.constructor.name} ended`));
    }
  }
  class First extends Recorder {}
  class Second extends Recorder {
    readonly needs = this.summon(First);
  }
  class Third extends Recorder {
    readonly needs = [this.summon(Second), this.summon(First)];
  }
  return { order, end: ended.open, First, Second, Third };
}

describe("shutdown", () => {
  test("is called for dependants first", () => {
    const xmpp = offlineClient();
    const { order, First, Third } = line();
    xmpp.summon(Third);
    xmpp.dismiss(First);
    expect(order).toEqual(["Third", "Second", "First"]);
  });

  test("is called for what is needed last", () => {
    const xmpp = offlineClient();
    const { order, Third } = line();
    xmpp.summon(Third);
    xmpp.dismiss(Third);
    expect(order).toEqual(["Third", "Second", "First"]);
  });

  test("that is async is waited for before what it needs shuts down", async () => {
    const xmpp = offlineClient();
    const { order, end, First, Third } = line({ slow: true });
    xmpp.summon(Third);
    const dismissed = xmpp.dismiss(First);
    expect(await isOpen(dismissed)).toBe(true);
    expect(order).toEqual(["Third"]);
    end();
    await dismissed;
    expect(order).toEqual(["Third", "Third ended", "Second", "Second ended", "First", "First ended"]);
  });

  test("is called once and in order, however often the services are dismissed meanwhile", async () => {
    const xmpp = offlineClient();
    const { order, end, First, Second, Third } = line({ slow: true });
    xmpp.summon(Third);
    const dismissals = [xmpp.dismiss(Second), xmpp.dismiss(First), xmpp.dismiss(Third)];
    end();
    await Promise.all(dismissals);
    expect(order).toEqual(["Third", "Third ended", "Second", "Second ended", "First", "First ended"]);
  });

  test("finds the services that it summoned still there", async () => {
    const seen: unknown[] = [];
    class Guest extends Service {
      readonly pot = this.summon(Pot);
      override async shutdown() {
        seen.push(this.pot.summon(Tea) === this.pot.tea);
        await Promise.resolve();
        seen.push(this.pot.summon(Tea) === this.pot.tea);
      }
    }
    const xmpp = offlineClient();
    xmpp.summon(Guest);
    await xmpp.dismiss(Guest);
    expect(seen).toEqual([true, true]);
    expect(xmpp.summoned(Pot)).toBeUndefined();
  });

  test("may summon what it needs once more, and gets the same", () => {
    let again: Tea | undefined;
    class Guest extends Service {
      readonly tea = this.summon(Tea);
      override shutdown() {
        again = this.summon(Tea);
      }
    }
    const xmpp = offlineClient();
    const { tea } = xmpp.summon(Guest);
    xmpp.dismiss(Tea);
    expect(again).toBe(tea);
    expect(xmpp.summoned(Tea)).toBeUndefined();
  });

  test("that is async leaves the service gone at once", () => {
    const xmpp = offlineClient();
    class Slow extends Service {
      readonly feature = registerFeature(this, "urn:example:slow");
      override shutdown() {
        return new Promise<void>(() => {});
      }
    }
    const { feature } = xmpp.summon(Slow);
    xmpp.dismiss(Slow);
    expect(xmpp.summoned(Slow)).toBeUndefined();
    expect(feature.enabled).toBe(false);
  });

  test("that is async does not stand in the way of a new instance", async () => {
    const xmpp = offlineClient();
    const ended = gate();
    class Slow extends Service {
      readonly feature = registerFeature(this, "urn:example:slow");
      override shutdown() {
        return ended.opened;
      }
    }
    const old = xmpp.summon(Slow);
    const dismissed = xmpp.dismiss(Slow);
    const fresh = xmpp.summon(Slow);
    ended.open();
    await dismissed;
    expect(xmpp.summoned(Slow)).toBe(fresh);
    expect(old.feature.enabled).toBe(false);
    expect((await xmpp.summon(DiscoServer).getInfo()).has("urn:example:slow")).toBe(true);
  });

  test("may return something else than a promise", async () => {
    class Careless extends Service {
      override shutdown() {
        return 5 as unknown as undefined;
      }
    }
    const xmpp = offlineClient();
    xmpp.summon(Careless);
    await expect(xmpp.dismiss(Careless)).resolves.toBeUndefined();
  });
});

describe("a shutdown that fails", () => {
  class ThrowingService extends Service {
    readonly tea = this.summon(Tea);
    readonly feature = registerFeature(this, "urn:example:failing");
    override shutdown(): void | Promise<void> {
      throw new Error("at once");
    }
  }
  class RejectingService extends ThrowingService {
    override shutdown() {
      return Promise.reject(new Error("later"));
    }
  }

  test.each([
    ["throws", ThrowingService, "at once"],
    ["rejects", RejectingService, "later"],
  ])("is told to who awaits the dismissal, where it %s", async (_how, Class, message) => {
    const xmpp = offlineClient();
    xmpp.summon(Class);
    await expect(xmpp.dismiss(Class)).rejects.toThrow(message);
  });

  test.each([
    ["throws", ThrowingService],
    ["rejects", RejectingService],
  ])("ends no process where nobody awaits the dismissal, where it %s", async (_how, Class) => {
    const xmpp = offlineClient();
    xmpp.summon(Class);
    expect(await unhandledRejections(() => void xmpp.dismiss(Class))).toEqual([]);
  });

  test.each([
    ["throws", ThrowingService],
    ["rejects", RejectingService],
  ])("leaves the service gone all the same, where it %s", async (_how, Class) => {
    const xmpp = offlineClient();
    const before = traces(xmpp);
    const { feature } = xmpp.summon(Class);
    await xmpp.dismiss(Class).catch(() => {});
    expect(xmpp.summoned(Class)).toBeUndefined();
    expect(xmpp.summoned(Tea)).toBeUndefined();
    expect(feature.enabled).toBe(false);
    expect(traces(xmpp)).toEqual(before);
  });

  test("keeps nobody else from shutting down", async () => {
    const xmpp = offlineClient();
    let ended = false;
    class Base extends Service {
      override shutdown() {
        ended = true;
      }
    }
    class Failing extends Service {
      readonly base = this.summon(Base);
      override shutdown() {
        return Promise.reject(new Error("later"));
      }
    }
    xmpp.summon(Failing);
    await expect(xmpp.dismiss(Base)).rejects.toThrow("later");
    expect(ended).toBe(true);
  });

  test("is told together with the others, where several fail", async () => {
    class Base extends Service {
      override shutdown() {
        throw new Error("base");
      }
    }
    class Top extends Service {
      readonly base = this.summon(Base);
      override shutdown() {
        return Promise.reject(new Error("top"));
      }
    }
    const xmpp = offlineClient();
    xmpp.summon(Top);
    const error = await xmpp.dismiss(Base).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(AggregateError);
    expect((error as AggregateError).errors.map(String)).toEqual(["Error: top", "Error: base"]);
  });
});

describe("a client after the dismissal of its services", () => {
  class Everything extends Service {
    readonly iq = this.summon(IqService);
    readonly disco = this.summon(DiscoClient);
    readonly server = this.summon(DiscoServer);
    readonly feature = registerFeature(this, "urn:example:everything");
    readonly node = mountAsNode(this, "https://my.app/everything", new DiscoNode());
  }

  test.each([
    ["the one that summoned the others", Everything],
    ["the one that all need", IqService],
  ])("has every listener as before, of %s", async (_which, Class) => {
    const xmpp = offlineClient();
    const before = traces(xmpp);
    xmpp.summon(Everything);
    expect(traces(xmpp).listeners).not.toEqual(before.listeners);
    await xmpp.dismiss(Class as typeof IqService);
    expect(traces(xmpp).listeners).toEqual(before.listeners);
  });

  test("has its own properties and methods as before", async () => {
    const xmpp = offlineClient();
    const before = traces(xmpp);
    xmpp.summon(Everything);
    await xmpp.dismiss(Everything);
    expect(changedProperties(before.properties, traces(xmpp).properties)).toEqual([]);
  });

  test("does not pile anything up when they come and go again and again", async () => {
    const xmpp = offlineClient();
    const before = traces(xmpp);
    // What is registered here cannot be taken back.
    const registered = vi.spyOn(xmpp.iqCallee, "get");
    for (let round = 0; round < 10; round += 1) {
      xmpp.summon(Everything);
      await xmpp.dismiss(Everything);
    }
    expect(traces(xmpp)).toEqual(before);
    expect(registered.mock.calls.map((args: unknown[]) => args[0])).toEqual([NS_DISCO_INFO, NS_DISCO_ITEMS]);
  });

  test("keeps the application's own wrapper around send", async () => {
    const xmpp = offlineClient();
    xmpp.summon(Everything);
    const { send } = xmpp;
    const wrapper: typeof send = (element) => send.call(xmpp, element);
    xmpp.send = wrapper;
    await xmpp.dismiss(Everything);
    expect(xmpp.send).toBe(wrapper);
  });
});

describe("what a dismissed service registered", () => {
  test("is told no more, and an old handle does not bring it back", async () => {
    class Receipts extends Service {
      readonly feature = registerFeature(this, "urn:xmpp:receipts");
      readonly node = mountAsNode(this, "https://my.app/rooms", new DiscoNode());
    }
    const xmpp = offlineClient();
    const server = xmpp.summon(DiscoServer);
    const { feature } = xmpp.summon(Receipts);
    expect((await server.getInfo()).has("urn:xmpp:receipts")).toBe(true);
    xmpp.dismiss(Receipts);
    feature.enabled = true;
    expect(feature.enabled).toBe(false);
    expect((await server.getInfo()).has("urn:xmpp:receipts")).toBe(false);
    expect(server.nodeAt("https://my.app/rooms")).toBeUndefined();
  });

  test("stays where another service holds it too", async () => {
    class One extends Service {
      readonly feature = registerFeature(this, "urn:xmpp:receipts");
    }
    class Two extends Service {
      readonly feature = registerFeature(this, "urn:xmpp:receipts");
    }
    const xmpp = offlineClient();
    const server = xmpp.summon(DiscoServer);
    xmpp.summon(One);
    xmpp.summon(Two);
    xmpp.dismiss(One);
    expect((await server.getInfo()).has("urn:xmpp:receipts")).toBe(true);
    xmpp.dismiss(Two);
    expect((await server.getInfo()).has("urn:xmpp:receipts")).toBe(false);
  });

  test("is there again when the service is summoned anew", async () => {
    class Receipts extends Service {
      readonly feature = registerFeature(this, "urn:xmpp:receipts");
    }
    const xmpp = offlineClient();
    xmpp.summon(Receipts);
    xmpp.dismiss(Receipts);
    xmpp.summon(Receipts);
    expect((await xmpp.summon(DiscoServer).getInfo()).has("urn:xmpp:receipts")).toBe(true);
  });
});

describe("a dismissed service of this package", () => {
  test("refuses requests, and says that it was dismissed", async () => {
    const xmpp = offlineClient();
    const iq = xmpp.summon(IqService);
    const disco = xmpp.summon(DiscoClient);
    xmpp.dismiss(IqService);
    await expect(iq.get(xml("query", "jabber:iq:version"), "example.org")).rejects.toBeInstanceOf(
      ServiceDismissed,
    );
    await expect(disco.queryInfo("example.org")).rejects.toBeInstanceOf(ServiceDismissed);
  });

  test("refuses to handle requests", () => {
    const xmpp = offlineClient();
    const iq = xmpp.summon(IqService);
    xmpp.dismiss(IqService);
    const selector = { type: "get", name: "time", xmlns: "urn:xmpp:time" } as const;
    expect(() => iq.handle(selector, () => true)).toThrow(ServiceDismissed);
    expect(() => xmpp.summon(IqService).handle(selector, () => true)).not.toThrow();
  });

  test("answers from its cache no more", async () => {
    const xmpp = offlineClient();
    const disco = xmpp.summon(DiscoClient);
    const info = new DiscoInfo({ identities: [{ category: "server", type: "im" }], features: [] });
    disco.setInfoCache("example.org", undefined, info);
    expect(await disco.queryInfo("example.org")).toBe(info);
    xmpp.dismiss(DiscoClient);
    await expect(disco.queryInfo("example.org")).rejects.toBeInstanceOf(ServiceDismissed);
  });
});

describe("a class that is no Service but has a client", () => {
  class Foreign {
    ended = false;
    readonly client: Entity;
    constructor(client: Entity) {
      this.client = client;
    }
    shutdown() {
      this.ended = true;
    }
  }

  test("can be summoned and is shut down as well", async () => {
    const xmpp = offlineClient();
    const foreign = xmpp.summon(Foreign);
    expect(xmpp.summon(Foreign)).toBe(foreign);
    await xmpp.dismiss(Foreign);
    expect(foreign.ended).toBe(true);
  });
});
