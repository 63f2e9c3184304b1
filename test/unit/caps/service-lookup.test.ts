import xml from "@xmpp/xml";
import { describe, expect, test } from "vitest";
import {
  DataForm,
  DiscoInfo,
  EntityCapsCache,
  IqError,
  IqTimeout,
  MalformedResponse,
  NS_CAPS,
  xep0115,
} from "../../../src/index.ts";
import {
  ask,
  BENVOLIO,
  c115,
  c390,
  expectNoStrays,
  JULIET,
  NODE,
  NURSE,
  nameOf,
  presence,
  presenceOf,
  present,
  quiet,
  resultOf,
  software,
  stage,
  TYBALT,
  turn,
  until,
} from "./support.ts";

expectNoStrays();

const PC = software("PC");
const PHONE = software("Phone");
const LIE = software("Lie");

/** Somebody, by number. */
const jidOf = (i: number) => `contact${i}@capulet.example/x`;

/** What verifies, but could be read as something else: it is not to be shared. */
const AMBIGUOUS = new DiscoInfo({
  ...PC,
  forms: [new DataForm({ formType: "urn:example:form", fields: { a: "b" } })],
});

describe("one hash", () => {
  test("is asked for once, whoever wants to know, and however often", async () => {
    const on = await stage();
    const jids = Array.from({ length: 20 }, (_, i) => jidOf(i));
    for (const jid of jids) on.comes(jid, PC);
    await quiet(2);
    const infos = await Promise.all([...jids, ...jids].map((jid) => on.disco.queryInfo(jid)));
    expect(infos.map((info) => info.jid)).toEqual([...jids, ...jids]);
    expect(new Set(infos.map(nameOf))).toEqual(new Set(["PC"]));
    expect(on.asked()).toHaveLength(1);
  });

  test("is asked for once while it is asked for, also where others announce it differently", async () => {
    const on = await stage();
    on.comes(JULIET, PC, c390(PC), c115(PC));
    on.comes(NURSE, PC, c115(PC));
    on.comes(TYBALT, PC, c390(PC, "sha3-256", "sha-256"));
    await quiet(2);
    const infos = await Promise.all([JULIET, NURSE, TYBALT].map((jid) => on.disco.queryInfo(jid)));
    expect(infos.map(nameOf)).toEqual(["PC", "PC", "PC"]);
    expect(on.asked()).toEqual([JULIET]);
  });

  test("answers a second asker of one entity with the same", async () => {
    const on = await stage();
    on.comes(JULIET, PC);
    await quiet(2);
    const [a, b] = await Promise.all([on.disco.queryInfo(JULIET), on.disco.queryInfo(JULIET)]);
    expect(a).toBe(b);
  });

  test("gives everybody an answer of their own, without what only one of them said", async () => {
    const on = await stage();
    on.comes(JULIET, PC);
    on.comes(NURSE, PC);
    await quiet(2);
    await on.disco.queryInfo(JULIET);
    const info = await on.disco.queryInfo(NURSE);
    expect([info.jid, info.node, info.element]).toEqual([NURSE, undefined, undefined]);
  });

  test("keeps being known when everybody has left", async () => {
    const on = await stage();
    on.comes(JULIET, PC);
    await quiet(2);
    await on.disco.queryInfo(JULIET);
    on.server.send(presenceOf("unavailable", JULIET));
    on.comes(NURSE, PC);
    await quiet(2);
    expect(nameOf(await on.disco.queryInfo(NURSE))).toBe("PC");
    expect(on.asked()).toEqual([JULIET]);
  });

  test("serves all the same where the cache has room for one of the two hashes only", async () => {
    const on = await stage({ cache: new EntityCapsCache({ maxEntries: 1 }) });
    on.comes(JULIET, PC, c390(PC), c115(PC));
    on.comes(NURSE, PC, c390(PC), c115(PC));
    await quiet(2);
    const infos = await Promise.all([JULIET, NURSE].map((jid) => on.disco.queryInfo(jid)));
    expect(infos.map(nameOf)).toEqual(["PC", "PC"]);
    expect(on.asked()).toEqual([JULIET]);
  });

  test("serves those who were pushed out of the table as well", async () => {
    const on = await stage({ maxJids: 1, lookupConcurrency: 1 });
    const all = [JULIET, NURSE, TYBALT].map((jid, i) => [jid, software(`Software ${i}`)] as const);
    const asked = [];
    for (const [jid, info] of all) {
      on.comes(jid, info);
      await quiet(2);
      on.answers(jid, undefined);
      asked.push(ask(on.disco.queryInfo(jid)));
    }
    await quiet();
    for (const [jid, info] of all) {
      await until(() => on.asked().includes(jid));
      const request = on.server.requests().find((stanza) => stanza.attrs.to === jid);
      on.server.send(resultOf(present(request), info));
    }
    await Promise.all(asked.map(({ end }) => end));
    expect(asked.map(({ value }) => nameOf(value))).toEqual(["Software 0", "Software 1", "Software 2"]);
  });
});

