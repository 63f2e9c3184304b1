import { describe, expect, it } from "vitest";
import {
  DiscoNode,
  DiscoServer,
  mountAsNode,
  type RegisteredFeature,
  registerFeature,
  Service,
  StaticNode,
  withServices,
} from "../../../src/index.ts";
import { MemoryServer, memoryClient } from "../../support/memory.ts";
import { changesOf } from "../forms/helpers.ts";

const INFO = "http://jabber.org/protocol/disco#info";
const RECEIPTS = "urn:xmpp:receipts";
const ROOMS = "https://my.app/rooms";

class Receipts extends Service {
  readonly feature = registerFeature(this, RECEIPTS);
}

class MoreReceipts extends Service {
  readonly feature = registerFeature(this, RECEIPTS);
}

const rooms = new StaticNode();
rooms.registerIdentity("hierarchy", "branch", "Rooms");

class Rooms extends Service {
  readonly node = mountAsNode(this, ROOMS, rooms, { listed: true, name: "Rooms" });
}

class MoreRooms extends Service {
  readonly node = mountAsNode(this, ROOMS, rooms);
}

/** A client with service discovery, which need not be on line. */
function setUp() {
  const xmpp = withServices(memoryClient(new MemoryServer()));
  const disco = xmpp.summon(DiscoServer);
  const features = async () => (await disco.getInfo()).features.filter((feature) => feature !== INFO);
  return { xmpp, disco, features };
}

describe("a feature of a service", () => {
  it("is told while the service lives", async () => {
    const { xmpp, features } = setUp();
    const { feature } = xmpp.summon(Receipts);

    expect(feature.feature).toBe(RECEIPTS);
    expect(feature.enabled).toBe(true);
    expect(await features()).toEqual([RECEIPTS]);
  });

  it("is gone when the service is dismissed", async () => {
    const { xmpp, features } = setUp();
    xmpp.summon(Receipts);
    xmpp.dismiss(Receipts);

    expect(await features()).toEqual([]);
  });

  it("summons the server where there is none, and lets it go again", async () => {
    const xmpp = withServices(memoryClient(new MemoryServer()));
    xmpp.summon(Receipts);
    const disco = xmpp.summoned(DiscoServer);

    expect((await disco?.getInfo())?.has(RECEIPTS)).toBe(true);
    xmpp.dismiss(Receipts);
    expect(xmpp.summoned(DiscoServer)).toBeUndefined();
  });

  it("goes before the server when the server is dismissed, with its service", () => {
    const { xmpp } = setUp();
    const { feature } = xmpp.summon(Receipts);
    xmpp.dismiss(DiscoServer);

    expect(xmpp.summoned(Receipts)).toBeUndefined();
    expect(feature.enabled).toBe(false);
  });

  it("is there again when the service is summoned anew", async () => {
    const { xmpp, features } = setUp();
    xmpp.summon(Receipts);
    xmpp.dismiss(Receipts);
    xmpp.summon(Receipts);

    expect(await features()).toEqual([RECEIPTS]);
  });

  it("is gone when the service failed in its constructor", async () => {
    class Failing extends Service {
      readonly feature = registerFeature(this, RECEIPTS);
      readonly broken: never = (() => {
        throw new Error("the service's own");
      })();
    }
    const { xmpp, features } = setUp();

    expect(() => xmpp.summon(Failing)).toThrow("the service's own");
    expect(await features()).toEqual([]);
  });

  it("is gone though the service fails to shut down", async () => {
    class Stubborn extends Service {
      readonly feature = registerFeature(this, RECEIPTS);
      override shutdown() {
        throw new Error("the service's own");
      }
    }
    const { xmpp, features } = setUp();
    xmpp.summon(Stubborn);
    await expect(xmpp.dismiss(Stubborn)).rejects.toThrow("the service's own");

    expect(await features()).toEqual([]);
  });

  it.each([
    ["", "empty"],
    [undefined, "undefined"],
    [INFO, INFO],
  ])("cannot be %j", async (feature, named) => {
    class Wrong extends Service {
      readonly feature = registerFeature(this, feature as string);
    }
    const { xmpp, features } = setUp();

    expect(() => xmpp.summon(Wrong)).toThrow(named);
    expect(xmpp.summoned(Wrong)).toBeUndefined();
    expect(await features()).toEqual([]);
  });

  it("is of a summoned service and of nothing else", () => {
    expect(() => registerFeature({} as Service, RECEIPTS)).toThrow(TypeError);
  });

  it("cannot be of a service that is dismissed", async () => {
    const { xmpp, features } = setUp();
    const service = xmpp.summon(Receipts);
    xmpp.dismiss(Receipts);

    expect(() => registerFeature(service, RECEIPTS)).toThrow("Receipts");
    expect(await features()).toEqual([]);
  });
});

