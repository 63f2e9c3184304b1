import xml from "@xmpp/xml";
import { describe, expect, test, vi } from "vitest";
import {
  DataForm,
  DiscoClient,
  DiscoInfo,
  DiscoServer,
  EntityCapsCache,
  EntityCapsService,
  IqService,
  ServiceDismissed,
  SessionLost,
  withServices,
} from "../../../src/index.ts";
import { memoryClient } from "../../support/memory.ts";
import { ComponentServer, memoryComponent } from "../services/memory-component.ts";
import { traces } from "../services/support.ts";
import {
  ask,
  c115,
  countsOf,
  expectNoStrays,
  JULIET,
  NURSE,
  nameOf,
  nodesOf,
  presence,
  present,
  quiet,
  resultOf,
  type Stage,
  type StageOptions,
  software,
  stage,
  TYBALT,
  until,
} from "./support.ts";

expectNoStrays();

const PC = software("PC");
const PHONE = software("Phone");

const jidOf = (i: number) => `contact${i}@capulet.example/x`;

/** Questions in all states that there are: sent, waiting for one that is sent, for a slot, for the store. */
async function manyQuestions(options: StageOptions = {}) {
  const held = "held by the store";
  const heldKey = c115(software(held)).attrs.ver;
  const cache = new EntityCapsCache({
    store: { get: (key) => (key.endsWith(heldKey) ? new Promise(() => {}) : undefined), set: () => {} },
  });
  const on = await stage({ cache, lookupConcurrency: 2, hedgeDelay: 60_000, ...options });
  const names = ["a", "a", "b", "c", "d", held];
  for (const [i, name] of names.entries()) {
    on.comes(jidOf(i), software(name));
    on.answers(jidOf(i), undefined);
  }
  await quiet(2);
  const asked = names.map((_, i) => ask(on.disco.queryInfo(jidOf(i))));
  await until(() => on.asked().length === 2);
  return { on, asked };
}

describe("when the session is lost", () => {
  test.each<[string, StageOptions, (on: Stage) => Promise<unknown>]>([
    ["the connection is cut", {}, async (on) => on.server.cut()],
    ["the client is stopped", {}, (on) => on.xmpp.stop()],
    [
      "the stream cannot be resumed",
      { memory: { streamManagement: true } },
      (on) => {
        on.server.resumable = false;
        return on.reconnect();
      },
    ],
  ])("as %s, all who wait are told so, and nothing is sent again", async (_what, options, lose) => {
    const { on, asked } = await manyQuestions(options);
    await lose(on);
    await Promise.all(asked.map(({ end }) => end));
    for (const { error } of asked) expect(error).toBeInstanceOf(SessionLost);
    await quiet(10);
    expect(on.asked()).toHaveLength(2);
  });

  test("nobody is known in the next one, but the hashes are", async () => {
    const on = await stage();
    on.comes(JULIET, PC);
    await quiet(2);
    await on.disco.queryInfo(JULIET);
    await on.reconnect();
    await on.disco.queryInfo(JULIET);
    expect(on.askedNodes()[1]).toBeUndefined();
    on.comes(NURSE, PC);
    await quiet(2);
    await on.disco.queryInfo(NURSE);
    expect(on.asked()).toEqual([JULIET, JULIET]);
  });

  test("the next one looks up afresh what the last one did not find out", async () => {
    const { on, asked } = await manyQuestions();
    await on.reconnect();
    await Promise.all(asked.map(({ end }) => end));
    const again = software("a");
    on.comes(jidOf(0), again);
    await quiet(2);
    expect(nameOf(await on.disco.queryInfo(jidOf(0)))).toBe("a");
  });

  test("a stream that resumes has lost nothing", async () => {
    const on = await stage({ memory: { streamManagement: true } });
    on.comes(JULIET, PC);
    on.comes(NURSE, PHONE);
    on.answers(NURSE, undefined);
    await quiet(2);
    await on.disco.queryInfo(JULIET);
    const asked = ask(on.disco.queryInfo(NURSE));
    await until(() => on.asked().length === 2);
    await on.reconnect();
    expect(asked.state).toBe("open");
    on.server.send(resultOf(present(on.server.requests()[1]), PHONE));
    await asked.end;
    expect(nameOf(asked.value)).toBe("Phone");
    await on.disco.queryInfo(JULIET);
    expect(on.asked()).toEqual([JULIET, NURSE]);
  });

  test("who is asked for while the stream is cut is asked when it resumes", async () => {
    const on = await stage({ memory: { streamManagement: true } });
    on.comes(JULIET, PC);
    await quiet(2);
    on.server.cut();
    await until(() => on.xmpp.status !== "online");
    expect(nameOf(await on.disco.queryInfo(JULIET))).toBe("PC");
  });

  test("what an announcement answered while the stream was cut is not believed in a new session", async () => {
    const on = await stage({ memory: { streamManagement: true } });
    on.comes(JULIET, PC);
    await quiet(2);
    await on.disco.queryInfo(JULIET);
    // The hash is known yet.
    on.disco.flushCache();
    on.server.resumable = false;
    on.server.cut();
    await until(() => on.xmpp.status !== "online");
    expect(nameOf(await on.disco.queryInfo(JULIET))).toBe("PC");
    on.answers(JULIET, PHONE);
    await until(() => on.xmpp.status === "online");
    expect(nameOf(await on.disco.queryInfo(JULIET))).toBe("Phone");
  });
});