describe("many hashes", () => {
  test("are asked for so many at once and no more", async () => {
    const on = await stage({ lookupConcurrency: 3 });
    const jids = Array.from({ length: 10 }, (_, i) => jidOf(i));
    for (const [i, jid] of jids.entries()) {
      on.comes(jid, software(`${i}`));
      on.answers(jid, undefined);
    }
    await quiet(2);
    const asked = jids.map((jid) => ask(on.disco.queryInfo(jid)));
    for (let answered = 0; answered < jids.length; answered += 1) {
      await quiet();
      expect(on.server.requests()).toHaveLength(Math.min(jids.length, answered + 3));
      const request = present(on.server.requests()[answered]);
      on.server.send(resultOf(request, software(`${jids.indexOf(request.attrs.to)}`)));
    }
    await Promise.all(asked.map(({ end }) => end));
    expect(asked.map(({ value }) => nameOf(value))).toEqual(jids.map((_, i) => `${i}`));
  });

  test("are not held up by those who stall for longer than others may take", async () => {
    const on = await stage({ lookupConcurrency: 2, hedgeDelay: 5 });
    const jids = Array.from({ length: 8 }, (_, i) => jidOf(i));
    for (const [i, jid] of jids.entries()) {
      on.comes(jid, software(`${i}`));
      if (i < 6) on.answers(jid, undefined);
    }
    await quiet(2);
    const asked = jids.map((jid) => ask(on.disco.queryInfo(jid)));
    await Promise.all(asked.slice(6).map(({ end }) => end));
    expect(asked.map(({ state }) => state)).toEqual([...Array(6).fill("open"), "answered", "answered"]);
  });
});

describe("who lies about a hash", () => {
  test("is believed of itself, and nobody else is harmed", async () => {
    const on = await stage();
    on.comes(TYBALT, LIE, c115(PC));
    on.comes(NURSE, PC);
    await quiet(2);
    const infos = await Promise.all([TYBALT, NURSE].map((jid) => on.disco.queryInfo(jid)));
    expect(infos.map(nameOf)).toEqual(["Lie", "PC"]);
    expect(on.asked()).toEqual([TYBALT, NURSE]);
    on.comes(BENVOLIO, PC);
    await quiet(2);
    expect(nameOf(await on.disco.queryInfo(BENVOLIO))).toBe("PC");
    expect(nameOf(await on.disco.queryInfo(TYBALT))).toBe("Lie");
    expect(on.asked()).toHaveLength(2);
  });

  test("is one of many: they are asked one after the other until one tells the truth", async () => {
    const on = await stage();
    const liars = Array.from({ length: 5 }, (_, i) => jidOf(i));
    for (const [i, jid] of liars.entries()) on.comes(jid, software(`Lie ${i}`), c115(PC));
    on.comes(NURSE, PC);
    on.comes(JULIET, PC);
    await quiet(2);
    let most = 0;
    let open = 0;
    for (const [i, jid] of [...liars, NURSE, JULIET].entries()) {
      on.answers(jid, (request) => {
        open += 1;
        most = Math.max(most, open);
        setTimeout(() => {
          open -= 1;
          on.server.send(resultOf(request, i < 5 ? software(`Lie ${i}`) : PC));
        });
        return undefined;
      });
    }
    const infos = await Promise.all([...liars, NURSE, JULIET].map((jid) => on.disco.queryInfo(jid)));
    expect(infos.map(nameOf)).toEqual(["Lie 0", "Lie 1", "Lie 2", "Lie 3", "Lie 4", "PC", "PC"]);
    expect(on.asked()).toEqual([...liars, NURSE]);
    expect(most).toBe(1);
  });

  test("with features twice is used for itself and shared with nobody", async () => {
    const on = await stage();
    const twice = new DiscoInfo({ ...PC, features: [...PC.features, "urn:example:a", "urn:example:a"] });
    const c = xml("c", { xmlns: NS_CAPS, hash: "sha-1", node: NODE, ver: xep0115.hash(twice) });
    on.comes(TYBALT, twice, c);
    on.comes(NURSE, twice, c);
    await quiet(2);
    for (const jid of [TYBALT, NURSE])
      expect((await on.disco.queryInfo(jid)).has("urn:example:a")).toBe(true);
    expect(on.asked()).toEqual([TYBALT, NURSE]);
    expect(on.caps.cache.size).toBe(0);
  });

  test("by moving features into a form takes them from nobody", async () => {
    const on = await stage();
    const victim = new DiscoInfo({
      identities: [{ category: "client", type: "pc", name: "PC" }],
      features: ["a", "urn:xmpp:dataforms:other", "x", "y"],
    });
    const forged = new DiscoInfo({
      identities: [{ category: "client", type: "pc", name: "PC" }],
      features: ["a"],
      forms: [new DataForm({ formType: "urn:xmpp:dataforms:other", fields: { x: "y" } })],
    });
    expect(xep0115.hash(forged)).toBe(xep0115.hash(victim));
    on.comes(TYBALT, forged, c115(victim));
    on.comes(NURSE, victim);
    await quiet(2);
    expect((await on.disco.queryInfo(TYBALT)).has("x")).toBe(false);
    expect((await on.disco.queryInfo(NURSE)).has("x")).toBe(true);
  });

  test("of XEP-0390 may tell the truth of XEP-0115, and is believed that", async () => {
    const on = await stage();
    on.comes(TYBALT, PC, c390(LIE), c115(PC));
    on.comes(NURSE, PC);
    on.comes(BENVOLIO, LIE, c390(LIE));
    await quiet(2);
    expect(nameOf(await on.disco.queryInfo(TYBALT))).toBe("PC");
    expect(nameOf(await on.disco.queryInfo(NURSE))).toBe("PC");
    expect(nameOf(await on.disco.queryInfo(BENVOLIO))).toBe("Lie");
    expect(on.asked()).toEqual([TYBALT, BENVOLIO]);
  });
});

