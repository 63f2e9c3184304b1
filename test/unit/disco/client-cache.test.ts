import { describe, expect, test } from "vitest";
import { DiscoClient, withServices } from "../../../src/index.ts";
import { MemoryServer, memoryClient } from "../../support/memory.ts";
import {
  changeOf,
  connect,
  counting,
  ends,
  expectNoStrays,
  infoOf,
  KINDS,
  markOf,
  PEER,
  type Query,
  query,
  quiet,
  refusal,
  reply,
  requestsAt,
  type Stage,
  stoppedClock,
  theRequestAt,
} from "./support.ts";

expectNoStrays();

/** Asks these peers one after the other, and says which of them were sent a request. */
async function asksPeers(stage: Stage, name: Query, peers: readonly string[]): Promise<string[]> {
  const before = stage.server.requests().length;
  for (const peer of peers) await query(stage, name, peer).end;
  return stage.server
    .requests()
    .slice(before)
    .map((request) => String(request.attrs["to"]));
}

const PEERS = ["a.example", "b.example", "c.example", "d.example"];

test("a DiscoClient keeps 10,000 answers about info and 100 about items, for ever", () => {
  const disco = withServices(memoryClient(new MemoryServer())).summon(DiscoClient);
  expect([disco.infoCacheSize, disco.itemsCacheSize]).toEqual([10_000, 100]);
  expect([disco.infoTtl, disco.itemsTtl]).toEqual([Infinity, Infinity]);
});

test("sizes and TTLs can be given when it is summoned", () => {
  const options = { infoCacheSize: 1, itemsCacheSize: 2, infoTtl: 3, itemsTtl: 4 };
  const { infoCacheSize, itemsCacheSize, infoTtl, itemsTtl } = withServices(
    memoryClient(new MemoryServer()),
  ).summon(DiscoClient, options);
  expect({ infoCacheSize, itemsCacheSize, infoTtl, itemsTtl }).toEqual(options);
});