describe("a feature that is switched off", () => {
  it("is not told", async () => {
    const { xmpp, features } = setUp();
    const { feature } = xmpp.summon(Receipts);
    feature.enabled = false;

    expect(feature.enabled).toBe(false);
    expect(await features()).toEqual([]);
  });

  it("is told again when it is switched on", async () => {
    const { xmpp, features } = setUp();
    const { feature } = xmpp.summon(Receipts);
    feature.enabled = false;
    feature.enabled = true;

    expect(feature.enabled).toBe(true);
    expect(await features()).toEqual([RECEIPTS]);
  });

  it("is a change each time it comes and goes, and none where it was so already", () => {
    const { xmpp, disco } = setUp();
    const { feature } = xmpp.summon(Receipts);
    const told = changesOf(disco);
    feature.enabled = true;
    expect(told).toEqual([]);
    feature.enabled = false;
    feature.enabled = false;
    expect(told).toEqual(["info"]);
    feature.enabled = true;
    feature.enabled = true;

    expect(told).toEqual(["info", "info"]);
  });

  it("stays off when the service is dismissed, without a change", () => {
    const { xmpp, disco } = setUp();
    const { feature } = xmpp.summon(Receipts);
    feature.enabled = false;
    const told = changesOf(disco);
    xmpp.dismiss(Receipts);

    expect(told).toEqual([]);
  });
});

describe("a feature whose service is dismissed", () => {
  it("is not enabled, and cannot be brought back", async () => {
    const { xmpp, disco, features } = setUp();
    const { feature } = xmpp.summon(Receipts);
    xmpp.dismiss(Receipts);
    const told = changesOf(disco);
    feature.enabled = true;

    expect(feature.enabled).toBe(false);
    expect(await features()).toEqual([]);
    expect(told).toEqual([]);
  });

  it("cannot take away that of the service summoned anew", async () => {
    const { xmpp, features } = setUp();
    const old = xmpp.summon(Receipts).feature;
    xmpp.dismiss(Receipts);
    xmpp.summon(Receipts);
    old.enabled = false;
    old[Symbol.dispose]();

    expect(await features()).toEqual([RECEIPTS]);
  });
});

describe("a feature that is disposed of", () => {
  it("is gone for good", async () => {
    const { xmpp, features } = setUp();
    const { feature } = xmpp.summon(Receipts);
    feature[Symbol.dispose]();
    feature[Symbol.dispose]();
    feature.enabled = true;

    expect(feature.enabled).toBe(false);
    expect(await features()).toEqual([]);
  });

  it("may be a resource of a block", async () => {
    const { xmpp, features } = setUp();
    const service = xmpp.summon(Rooms);
    let during: string[] = [];
    {
      using _feature: RegisteredFeature = registerFeature(service, RECEIPTS);
      during = await features();
    }

    expect(during).toEqual([RECEIPTS]);
    expect(await features()).toEqual([]);
  });
});