describe("who fails", () => {
  test("costs only itself: the next announcer is asked", async () => {
    const on = await stage();
    on.comes(TYBALT, PC);
    on.comes(NURSE, PC);
    on.answers(TYBALT, "service-unavailable");
    await quiet(2);
    const infos = await Promise.all([TYBALT, NURSE].map((jid) => on.disco.queryInfo(jid)));
    // What the hash stands for is known, also of who did not say so.
    expect(infos.map((info) => [info.jid, nameOf(info)])).toEqual([
      [TYBALT, "PC"],
      [NURSE, "PC"],
    ]);
  });

  test("is helped out by others that nobody asked for, three at the most", async () => {
    const on = await stage();
    for (let i = 0; i < 10; i += 1) {
      on.comes(jidOf(i), PC);
      on.answers(jidOf(i), "service-unavailable");
    }
    on.comes(TYBALT, PC);
    on.answers(TYBALT, "not-allowed");
    await quiet(2);
    const asked = ask(on.disco.queryInfo(TYBALT));
    await asked.end;
    expect(asked.error).toMatchObject({ condition: "not-allowed" });
    expect(on.asked()[0]).toBe(TYBALT);
    expect(on.asked()).toHaveLength(4);
  });

  test("is told of, each with their own error, when nobody helps", async () => {
    const on = await stage();
    const conditions = { [JULIET]: "service-unavailable", [NURSE]: "forbidden", [TYBALT]: "not-allowed" };
    for (const [jid, condition] of Object.entries(conditions)) {
      on.comes(jid, PC);
      on.answers(jid, condition);
    }
    await quiet(2);
    const asked = Object.keys(conditions).map((jid) => ask(on.disco.queryInfo(jid)));
    await Promise.all(asked.map(({ end }) => end));
    expect(asked.map(({ error }) => (error as IqError).condition)).toEqual(Object.values(conditions));
    expect(on.asked()).toHaveLength(3);
  });

  test("leaves nothing: the next query asks again", async () => {
    const on = await stage();
    on.comes(JULIET, PC);
    on.answers(JULIET, "resource-constraint");
    await quiet(2);
    await expect(on.disco.queryInfo(JULIET)).rejects.toMatchObject({ condition: "resource-constraint" });
    on.answers(JULIET, PC);
    expect(nameOf(await on.disco.queryInfo(JULIET))).toBe("PC");
  });

  test("with an answer that is none costs only itself", async () => {
    const on = await stage();
    on.comes(TYBALT, PC);
    on.answers(TYBALT, (request) =>
      xml("iq", { type: "result", id: request.attrs.id, from: TYBALT }, xml("x", "urn:example:x")),
    );
    await quiet(2);
    await expect(on.disco.queryInfo(TYBALT)).rejects.toThrow(MalformedResponse);
    on.comes(NURSE, PC);
    await quiet(2);
    const infos = await Promise.all([TYBALT, NURSE].map((jid) => on.disco.queryInfo(jid)));
    expect(infos.map(nameOf)).toEqual(["PC", "PC"]);
  });

  test("to answer in time is told so, after others were asked", async () => {
    const on = await stage({ hedgeDelay: 1 });
    on.comes(JULIET, PC);
    on.answers(JULIET, undefined);
    await quiet(2);
    await expect(on.disco.queryInfo(JULIET, { timeout: 20 })).rejects.toThrow(IqTimeout);
  });

  test("as supports() sees it: a client that knows no discovery supports nothing", async () => {
    const on = await stage();
    on.comes(JULIET, PC);
    on.answers(JULIET, "feature-not-implemented");
    await quiet(2);
    expect(await on.disco.supports(JULIET, "urn:example:a")).toBe(false);
  });
});