describe.each(KINDS)("the cache of %s", (name, { size, ttl }) => {
  test("lets go of the answer that was not used for the longest time", async () => {
    const stage = await connect({ disco: { [size]: 2 } });
    stage.server.script = counting();
    await asksPeers(stage, name, ["a.example", "b.example", "a.example", "c.example"]);
    expect(await asksPeers(stage, name, ["a.example", "c.example", "b.example"])).toEqual(["b.example"]);
    expect(stage.disco.stats.evicted).toBe(2);
  });

  test("an answer that replaces another counts as used", async () => {
    const stage = await connect({ disco: { [size]: 2 } });
    stage.server.script = counting();
    await asksPeers(stage, name, ["a.example", "b.example"]);
    await query(stage, name, "a.example", { requireFresh: true }).end;
    await asksPeers(stage, name, ["c.example"]);
    expect(await asksPeers(stage, name, ["a.example"])).toEqual([]);
  });

  test("full with one answer, neither doubles nor loses what is under way", async () => {
    const stage = await connect({ disco: { [size]: 1 } });
    const asked = [...PEERS, ...PEERS].map((peer) => query(stage, name, peer));
    const requests = await requestsAt(stage.server, PEERS.length);
    for (const request of requests) stage.server.send(reply(request, String(request.attrs["to"])));
    await ends(asked);
    expect(asked.map(({ value }) => markOf(value))).toEqual([...PEERS, ...PEERS]);
    expect(stage.disco.stats.evicted).toBe(3);
  });

  test("of size 0 keeps nothing, and still shares what is under way", async () => {
    const stage = await connect({ disco: { [size]: 0 } });
    const asked = [...PEERS, ...PEERS].map((peer) => query(stage, name, peer));
    const requests = await requestsAt(stage.server, PEERS.length);
    for (const request of requests) stage.server.send(reply(request, String(request.attrs["to"])));
    await ends(asked);
    expect(asked.map(({ value }) => markOf(value))).toEqual([...PEERS, ...PEERS]);
    stage.server.script = counting();
    expect(await asksPeers(stage, name, PEERS)).toEqual(PEERS);
  });

  test("made smaller, evicts at once what was not used for the longest time", async () => {
    const stage = await connect();
    stage.server.script = counting();
    await asksPeers(stage, name, [...PEERS, "a.example"]);
    stage.disco[size] = 2;
    expect(stage.disco.stats.evicted).toBe(2);
    expect(await asksPeers(stage, name, ["a.example", "d.example"])).toEqual([]);
    expect(await asksPeers(stage, name, ["b.example", "c.example"])).toEqual(["b.example", "c.example"]);
  });

  test("made smaller and larger again, does not find what it evicted", async () => {
    const stage = await connect();
    stage.server.script = counting();
    await asksPeers(stage, name, PEERS);
    stage.disco[size] = 1;
    stage.disco[size] = 100;
    expect(await asksPeers(stage, name, [...PEERS].reverse())).toEqual([
      "c.example",
      "b.example",
      "a.example",
    ]);
  });

  test("made larger, keeps what it has and holds more", async () => {
    const stage = await connect({ disco: { [size]: 2 } });
    stage.server.script = counting();
    await asksPeers(stage, name, ["a.example", "b.example"]);
    stage.disco[size] = 4;
    await asksPeers(stage, name, ["c.example", "d.example"]);
    expect(await asksPeers(stage, name, PEERS)).toEqual([]);
    expect(stage.disco.stats.evicted).toBe(0);
  });

  test("set to 0, evicts everything", async () => {
    const stage = await connect();
    stage.server.script = counting();
    await asksPeers(stage, name, PEERS);
    stage.disco[size] = 0;
    expect(stage.disco.stats.evicted).toBe(4);
    expect(await asksPeers(stage, name, ["a.example"])).toEqual(["a.example"]);
  });

  test("made smaller while a request is under way, loses none of those who wait", async () => {
    const stage = await connect();
    const first = query(stage, name);
    stage.disco[size] = 0;
    const second = query(stage, name);
    stage.server.send(reply(await theRequestAt(stage.server), "shared"));
    await ends([first, second]);
    expect(second.value).toBe(first.value);
  });

  test("grown from 0 while a request is under way, keeps the answer", async () => {
    const stage = await connect({ disco: { [size]: 0 } });
    const first = query(stage, name);
    stage.disco[size] = 1;
    stage.server.send(reply(await theRequestAt(stage.server), "kept"));
    await first.end;
    expect(await asksPeers(stage, name, [PEER])).toEqual([]);
  });

  test("believes an answer for as long as the TTL, from its arrival", async () => {
    const advance = stoppedClock();
    const stage = await connect({ disco: { [ttl]: 1_000 } });
    const asked = query(stage, name);
    advance(5_000);
    stage.server.send(reply(await theRequestAt(stage.server), "old"));
    await asked.end;
    stage.server.script = counting();
    advance(999);
    expect(await asksPeers(stage, name, [PEER])).toEqual([]);
    advance(1);
    expect(await asksPeers(stage, name, [PEER])).toEqual([PEER]);
    advance(999);
    expect(await asksPeers(stage, name, [PEER])).toEqual([]);
  });

  test("does not believe an answer longer because it is read", async () => {
    const advance = stoppedClock();
    const stage = await connect({ disco: { [ttl]: 1_000 } });
    stage.server.script = counting();
    await asksPeers(stage, name, [PEER]);
    advance(600);
    expect(await asksPeers(stage, name, [PEER])).toEqual([]);
    advance(600);
    expect(await asksPeers(stage, name, [PEER])).toEqual([PEER]);
  });

  test("follows a TTL that is made shorter or longer later", async () => {
    const advance = stoppedClock();
    const stage = await connect();
    stage.server.script = counting();
    await asksPeers(stage, name, PEERS);
    advance(1_000);
    stage.disco[ttl] = 2_000;
    expect(await asksPeers(stage, name, ["a.example"])).toEqual([]);
    stage.disco[ttl] = 500;
    expect(await asksPeers(stage, name, ["a.example"])).toEqual(["a.example"]);
    stage.disco[ttl] = Infinity;
    expect(await asksPeers(stage, name, ["a.example", "b.example"])).toEqual([]);
  });

  test("with a TTL of 0 believes no answer, and still shares what is under way", async () => {
    const stage = await connect({ disco: { [ttl]: 0 } });
    const asked = [query(stage, name), query(stage, name)];
    stage.server.send(reply(await theRequestAt(stage.server), "shared"));
    await ends(asked);
    stage.server.script = counting();
    expect(await asksPeers(stage, name, [PEER])).toEqual([PEER]);
  });

  test("an answer found too old does not come back, whatever becomes of the next one", async () => {
    const advance = stoppedClock();
    const stage = await connect({ disco: { [ttl]: 1_000 } });
    stage.server.script = counting();
    await asksPeers(stage, name, [PEER]);
    advance(1_000);
    stage.server.script = (stanza) => refusal(stanza, "remote-server-timeout", "wait");
    await asksPeers(stage, name, [PEER]);
    stage.disco[ttl] = Infinity;
    expect(await asksPeers(stage, name, [PEER])).toEqual([PEER]);
  });

  test("callers who find an answer too old at the same time share one request", async () => {
    const advance = stoppedClock();
    const stage = await connect({ disco: { [ttl]: 1_000 } });
    stage.server.script = counting();
    await asksPeers(stage, name, [PEER]);
    advance(1_000);
    const asked = [query(stage, name), query(stage, name)];
    await ends(asked);
    expect(asked.map(({ value }) => markOf(value))).toEqual(["2", "2"]);
    await requestsAt(stage.server, 2);
  });
});

test("the caches of info and items have sizes and TTLs of their own", async () => {
  const stage = await connect({ disco: { infoCacheSize: 0, itemsTtl: 0 } });
  stage.server.script = counting();
  for (const [name] of KINDS) await asksPeers(stage, name, [PEER]);
  stage.disco.infoCacheSize = 1;
  for (const [name] of KINDS) await asksPeers(stage, name, [PEER]);
  await requestsAt(stage.server, 4);
  stage.disco.itemsTtl = Infinity;
  for (const [name] of KINDS) expect(await asksPeers(stage, name, [PEER])).toEqual([]);
});