describe("when it is dismissed", () => {
  test("all who wait are told so, and nothing is sent", async () => {
    const { on, asked } = await manyQuestions();
    // DiscoClient stays: the test has summoned it.
    void on.xmpp.dismiss(EntityCapsService);
    await Promise.all(asked.map(({ end }) => end));
    for (const { error } of asked) expect(error).toBeInstanceOf(ServiceDismissed);
    await quiet(10);
    expect(on.asked()).toHaveLength(2);
    on.answers(jidOf(0), PC);
    expect(nameOf(await on.disco.queryInfo(jidOf(0)))).toBe("PC");
    expect(on.askedNodes().at(-1)).toBeUndefined();
  });

  test("with what it needs, all who wait are told so", async () => {
    const { on, asked } = await manyQuestions();
    void on.xmpp.dismiss(IqService);
    expect(on.xmpp.summoned(EntityCapsService)).toBeUndefined();
    await Promise.all(asked.map(({ end }) => end));
    for (const { error } of asked) expect(error).toBeInstanceOf(ServiceDismissed);
  });

  test("presence primes nothing any more, and is told of no more", async () => {
    const on = await stage();
    const told: string[] = [];
    on.caps.on("capsChanged", (jid) => told.push(jid));
    void on.xmpp.dismiss(EntityCapsService);
    on.comes(JULIET, PC);
    await quiet(2);
    await on.disco.queryInfo(JULIET);
    expect(on.askedNodes()).toEqual([undefined]);
    expect(told).toEqual([]);
  });

  test("an old handle brings nothing back", async () => {
    const on = await stage();
    void on.xmpp.dismiss(EntityCapsService);
    on.caps.xep115Support = true;
    on.caps.xep390Support = true;
    on.self.registerFeature("urn:example:a");
    await on.send(xml("presence"));
    await until(() => on.presences().length === 1);
    expect(countsOf(on.presences()[0])).toEqual([0, 0]);
    expect(on.caps.xep115Support).toBe(false);
    expect((await on.self.toInfo()).features).toEqual([
      "http://jabber.org/protocol/disco#info",
      "urn:example:a",
    ]);
  });

  test("in the middle of an async hash, nothing comes of it", async () => {
    const on = await stage();
    let open = () => {};
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    Object.assign(on.self, {
      iterFeatures: async () => {
        await opened;
        return ["urn:example:a"];
      },
    });
    let changes = 0;
    on.caps.on("verChanged", () => {
      changes += 1;
    });
    on.self.emit("infoChanged");
    await quiet(1);
    void on.xmpp.dismiss(EntityCapsService);
    open();
    await quiet();
    expect(changes).toBe(0);
  });

  test("a new one starts afresh, with the same cache where it is given", async () => {
    const on = await stage();
    on.comes(JULIET, PC);
    await quiet(2);
    await on.disco.queryInfo(JULIET);
    const { cache } = on.caps;
    void on.xmpp.dismiss(EntityCapsService);
    on.xmpp.summon(EntityCapsService, { cache });
    on.comes(NURSE, PC);
    await quiet(2);
    expect(nameOf(await on.disco.queryInfo(NURSE))).toBe("PC");
    expect(on.asked()).toEqual([JULIET]);
  });

  test("nothing listens for it any more", async () => {
    const on = await stage();
    const { session } = on.xmpp.summon(IqService);
    const unsubscribe = vi.spyOn(session, "unsubscribe");
    expect(on.self.listenerCount("infoChanged")).toBe(1);
    void on.xmpp.dismiss(EntityCapsService);
    expect(on.self.listenerCount("infoChanged")).toBe(0);
    expect(unsubscribe).toHaveBeenCalledTimes(1);
  });

  test("what it alone needed goes with it, and the client is as it was", async () => {
    const on = await stage();
    const xmpp = withServices(memoryClient(on.server));
    xmpp.summon(EntityCapsService);
    void xmpp.dismiss(EntityCapsService);
    const before = traces(xmpp);
    xmpp.summon(EntityCapsService);
    void xmpp.dismiss(EntityCapsService);
    expect(traces(xmpp)).toEqual(before);
    expect(
      xmpp.summoned(DiscoClient) ?? xmpp.summoned(DiscoServer) ?? xmpp.summoned(IqService),
    ).toBeUndefined();
  });

  test("a class made of it that fails leaves nothing behind", async () => {
    const on = await stage();
    const xmpp = withServices(memoryClient(on.server));
    xmpp.summon(EntityCapsService);
    void xmpp.dismiss(EntityCapsService);
    const before = traces(xmpp);
    class Broken extends EntityCapsService {
      readonly broken = (() => {
        throw new Error("not today");
      })();
    }
    expect(() => xmpp.summon(Broken)).toThrow("not today");
    expect(traces(xmpp)).toEqual(before);
  });
});