describe("who does not know the node that it announces", () => {
  test("is asked for itself, which is kept for it alone", async () => {
    const on = await stage();
    on.comes(TYBALT, PC);
    on.answers(TYBALT, (_request, node) => (node === undefined ? LIE : "item-not-found"));
    on.comes(NURSE, PC);
    await quiet(2);
    expect(nameOf(await on.disco.queryInfo(TYBALT))).toBe("Lie");
    expect(nameOf(await on.disco.queryInfo(NURSE))).toBe("PC");
    expect(nameOf(await on.disco.queryInfo(TYBALT))).toBe("Lie");
    expect(on.asked()).toEqual([TYBALT, TYBALT, NURSE]);
    expect(on.askedNodes()[1]).toBeUndefined();
  });

  test("may tell what the hash stands for all the same, which is shared", async () => {
    const on = await stage();
    on.comes(TYBALT, PC);
    on.answers(TYBALT, (_request, node) => (node === undefined ? PC : "item-not-found"));
    on.comes(NURSE, PC);
    await quiet(2);
    const infos = await Promise.all([TYBALT, NURSE].map((jid) => on.disco.queryInfo(jid)));
    expect(infos.map(nameOf)).toEqual(["PC", "PC"]);
    expect(on.asked()).toEqual([TYBALT, TYBALT]);
  });

  test("is asked once more and not again and again", async () => {
    const on = await stage();
    on.comes(TYBALT, PC);
    on.answers(TYBALT, "item-not-found");
    await quiet(2);
    await expect(on.disco.queryInfo(TYBALT)).rejects.toMatchObject({ condition: "item-not-found" });
    expect(on.asked()).toEqual([TYBALT, TYBALT]);
  });

  test("is not asked for itself where nobody wants to know of it", async () => {
    const on = await stage();
    on.comes(TYBALT, PC);
    on.comes(NURSE, PC);
    on.answers(NURSE, "item-not-found");
    on.answers(TYBALT, "forbidden");
    await quiet(2);
    await expect(on.disco.queryInfo(TYBALT)).rejects.toMatchObject({ condition: "forbidden" });
    expect(on.asked()).toEqual([TYBALT, NURSE]);
  });
});

describe("who stalls", () => {
  test("costs only itself: the next announcer is asked as well", async () => {
    const on = await stage({ hedgeDelay: 5 });
    on.comes(TYBALT, PC);
    on.comes(NURSE, PC);
    on.answers(TYBALT, undefined);
    await quiet(2);
    const infos = await Promise.all([TYBALT, NURSE].map((jid) => on.disco.queryInfo(jid)));
    expect(infos.map(nameOf)).toEqual(["PC", "PC"]);
    expect(on.asked()).toEqual([TYBALT, NURSE]);
  });

  test("is waited for a while before another is asked", async () => {
    const on = await stage({ hedgeDelay: 60_000 });
    on.comes(TYBALT, PC);
    on.comes(NURSE, PC);
    on.answers(TYBALT, undefined);
    await quiet(2);
    const asked = [TYBALT, NURSE].map((jid) => ask(on.disco.queryInfo(jid)));
    await quiet(20);
    expect(asked.map(({ state }) => state)).toEqual(["open", "open"]);
    expect(on.asked()).toEqual([TYBALT]);
  });

  test("is waited for no longer by those who ask after that while", async () => {
    const on = await stage({ hedgeDelay: 20 });
    on.comes(TYBALT, PC);
    on.answers(TYBALT, undefined);
    await quiet(2);
    const first = ask(on.disco.queryInfo(TYBALT));
    await new Promise((resolve) => setTimeout(resolve, 40));
    on.comes(NURSE, PC);
    await quiet(2);
    expect(nameOf(await on.disco.queryInfo(NURSE))).toBe("PC");
    await first.end;
    expect(nameOf(first.value)).toBe("PC");
  });

  test("is one of many: another is asked each time the while is over", async () => {
    const on = await stage({ hedgeDelay: 3 });
    const slow = Array.from({ length: 4 }, (_, i) => jidOf(i));
    for (const jid of slow) {
      on.comes(jid, PC);
      on.answers(jid, undefined);
    }
    on.comes(NURSE, PC);
    await quiet(2);
    const infos = await Promise.all([...slow, NURSE].map((jid) => on.disco.queryInfo(jid)));
    expect(infos.map(nameOf)).toEqual(Array(5).fill("PC"));
    expect(on.asked()).toEqual([...slow, NURSE]);
  });

  test("may answer first after all", async () => {
    const on = await stage({ hedgeDelay: 3 });
    on.comes(TYBALT, PC);
    on.comes(NURSE, PC);
    on.answers(TYBALT, undefined);
    on.answers(NURSE, undefined);
    await quiet(2);
    const asked = [TYBALT, NURSE].map((jid) => ask(on.disco.queryInfo(jid)));
    await until(() => on.asked().length === 2);
    on.server.send(resultOf(present(on.server.requests()[0]), PC));
    await Promise.all(asked.map(({ end }) => end));
    expect(asked.map(({ value }) => nameOf(value))).toEqual(["PC", "PC"]);
  });

  test("with both hashes does not hold up those who announce only one of them", async () => {
    const on = await stage({ hedgeDelay: 5 });
    on.comes(TYBALT, PC, c390(PC), c115(PC));
    on.answers(TYBALT, undefined);
    on.comes(NURSE, PC, c115(PC));
    await quiet(2);
    const stalled = ask(on.disco.queryInfo(TYBALT));
    await until(() => on.asked().length === 1);
    expect(nameOf(await on.disco.queryInfo(NURSE))).toBe("PC");
    await stalled.end;
    expect(nameOf(stalled.value)).toBe("PC");
  });

  test("and is the only one is waited for as long as the caller likes", async () => {
    const on = await stage({ hedgeDelay: 1 });
    on.comes(JULIET, PC);
    on.answers(JULIET, undefined);
    await quiet(2);
    const patient = ask(on.disco.queryInfo(JULIET));
    const controller = new AbortController();
    const impatient = ask(on.disco.queryInfo(JULIET, { signal: controller.signal }));
    await quiet(10);
    controller.abort(new Error("never mind"));
    await impatient.end;
    expect(impatient.error).toMatchObject({ message: "never mind" });
    on.server.send(resultOf(present(on.server.requests()[0]), PC));
    await patient.end;
    expect(nameOf(patient.value)).toBe("PC");
    expect(on.asked()).toEqual([JULIET]);
  });
});