describe("a feature of two services", () => {
  it("is told once", async () => {
    const { xmpp, features } = setUp();
    xmpp.summon(Receipts);
    xmpp.summon(MoreReceipts);

    expect(await features()).toEqual([RECEIPTS]);
  });

  it("is gone when the last one is dismissed", async () => {
    const { xmpp, features } = setUp();
    xmpp.summon(Receipts);
    xmpp.summon(MoreReceipts);
    xmpp.dismiss(Receipts);
    expect(await features()).toEqual([RECEIPTS]);
    xmpp.dismiss(MoreReceipts);

    expect(await features()).toEqual([]);
  });

  it("is gone when the last one switches it off", async () => {
    const { xmpp, features } = setUp();
    const one = xmpp.summon(Receipts).feature;
    const other = xmpp.summon(MoreReceipts).feature;
    one.enabled = false;
    expect(await features()).toEqual([RECEIPTS]);
    expect(other.enabled).toBe(true);
    other.enabled = false;

    expect(await features()).toEqual([]);
  });

  it("is let go of once by each, however often it does so", async () => {
    const { xmpp, features } = setUp();
    const { feature } = xmpp.summon(Receipts);
    xmpp.summon(MoreReceipts);
    feature.enabled = false;
    feature.enabled = false;
    feature[Symbol.dispose]();
    xmpp.dismiss(Receipts);

    expect(await features()).toEqual([RECEIPTS]);
  });

  it("is a change when it comes and when it goes", () => {
    const { xmpp, disco } = setUp();
    const told = changesOf(disco);
    xmpp.summon(Receipts);
    expect(told).toEqual(["info"]);
    xmpp.summon(MoreReceipts);
    xmpp.dismiss(Receipts);
    expect(told).toEqual(["info"]);
    xmpp.dismiss(MoreReceipts);

    expect(told).toEqual(["info", "info"]);
  });

  it("may be held twice by one", async () => {
    class Twice extends Service {
      readonly one = registerFeature(this, RECEIPTS);
      readonly two = registerFeature(this, RECEIPTS);
    }
    const { xmpp, features } = setUp();
    xmpp.summon(Twice).one.enabled = false;
    expect(await features()).toEqual([RECEIPTS]);
    xmpp.dismiss(Twice);

    expect(await features()).toEqual([]);
  });
});

describe("a feature of a service and of the application", () => {
  it("stays with the application when the service is dismissed", async () => {
    const { xmpp, disco, features } = setUp();
    disco.registerFeature(RECEIPTS);
    xmpp.summon(Receipts);
    expect(await features()).toEqual([RECEIPTS]);
    xmpp.dismiss(Receipts);

    expect(await features()).toEqual([RECEIPTS]);
  });

  it("stays with the service when the application takes it back", async () => {
    const { xmpp, disco, features } = setUp();
    xmpp.summon(Receipts);
    disco.registerFeature(RECEIPTS);
    disco.unregisterFeature(RECEIPTS);

    expect(await features()).toEqual([RECEIPTS]);
  });

  it("cannot be taken back by the application that did not register it", async () => {
    const { xmpp, disco, features } = setUp();
    xmpp.summon(Receipts);

    expect(() => disco.unregisterFeature(RECEIPTS)).toThrow(RECEIPTS);
    expect(await features()).toEqual([RECEIPTS]);
  });

  it("is a change when it comes and when it goes", () => {
    const { xmpp, disco } = setUp();
    const told = changesOf(disco);
    xmpp.summon(Receipts);
    disco.registerFeature(RECEIPTS);
    xmpp.dismiss(Receipts);
    expect(told).toEqual(["info"]);
    disco.unregisterFeature(RECEIPTS);

    expect(told).toEqual(["info", "info"]);
  });
});

