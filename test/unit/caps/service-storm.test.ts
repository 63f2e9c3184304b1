import type { Element } from "@xmpp/xml";
import { describe, expect, test } from "vitest";
import { NS_CAPS } from "../../../src/index.ts";
import {
  ask,
  c115,
  c390,
  expectNoStrays,
  NODE,
  nameOf,
  presence,
  presenceOf,
  quiet,
  type Stage,
  software,
  stage,
  until,
} from "./support.ts";

expectNoStrays();

const PC = software("PC");

const jidOf = (i: number) => `contact${i}@capulet.example/x`;

/** Somebody with a hash that nobody else has. */
const stranger = (i: number) =>
  `<presence from='stranger${i}@evil.example/x'><c xmlns='${NS_CAPS}' hash='sha-1' node='${NODE}' ver='${i}'/></presence>`;

/** Sends many stanzas in one go, and waits until all have been read. */
async function flood(on: Stage, stanzas: readonly (Element | string)[]): Promise<void> {
  let isRead = false;
  const isLast = (stanza: Element) => {
    isRead ||= stanza.attrs.id === "last";
  };
  on.xmpp.on("stanza", isLast);
  on.server.send(`${stanzas.join("")}<message id='last'/>`);
  await until(() => isRead);
  on.xmpp.removeListener("stanza", isLast);
}

describe("a storm of contacts", () => {
  test("1,000 contacts with 50 kinds of software cost 50 queries", async () => {
    const on = await stage();
    const kinds = Array.from({ length: 50 }, (_, i) => software(`Software ${i}`));
    const jids = Array.from({ length: 1_000 }, (_, i) => jidOf(i));
    const hashes = kinds.map((info) => [c390(info), c115(info)]);
    await flood(
      on,
      jids.map((jid, i) => {
        on.answers(jid, kinds[i % 50]);
        return presence(jid, ...(hashes[i % 50] ?? []));
      }),
    );
    const infos = await Promise.all(jids.map((jid) => on.disco.queryInfo(jid)));
    expect(infos.map(nameOf)).toEqual(jids.map((_, i) => `Software ${i % 50}`));
    expect(infos.map(({ jid }) => jid)).toEqual(jids);
    expect(on.asked()).toHaveLength(50);
    expect(on.disco.stats).toMatchObject({ sent: 50, misses: 50, aliased: 950, hits: 0 });
    await Promise.all(jids.map((jid) => on.disco.queryInfo(jid)));
    expect(on.disco.stats).toMatchObject({ sent: 50, misses: 50, aliased: 950, hits: 1_000 });
  });

  test("5,000 presences send nothing, and nothing is hashed or stored", async () => {
    const on = await stage();
    await flood(
      on,
      Array.from({ length: 5_000 }, (_, i) => stranger(i)),
    );
    await quiet();
    expect(on.server.received).toEqual([]);
    expect(on.caps.cache.size).toBe(0);
    expect(on.disco.stats).toMatchObject({ sent: 0, primed: 0, evicted: 0 });
  });

  test("those who are asked for are known after a flood of strangers", async () => {
    const on = await stage({ maxJids: 100 });
    const friends = Array.from({ length: 50 }, (_, i) => `friend${i}@montague.example/x`);
    await flood(
      on,
      friends.map((jid) => {
        on.answers(jid, PC);
        return presence(jid, c115(PC));
      }),
    );
    for (const jid of friends) await on.disco.queryInfo(jid);
    expect(on.asked()).toHaveLength(1);
    const told: string[] = [];
    on.caps.on("capsChanged", (jid) => told.push(jid));
    await flood(
      on,
      Array.from({ length: 2_000 }, (_, i) => stranger(i)),
    );
    expect(told).toHaveLength(2_000);
    // They say it again, after all those others.
    await flood(
      on,
      friends.map((jid) => presence(jid, c115(PC))),
    );
    expect(told).toHaveLength(2_000);
    on.disco.flushCache();
    const infos = await Promise.all(friends.map((jid) => on.disco.queryInfo(jid)));
    expect(infos.map(nameOf)).toEqual(friends.map(() => "PC"));
    expect(on.asked()).toHaveLength(1);
  });

  test("200 who come, change and go while they are looked up: all questions come to an end", async () => {
    const on = await stage({ hedgeDelay: 2, lookupConcurrency: 4 });
    const jids = Array.from({ length: 200 }, (_, i) => jidOf(i));
    await flood(
      on,
      jids.map((jid, i) => presence(jid, c115(software(`Software ${i % 10}`)))),
    );
    const asked = jids.map((jid) => ask(on.disco.queryInfo(jid)));
    await until(() => on.asked().length > 3);
    await flood(
      on,
      jids.map((jid, i) =>
        i % 3 === 0 ? presenceOf("unavailable", jid) : presence(jid, c115(software(`Software ${i % 7}`))),
      ),
    );
    for (const [i, jid] of jids.entries()) on.answers(jid, software(`Software ${i % 7}`));
    for (const request of on.server.requests()) {
      on.server.send(
        `<iq type='error' id='${request.attrs.id}' from='${request.attrs.to}'><error type='wait'><resource-constraint xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`,
      );
    }
    await flood(
      on,
      jids.map((jid, i) => presence(jid, c115(software(`Software ${i % 7}`)))),
    );
    await Promise.all(asked.map(({ end }) => end));
    for (const [i, { state, value }] of asked.entries()) {
      expect(state).not.toBe("open");
      if (state === "answered") expect(nameOf(value)).toBe(`Software ${i % 7}`);
    }
  });
});