describe("who leaves", () => {
  test("is told of to who asked, and the next announcer is asked", async () => {
    const on = await stage();
    on.comes(TYBALT, PC);
    on.comes(NURSE, PC);
    on.answers(TYBALT, undefined);
    await quiet(2);
    const asked = [TYBALT, NURSE].map((jid) => ask(on.disco.queryInfo(jid)));
    await until(() => on.asked().length === 1);
    on.server.send(presenceOf("unavailable", TYBALT));
    await Promise.all(asked.map(({ end }) => end));
    expect(asked[0]?.error).toBeInstanceOf(IqError);
    expect(asked[0]?.error).toMatchObject({ condition: "recipient-unavailable" });
    expect(nameOf(asked[1]?.value)).toBe("PC");
    expect(on.asked()).toEqual([TYBALT, NURSE]);
  });

  test("before its turn is not asked", async () => {
    const on = await stage({ lookupConcurrency: 1 });
    on.comes(TYBALT, LIE);
    on.answers(TYBALT, undefined);
    on.comes(NURSE, PC);
    await quiet(2);
    const first = ask(on.disco.queryInfo(TYBALT));
    const second = ask(on.disco.queryInfo(NURSE));
    await until(() => on.asked().length === 1);
    on.server.send(presenceOf("unavailable", NURSE));
    await second.end;
    expect(second.error).toMatchObject({ condition: "recipient-unavailable" });
    on.server.send(resultOf(present(on.server.requests()[0]), LIE));
    await first.end;
    await quiet();
    expect(on.asked()).toEqual([TYBALT]);
  });

  test("and comes back is asked again", async () => {
    const on = await stage({ hedgeDelay: 60_000 });
    for (const jid of [TYBALT, NURSE]) {
      on.comes(jid, PC);
      on.answers(jid, undefined);
    }
    await quiet(2);
    const asked = [TYBALT, NURSE].map((jid) => ask(on.disco.queryInfo(jid)));
    await until(() => on.asked().length === 1);
    on.server.send(presenceOf("unavailable", TYBALT));
    await until(() => on.asked().length === 2);
    on.comes(TYBALT, LIE, c115(PC));
    await quiet(2);
    const again = ask(on.disco.queryInfo(TYBALT));
    await quiet();
    on.server.send(resultOf(present(on.server.requests()[1]), software("Another lie")));
    await Promise.all([...asked, again].map(({ end }) => end));
    expect(nameOf(asked[1]?.value)).toBe("Another lie");
    expect(nameOf(again.value)).toBe("Lie");
    expect(on.asked()).toEqual([TYBALT, NURSE, TYBALT]);
  });

  test("where nobody asks is not waited for by those who do", async () => {
    const on = await stage({ hedgeDelay: 60_000 });
    on.comes(TYBALT, PC);
    on.answers(TYBALT, "forbidden");
    on.comes(NURSE, PC);
    on.answers(NURSE, undefined);
    await quiet(2);
    const asked = ask(on.disco.queryInfo(TYBALT));
    await until(() => on.asked().length === 2);
    on.server.send(presenceOf("unavailable", NURSE));
    await asked.end;
    expect(asked.error).toMatchObject({ condition: "forbidden" });
  });

  test("while the store is read is told of at once, and not asked", async () => {
    const store = { get: () => new Promise(() => {}), set: () => {} };
    const on = await stage({ cache: new EntityCapsCache({ store }) });
    on.comes(JULIET, PC);
    await quiet(2);
    const asked = ask(on.disco.queryInfo(JULIET));
    on.server.send(presenceOf("unavailable", JULIET));
    await asked.end;
    expect(asked.error).toMatchObject({ condition: "recipient-unavailable" });
    expect(on.asked()).toEqual([]);
  });
});