describe("a node of a service", () => {
  it("is what was mounted, and is told while the service lives", async () => {
    const { xmpp, disco } = setUp();

    expect(xmpp.summon(Rooms).node).toBe(rooms);
    expect((await disco.getInfo({ node: ROOMS })).name()).toBe("Rooms");
  });

  it("is gone when the service is dismissed", async () => {
    const { xmpp, disco } = setUp();
    xmpp.summon(Rooms);
    xmpp.dismiss(Rooms);

    expect(disco.nodeAt(ROOMS)).toBeUndefined();
    await expect(disco.getInfo({ node: ROOMS })).rejects.toMatchObject({ condition: "item-not-found" });
  });

  it("may be listed", async () => {
    const { xmpp, disco } = setUp();
    const told = changesOf(disco);
    xmpp.summon(Rooms);
    expect(told).toEqual(["items"]);
    xmpp.dismiss(Rooms);

    expect(told).toEqual(["items", "items"]);
  });

  it("is gone when the service failed in its constructor", () => {
    class Failing extends Service {
      readonly node = mountAsNode(this, ROOMS, rooms);
      readonly broken: never = (() => {
        throw new Error("the service's own");
      })();
    }
    const { xmpp, disco } = setUp();

    expect(() => xmpp.summon(Failing)).toThrow("the service's own");
    expect(disco.nodeAt(ROOMS)).toBeUndefined();
  });

  it("cannot be mounted where another node is, which stays", () => {
    const { xmpp, disco } = setUp();
    const other = new StaticNode();
    disco.mountNode(ROOMS, other);

    expect(() => xmpp.summon(Rooms)).toThrow(ROOMS);
    expect(xmpp.summoned(Rooms)).toBeUndefined();
    expect(disco.nodeAt(ROOMS)).toBe(other);
  });

  it.each([
    ["an empty mountpoint", "", rooms, "mountpoint"],
    ["no node", ROOMS, {}, "DiscoNode"],
  ])("cannot be mounted with %s", (_, mountpoint, node, named) => {
    class Wrong extends Service {
      readonly node = mountAsNode(this, mountpoint, node as DiscoNode);
    }
    const { xmpp } = setUp();

    expect(() => xmpp.summon(Wrong)).toThrow(TypeError);
    expect(() => xmpp.summon(Wrong)).toThrow(named);
  });

  it("may be unmounted by the application, and the service dismissed all the same", async () => {
    const { xmpp, disco } = setUp();
    xmpp.summon(Rooms);
    disco.unmountNode(ROOMS);

    await expect(xmpp.dismiss(Rooms)).resolves.toBeUndefined();
  });

  it("leaves what the application mounted in its place", () => {
    const { xmpp, disco } = setUp();
    const other = new DiscoNode();
    xmpp.summon(Rooms);
    disco.unmountNode(ROOMS);
    disco.mountNode(ROOMS, other);
    xmpp.dismiss(Rooms);

    expect(disco.nodeAt(ROOMS)).toBe(other);
  });
});

describe("a node of two services", () => {
  it("is gone when the last one is dismissed", () => {
    const { xmpp, disco } = setUp();
    xmpp.summon(Rooms);
    xmpp.summon(MoreRooms);
    xmpp.dismiss(Rooms);
    expect(disco.nodeAt(ROOMS)).toBe(rooms);
    xmpp.dismiss(MoreRooms);

    expect(disco.nodeAt(ROOMS)).toBeUndefined();
  });

  it("stays with the second where the application unmounted it in between", () => {
    const { xmpp, disco } = setUp();
    xmpp.summon(Rooms);
    disco.unmountNode(ROOMS);
    xmpp.summon(MoreRooms);
    xmpp.dismiss(Rooms);

    expect(disco.nodeAt(ROOMS)).toBe(rooms);
  });

  it("is of one client: another's server knows nothing of it", () => {
    const one = setUp();
    const other = setUp();
    one.xmpp.summon(Rooms);

    expect(other.disco.nodeAt(ROOMS)).toBeUndefined();
  });

  it("may be mounted by services of two clients", () => {
    const one = setUp();
    const other = setUp();
    one.xmpp.summon(Rooms);
    other.xmpp.summon(Rooms);
    one.xmpp.dismiss(Rooms);

    expect(one.disco.nodeAt(ROOMS)).toBeUndefined();
    expect(other.disco.nodeAt(ROOMS)).toBe(rooms);
  });
});