describe("a component", () => {
  async function component() {
    const server = new ComponentServer();
    const xmpp = withServices(memoryComponent(server));
    const caps = xmpp.summon(EntityCapsService, { rebroadcast: false });
    const disco = xmpp.summon(DiscoClient);
    const self = xmpp.summon(DiscoServer);
    await xmpp.start();
    const presences = () => server.received.filter((stanza) => stanza.is("presence"));
    return { server, xmpp, caps, disco, self, presences };
  }

  test("puts its hashes into the presence of its own JID, and answers for them", async () => {
    const { server, xmpp, self, presences } = await component();
    self.registerForm(new DataForm({ formType: "urn:example:form", fields: { a: "b" } }));
    await xmpp.send(xml("presence", { to: JULIET }));
    await xmpp.send(xml("presence", { to: JULIET, from: "comp.example" }));
    await until(() => presences().length === 2);
    expect(presences().map(countsOf)).toEqual([
      [1, 1],
      [1, 1],
    ]);
    const [node] = nodesOf(presences()[0]);
    server.send(
      xml(
        "iq",
        { type: "get", id: "i", from: JULIET, to: "comp.example" },
        xml("query", { xmlns: "http://jabber.org/protocol/disco#info", node }),
      ),
    );
    await until(() => server.received.some((stanza) => stanza.attrs.id === "i"));
    const answer = present(server.received.find((stanza) => stanza.attrs.id === "i"));
    expect(answer.attrs.type).toBe("result");
    expect(DiscoInfo.fromElement(answer).toJSON()).toEqual((await self.toInfo()).toJSON());
    await xmpp.stop();
  });

  test("leaves the presence of its other JIDs alone: they have capabilities of their own", async () => {
    const { xmpp, presences } = await component();
    await xmpp.send(xml("presence", { to: JULIET, from: "user@comp.example" }));
    await xmpp.send(xml("presence", { to: JULIET, from: "user@comp.example/x" }, c115(PC)));
    await until(() => presences().length === 2);
    expect(presences().map(countsOf)).toEqual([
      [0, 0],
      [1, 0],
    ]);
    await xmpp.stop();
  });

  test("knows its contacts by their presence", async () => {
    const { server, xmpp, disco } = await component();
    server.script = (stanza) => (stanza.is("iq") ? resultOf(stanza, PC) : undefined);
    for (const jid of [JULIET, NURSE, TYBALT]) server.send(presence(jid, c115(PC)));
    await quiet();
    const infos = await Promise.all([JULIET, NURSE, TYBALT].map((jid) => disco.queryInfo(jid)));
    expect(infos.map(nameOf)).toEqual(["PC", "PC", "PC"]);
    expect(server.received.filter((stanza) => stanza.is("iq"))).toHaveLength(1);
    await xmpp.stop();
  });

  test("has nothing left of it when it is dismissed", async () => {
    const { xmpp, presences } = await component();
    void xmpp.dismiss(EntityCapsService);
    await xmpp.send(xml("presence", { to: JULIET }));
    await until(() => presences().length === 1);
    expect(countsOf(presences()[0])).toEqual([0, 0]);
    expect(Object.hasOwn(xmpp, "send")).toBe(false);
    await xmpp.stop();
  });
});