describe("who announces something else while it is looked up", () => {
  test("is told of as it is now", async () => {
    const on = await stage();
    on.comes(JULIET, PC);
    on.answers(JULIET, undefined);
    await quiet(2);
    const asked = ask(on.disco.queryInfo(JULIET));
    await until(() => on.asked().length === 1);
    on.comes(JULIET, PHONE);
    await asked.end;
    expect(nameOf(asked.value)).toBe("Phone");
    // The answer to the old hash comes late: it is good for others.
    on.server.send(resultOf(present(on.server.requests()[0]), PC));
    await quiet();
    expect(nameOf(await on.disco.queryInfo(JULIET))).toBe("Phone");
    on.comes(NURSE, PC);
    await quiet(2);
    expect(nameOf(await on.disco.queryInfo(NURSE))).toBe("PC");
    expect(on.asked()).toEqual([JULIET, JULIET]);
  });

  test("is told of as it is now where the answer to the old hash is a lie", async () => {
    const on = await stage();
    on.comes(JULIET, PC);
    on.answers(JULIET, undefined);
    await quiet(2);
    const asked = ask(on.disco.queryInfo(JULIET));
    await until(() => on.asked().length === 1);
    on.server.send(presence(JULIET, c115(PHONE)));
    on.server.send(resultOf(present(on.server.requests()[0]), LIE));
    await until(() => on.asked().length === 2);
    on.server.send(resultOf(present(on.server.requests()[1]), PHONE));
    await asked.end;
    expect(nameOf(asked.value)).toBe("Phone");
    expect(nameOf(await on.disco.queryInfo(JULIET))).toBe("Phone");
  });

  test("does not wait for the old hash, nor do those who ask for that", async () => {
    const on = await stage({ hedgeDelay: 5 });
    for (const jid of [TYBALT, NURSE]) {
      on.comes(jid, PC);
      on.answers(jid, undefined);
    }
    await quiet(2);
    const asked = [TYBALT, NURSE].map((jid) => ask(on.disco.queryInfo(jid)));
    await until(() => on.asked().length === 2);
    on.comes(TYBALT, PHONE);
    await asked[0]?.end;
    expect(nameOf(asked[0]?.value)).toBe("Phone");
    on.server.send(resultOf(present(on.server.requests()[1]), PC));
    await asked[1]?.end;
    expect(nameOf(asked[1]?.value)).toBe("PC");
  });

  test("without a hash is asked for itself", async () => {
    const on = await stage();
    on.comes(JULIET, PC);
    on.answers(JULIET, undefined);
    await quiet(2);
    const asked = ask(on.disco.queryInfo(JULIET));
    await until(() => on.asked().length === 1);
    on.comes(JULIET, PHONE, xml("c", { xmlns: NS_CAPS, node: NODE, ver: "1.0" }));
    await asked.end;
    expect(nameOf(asked.value)).toBe("Phone");
    expect(on.askedNodes()[1]).toBeUndefined();
    expect(nameOf(await on.disco.queryInfo(JULIET))).toBe("Phone");
    expect(on.asked()).toHaveLength(2);
  });

  test("over and over is asked for itself in the end", async () => {
    const on = await stage();
    on.comes(JULIET, PC);
    let changes = 0;
    on.answers(JULIET, (_request, node) => {
      if (node === undefined) return PHONE;
      changes += 1;
      on.server.send(presence(JULIET, c115(software(`Software ${changes}`))));
      return undefined;
    });
    await quiet(2);
    expect(nameOf(await on.disco.queryInfo(JULIET))).toBe("Phone");
    expect(changes).toBeGreaterThan(2);
    expect(changes).toBeLessThan(10);
  });

  test("and back again is told of by the first hash", async () => {
    const on = await stage();
    on.comes(JULIET, PC);
    on.answers(JULIET, undefined);
    await quiet(2);
    const asked = ask(on.disco.queryInfo(JULIET));
    await until(() => on.asked().length === 1);
    on.server.send(presence(JULIET, c115(PHONE)));
    on.server.send(presence(JULIET, c115(PC)));
    await until(() => on.asked().length === 2);
    on.server.send(resultOf(present(on.server.requests()[0]), PC));
    await asked.end;
    expect(nameOf(asked.value)).toBe("PC");
  });
});