test("what is set counts as an answer in the cache: it evicts and is evicted", async () => {
  const stage = await connect({ disco: { infoCacheSize: 2 } });
  stage.server.script = counting();
  await asksPeers(stage, "queryInfo", ["a.example"]);
  stage.disco.setInfoCache("b.example", undefined, infoOf("set"));
  stage.disco.setInfoFuture("c.example", undefined, async () => infoOf("made"));
  expect(stage.disco.stats.evicted).toBe(1);
  expect(await asksPeers(stage, "queryInfo", ["b.example", "c.example", "a.example"])).toEqual(["a.example"]);
  expect(await asksPeers(stage, "queryInfo", ["b.example"])).toEqual(["b.example"]);
});

test("what is set is believed for as long as the TTL, a promise from when it resolves", async () => {
  const advance = stoppedClock();
  const stage = await connect({ disco: { infoTtl: 1_000 } });
  stage.server.script = counting();
  stage.disco.setInfoCache("a.example", undefined, infoOf("set"));
  stage.disco.setInfoFuture("b.example", undefined, async () => infoOf("made"));
  advance(999);
  expect(await asksPeers(stage, "queryInfo", ["a.example"])).toEqual([]);
  advance(1);
  expect(await asksPeers(stage, "queryInfo", ["a.example", "b.example"])).toEqual(["a.example"]);
  advance(999);
  expect(await asksPeers(stage, "queryInfo", ["b.example"])).toEqual([]);
  advance(1);
  expect(await asksPeers(stage, "queryInfo", ["b.example"])).toEqual(["b.example"]);
});

test("a promise that is evicted while it is waited for still answers those who wait", async () => {
  const stage = await connect({ disco: { infoCacheSize: 1 } });
  let resolve: (info: ReturnType<typeof infoOf>) => void = () => {};
  stage.disco.setInfoFuture(PEER, undefined, new Promise((settle) => (resolve = settle)));
  const asked = query(stage, "queryInfo");
  stage.disco.setInfoCache("a.example", undefined, infoOf("set"));
  resolve(infoOf("promised"));
  await asked.end;
  expect(markOf(asked.value)).toBe("promised");
});

describe("the statistics", () => {
  test("start at nought", async () => {
    const { disco } = await connect();
    const stats = { hits: 0, misses: 0, aliased: 0, sent: 0, late: 0, primed: 0, evicted: 0 };
    expect(disco.stats).toEqual(stats);
  });

  test("count a question that is sent as a miss", async () => {
    const stage = await connect();
    expect(await changeOf(stage.disco, async () => query(stage, "queryInfo"))).toEqual({
      misses: 1,
      sent: 1,
    });
  });

  test("count a question that joins another as aliased, and no miss", async () => {
    const stage = await connect();
    query(stage, "queryInfo");
    expect(await changeOf(stage.disco, async () => query(stage, "queryInfo"))).toEqual({ aliased: 1 });
  });

  test("count a question that the cache answers as a hit", async () => {
    const stage = await connect();
    stage.server.script = counting();
    await query(stage, "queryItems").end;
    expect(await changeOf(stage.disco, async () => query(stage, "queryItems").end)).toEqual({ hits: 1 });
  });

  test("count what was set, and as a hit each question it answers", async () => {
    const stage = await connect();
    const change = await changeOf(stage.disco, async () => {
      stage.disco.setInfoCache(PEER, undefined, infoOf("set"));
      stage.disco.setInfoFuture(PEER, "n", async () => infoOf("made"));
      await ends([query(stage, "queryInfo"), query(stage, "queryInfo", PEER, { node: "n" })]);
    });
    expect(change).toEqual({ primed: 2, hits: 2 });
  });

  test("count a question with requireFresh as a miss, also when it is cached", async () => {
    const stage = await connect();
    stage.server.script = counting();
    await query(stage, "queryInfo").end;
    const change = await changeOf(
      stage.disco,
      () => query(stage, "queryInfo", PEER, { requireFresh: true }).end,
    );
    expect(change).toEqual({ misses: 1, sent: 1 });
  });

  test("count an answer that nobody waited for any more as late, once", async () => {
    const stage = await connect();
    const change = await changeOf(stage.disco, async () => {
      await ends([1, 2].map(() => query(stage, "queryInfo", PEER, { timeout: 5 })));
      const answer = reply(await theRequestAt(stage.server), "late");
      stage.server.send(answer);
      stage.server.send(answer);
      await quiet();
    });
    expect(change).toEqual({ misses: 1, aliased: 1, sent: 1, late: 1 });
  });

  test("count nothing for bad arguments", async () => {
    const stage = await connect();
    const change = await changeOf(stage.disco, () => query(stage, "queryInfo", "@@", { timeout: 5 }).end);
    expect(change).toEqual({});
  });

  test("are a copy: to change them changes nothing", async () => {
    const { disco } = await connect();
    (disco.stats as { sent: number }).sent = 42;
    expect(disco.stats.sent).toBe(0);
  });
});