describe("what verifies and is not to be shared", () => {
  test("is asked of everybody for themselves, and shared with nobody", async () => {
    const on = await stage();
    const jids = Array.from({ length: 6 }, (_, i) => jidOf(i));
    for (const jid of jids) on.comes(jid, AMBIGUOUS);
    await quiet(2);
    const infos = await Promise.all(jids.map((jid) => on.disco.queryInfo(jid)));
    expect(infos.map((info) => info.jid)).toEqual(jids);
    expect(on.asked()).toEqual(jids);
    expect(on.caps.cache.size).toBe(0);
    await Promise.all(jids.map((jid) => on.disco.queryInfo(jid)));
    expect(on.asked()).toHaveLength(6);
  });

  test("is asked of so many at once and no more", async () => {
    const on = await stage({ lookupConcurrency: 3 });
    const jids = Array.from({ length: 10 }, (_, i) => jidOf(i));
    let open = 0;
    let most = 0;
    for (const jid of jids) {
      on.comes(jid, AMBIGUOUS);
      on.answers(jid, (request) => {
        open += 1;
        most = Math.max(most, open);
        setTimeout(() => {
          open -= 1;
          on.server.send(resultOf(request, AMBIGUOUS));
        }, 2);
        return undefined;
      });
    }
    await quiet(2);
    await Promise.all(jids.map((jid) => on.disco.queryInfo(jid)));
    expect(on.asked()).toHaveLength(10);
    expect(most).toBe(3);
  });

  test("is not held up by one who stalls, nor by one who fails", async () => {
    const on = await stage({ lookupConcurrency: 8, hedgeDelay: 60_000 });
    const jids = Array.from({ length: 6 }, (_, i) => jidOf(i));
    for (const jid of jids) on.comes(jid, AMBIGUOUS);
    on.answers(jidOf(2), undefined);
    on.answers(jidOf(4), "forbidden");
    await quiet(2);
    const asked = jids.map((jid) => ask(on.disco.queryInfo(jid)));
    await Promise.all(asked.filter((_, i) => i !== 2).map(({ end }) => end));
    expect(asked.map(({ state }) => state)).toEqual([
      "answered",
      "answered",
      "open",
      "answered",
      "failed",
      "answered",
    ]);
    expect(asked[4]?.error).toMatchObject({ condition: "forbidden" });
  });

  test("leaves those with their error who had failed before that was known", async () => {
    const on = await stage({ hedgeDelay: 60_000 });
    const jids = Array.from({ length: 3 }, (_, i) => jidOf(i));
    for (const jid of jids) on.comes(jid, AMBIGUOUS);
    on.answers(jidOf(0), "forbidden");
    on.answers(jidOf(2), undefined);
    await quiet(2);
    const asked = jids.map((jid) => ask(on.disco.queryInfo(jid)));
    await Promise.all(asked.slice(0, 2).map(({ end }) => end));
    expect(asked.map(({ state }) => state)).toEqual(["failed", "answered", "open"]);
  });

  test("is asked of no stranger", async () => {
    const on = await stage();
    for (const jid of [JULIET, NURSE, TYBALT, BENVOLIO]) on.comes(jid, AMBIGUOUS);
    on.answers(NURSE, "forbidden");
    await quiet(2);
    const asked = [JULIET, NURSE].map((jid) => ask(on.disco.queryInfo(jid)));
    await Promise.all(asked.map(({ end }) => end));
    expect(asked.map(({ state }) => state)).toEqual(["answered", "failed"]);
    expect(on.asked()).toEqual([JULIET, NURSE]);
  });
});

describe("options of a query", () => {
  test("requireFresh asks the entity itself, whatever is known", async () => {
    const on = await stage();
    on.comes(JULIET, PC);
    await quiet(2);
    await on.disco.queryInfo(JULIET);
    on.answers(JULIET, PHONE);
    expect(nameOf(await on.disco.queryInfo(JULIET, { requireFresh: true }))).toBe("Phone");
    expect(on.askedNodes()[1]).toBeUndefined();
    expect(nameOf(await on.disco.queryInfo(JULIET))).toBe("Phone");
    on.comes(NURSE, PC);
    await quiet(2);
    expect(nameOf(await on.disco.queryInfo(NURSE))).toBe("PC");
  });

  test("noCache uses what the hash stands for", async () => {
    const on = await stage();
    on.comes(JULIET, PC);
    on.comes(NURSE, PC);
    await quiet(2);
    await on.disco.queryInfo(JULIET);
    expect(nameOf(await on.disco.queryInfo(NURSE, { noCache: true }))).toBe("PC");
    expect(on.asked()).toEqual([JULIET]);
  });

  test("noCache asks once where several do so at once, and leaves nothing but the hash", async () => {
    const on = await stage();
    on.comes(JULIET, LIE, c115(PC));
    await quiet(2);
    const infos = await Promise.all([1, 2, 3].map(() => on.disco.queryInfo(JULIET, { noCache: true })));
    expect(infos.map(nameOf)).toEqual(["Lie", "Lie", "Lie"]);
    expect(on.asked()).toEqual([JULIET]);
    await on.disco.queryInfo(JULIET);
    expect(on.asked()).toEqual([JULIET, JULIET]);
  });

  test("a timeout ends that caller's wait alone", async () => {
    const on = await stage();
    on.comes(JULIET, PC);
    on.answers(JULIET, undefined);
    await quiet(2);
    const [short, long] = [5, 60_000].map((timeout) => ask(on.disco.queryInfo(JULIET, { timeout })));
    await short?.end;
    expect(short?.error).toBeInstanceOf(IqTimeout);
    on.server.send(resultOf(present(on.server.requests()[0]), PC));
    await long?.end;
    expect(nameOf(long?.value)).toBe("PC");
    expect(on.asked()).toEqual([JULIET]);
  });

  test("an answer that comes when nobody waits any more is kept", async () => {
    const on = await stage();
    on.comes(JULIET, PC);
    on.answers(JULIET, undefined);
    await quiet(2);
    await expect(on.disco.queryInfo(JULIET, { timeout: 5 })).rejects.toThrow(IqTimeout);
    on.server.send(resultOf(present(on.server.requests()[0]), PC));
    await quiet();
    expect(nameOf(await on.disco.queryInfo(JULIET))).toBe("PC");
    expect(on.asked()).toEqual([JULIET]);
  });

  test("the event info tells the answers that arrived", async () => {
    const on = await stage();
    const told: unknown[] = [];
    on.disco.on("info", (jid, node, info) => told.push([jid, node, nameOf(info)]));
    on.comes(JULIET, PC);
    on.comes(NURSE, PC);
    await quiet(2);
    await on.disco.queryInfo(JULIET);
    await on.disco.queryInfo(NURSE);
    expect(told).toEqual([[JULIET, `${NODE}#${xep0115.hash(PC)}`, "PC"]]);
  });

  test("without a cache in DiscoClient the hashes are known all the same", async () => {
    const on = await stage();
    on.disco.infoCacheSize = 0;
    on.comes(JULIET, PC);
    on.comes(NURSE, PC);
    await quiet(2);
    for (const jid of [JULIET, NURSE, JULIET]) expect(nameOf(await on.disco.queryInfo(jid))).toBe("PC");
    expect(on.asked()).toEqual([JULIET]);
  });
});

describe("stores", () => {
  test("what one client learned the next one knows", async () => {
    const store = new Map<string, string>();
    const first = await stage({ cache: new EntityCapsCache({ store }) });
    first.comes(JULIET, PC, c390(PC), c115(PC));
    await quiet(2);
    await first.disco.queryInfo(JULIET);
    expect(store.size).toBe(2);

    const second = await stage({ cache: new EntityCapsCache({ store }) });
    second.comes(NURSE, PC);
    second.comes(TYBALT, PC, c390(PC));
    await quiet(2);
    expect(nameOf(await second.disco.queryInfo(NURSE))).toBe("PC");
    expect(nameOf(await second.disco.queryInfo(TYBALT))).toBe("PC");
    expect(second.asked()).toEqual([]);
  });

  test("one cache may serve two clients", async () => {
    const cache = new EntityCapsCache();
    const [first, second] = [await stage({ cache }), await stage({ cache })];
    first.comes(JULIET, PC);
    second.comes(NURSE, PC);
    await quiet(2);
    await first.disco.queryInfo(JULIET);
    expect(nameOf(await second.disco.queryInfo(NURSE))).toBe("PC");
    expect(second.asked()).toEqual([]);
    expect(first.caps.cache).toBe(second.caps.cache);
  });

  test("a key is read once, however many ask", async () => {
    const reads: string[] = [];
    const store = {
      get: async (key: string) => {
        reads.push(key);
        await turn();
        return undefined;
      },
      set: () => {},
    };
    const on = await stage({ cache: new EntityCapsCache({ store }) });
    const jids = Array.from({ length: 20 }, (_, i) => jidOf(i));
    for (const jid of jids) on.comes(jid, PC, c390(PC), c115(PC));
    await quiet(2);
    await Promise.all(jids.map((jid) => on.disco.queryInfo(jid)));
    expect(reads).toHaveLength(2);
    expect(on.asked()).toHaveLength(1);
  });

  test.each<[string, (key: string) => unknown]>([
    [
      "throws",
      () => {
        throw new Error("no store today");
      },
    ],
    ["rejects", async () => Promise.reject(new Error("no store today"))],
    ["has junk", () => "junk"],
    ["has another one's entry", () => JSON.stringify(PHONE)],
  ])("one that %s costs a query, never an answer", async (_what, get) => {
    const writes = new Map<string, string>();
    const store = {
      get,
      set: (key: string, value: string) => {
        writes.set(key, value);
        throw new Error("no store today");
      },
    };
    const on = await stage({ cache: new EntityCapsCache({ store }) });
    on.comes(JULIET, PC);
    on.comes(NURSE, PC);
    await quiet(2);
    const infos = await Promise.all([JULIET, NURSE].map((jid) => on.disco.queryInfo(jid)));
    expect(infos.map(nameOf)).toEqual(["PC", "PC"]);
    expect(on.asked()).toEqual([JULIET]);
    expect([...writes.values()]).toEqual([JSON.stringify(PC)]);
  });

  test("one that stalls costs a second, however many hashes were announced", async () => {
    const store = { get: () => new Promise(() => {}), set: () => new Promise(() => {}) };
    const on = await stage({ cache: new EntityCapsCache({ store, trusted: store }) });
    on.comes(JULIET, PC, c390(PC, "sha-256", "sha3-256", "blake2b-512"), c115(PC));
    await quiet(2);
    const start = performance.now();
    expect(nameOf(await on.disco.queryInfo(JULIET))).toBe("PC");
    expect(performance.now() - start).toBeLessThan(1_900);
    expect(performance.now() - start).toBeGreaterThan(900);
  });

  test("what is trusted sends nothing at all", async () => {
    const trusted = new Map([[xep0115.hash(PC), PC]]);
    const on = await stage({ cache: new EntityCapsCache({ trusted }) });
    on.comes(JULIET, LIE, c115(PC));
    await quiet(2);
    expect(nameOf(await on.disco.queryInfo(JULIET))).toBe("PC");
    expect(on.asked()).toEqual([]);
  });
});
