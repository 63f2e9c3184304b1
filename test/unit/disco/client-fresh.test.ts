import { describe, expect, test } from "vitest";
import {
  connect,
  counting,
  ends,
  expectNoStrays,
  KINDS,
  markOf,
  PEER,
  query,
  quiet,
  refusal,
  reply,
  requestsAt,
  theRequestAt,
} from "./support.ts";

expectNoStrays();

const FRESH = { requireFresh: true };
const NO_CACHE = { noCache: true };

describe.each(KINDS)("%s with requireFresh", (name) => {
  test("asks again though there is an answer in the cache, and its answer takes the place of that", async () => {
    const stage = await connect();
    stage.server.script = counting();
    await query(stage, name).end;
    const fresh = query(stage, name, PEER, FRESH);
    await fresh.end;
    const next = query(stage, name);
    await next.end;
    expect([fresh, next].map(({ value }) => markOf(value))).toEqual(["2", "2"]);
    await requestsAt(stage.server, 2);
  });

  test("drops what is cached when it is asked: who asks meanwhile joins it", async () => {
    const stage = await connect();
    stage.server.script = counting();
    await query(stage, name).end;
    stage.server.script = () => undefined;
    const fresh = query(stage, name, PEER, FRESH);
    const joiner = query(stage, name);
    const [, request] = await requestsAt(stage.server, 2);
    expect(joiner.state).toBe("open");
    stage.server.send(reply(request, "fresh"));
    await ends([fresh, joiner]);
    expect(joiner.value).toBe(fresh.value);
  });

  test("leaves nothing in the cache when it fails, not even what was there", async () => {
    const stage = await connect();
    stage.server.script = counting();
    await query(stage, name).end;
    stage.server.script = (stanza) => refusal(stanza, "item-not-found");
    const fresh = query(stage, name, PEER, FRESH);
    await fresh.end;
    expect(fresh.state).toBe("failed");
    await query(stage, name).end;
    await requestsAt(stage.server, 3);
  });

  test("sends though a request is under way; callers from then on join the fresh one", async () => {
    const stage = await connect();
    const before = query(stage, name);
    const fresh = query(stage, name, PEER, FRESH);
    const after = query(stage, name);
    const [older, newer] = await requestsAt(stage.server, 2);
    stage.server.send(reply(older, "older"));
    stage.server.send(reply(newer, "newer"));
    await ends([before, fresh, after]);
    expect([before, fresh, after].map(({ value }) => markOf(value))).toEqual(["older", "newer", "newer"]);
  });

  test("sends each time, however many ask at once", async () => {
    const stage = await connect();
    const asked = [1, 2, 3].map(() => query(stage, name, PEER, FRESH));
    const requests = await requestsAt(stage.server, 3);
    requests.forEach((request, i) => {
      stage.server.send(reply(request, String(i)));
    });
    await ends(asked);
    expect(asked.map(({ value }) => markOf(value))).toEqual(["0", "1", "2"]);
    const next = query(stage, name);
    await next.end;
    expect(markOf(next.value)).toBe("2");
  });

  test("an older answer that arrives after the fresh one does not overwrite it", async () => {
    const stage = await connect();
    const before = query(stage, name);
    const fresh = query(stage, name, PEER, FRESH);
    const [older, newer] = await requestsAt(stage.server, 2);
    stage.server.send(reply(newer, "newer"));
    await fresh.end;
    stage.server.send(reply(older, "older"));
    await before.end;
    expect(markOf(before.value)).toBe("older");
    const next = query(stage, name);
    await next.end;
    expect(markOf(next.value)).toBe("newer");
    await requestsAt(stage.server, 2);
  });

  test("an older answer that arrives before the fresh one is for those who waited for it only", async () => {
    const stage = await connect();
    const before = query(stage, name);
    const fresh = query(stage, name, PEER, FRESH);
    const [older, newer] = await requestsAt(stage.server, 2);
    stage.server.send(reply(older, "older"));
    await before.end;
    const joiner = query(stage, name);
    await requestsAt(stage.server, 2);
    expect(joiner.state).toBe("open");
    stage.server.send(reply(newer, "newer"));
    await ends([fresh, joiner]);
    expect(joiner.value).toBe(fresh.value);
    const next = query(stage, name);
    await next.end;
    expect(next.value).toBe(fresh.value);
    await requestsAt(stage.server, 2);
  });

  test("of three requests that are answered in the reverse order the newest answer stays", async () => {
    const stage = await connect();
    const asked = [query(stage, name), query(stage, name, PEER, FRESH), query(stage, name, PEER, FRESH)];
    const requests = await requestsAt(stage.server, 3);
    [...requests].reverse().forEach((request, i) => {
      stage.server.send(reply(request, String(3 - i)));
    });
    await ends(asked);
    const next = query(stage, name);
    await next.end;
    expect(markOf(next.value)).toBe("3");
  });

  test("its failure is not that of who asked before", async () => {
    const stage = await connect();
    const before = query(stage, name);
    const fresh = query(stage, name, PEER, FRESH);
    const [older, newer] = await requestsAt(stage.server, 2);
    stage.server.send(refusal(newer, "forbidden"));
    await fresh.end;
    expect(fresh.error).toMatchObject({ condition: "forbidden" });
    expect(before.state).toBe("open");
    stage.server.send(reply(older, "older"));
    await before.end;
    expect(markOf(before.value)).toBe("older");
  });

  test("leaves other targets alone", async () => {
    const stage = await connect();
    stage.server.script = counting();
    await query(stage, name, PEER, { node: "n" }).end;
    await query(stage, name, PEER, FRESH).end;
    const other = query(stage, name, PEER, { node: "n" });
    await other.end;
    expect(markOf(other.value)).toBe("1");
  });
});

describe.each(KINDS)("%s with noCache", (name) => {
  test("reads the cache", async () => {
    const stage = await connect();
    stage.server.script = counting();
    await query(stage, name).end;
    const asked = query(stage, name, PEER, NO_CACHE);
    await asked.end;
    expect(markOf(asked.value)).toBe("1");
    await requestsAt(stage.server, 1);
  });

  test("does not write it", async () => {
    const stage = await connect();
    stage.server.script = counting();
    await query(stage, name, PEER, NO_CACHE).end;
    const next = query(stage, name);
    await next.end;
    expect(markOf(next.value)).toBe("2");
    await requestsAt(stage.server, 2);
  });

  test("does not write it with an answer that comes late either", async () => {
    const stage = await connect();
    await query(stage, name, PEER, { noCache: true, timeout: 5 }).end;
    stage.server.send(reply(await theRequestAt(stage.server), "late"));
    await quiet();
    expect(stage.disco.stats.late).toBe(1);
    query(stage, name);
    await requestsAt(stage.server, 2);
  });

  test("is shared: two callers are one request", async () => {
    const stage = await connect();
    const asked = [query(stage, name, PEER, NO_CACHE), query(stage, name, PEER, NO_CACHE)];
    stage.server.send(reply(await theRequestAt(stage.server), "shared"));
    await ends(asked);
    expect(asked[1]?.value).toBe(asked[0]?.value);
    query(stage, name);
    await requestsAt(stage.server, 2);
  });

  test("who joins its request without noCache has the answer cached", async () => {
    const stage = await connect();
    const asked = [query(stage, name, PEER, NO_CACHE), query(stage, name)];
    stage.server.send(reply(await theRequestAt(stage.server), "shared"));
    await ends(asked);
    const next = query(stage, name);
    await next.end;
    expect(next.value).toBe(asked[0]?.value);
    await requestsAt(stage.server, 1);
  });

  test("who joins a request with it does not keep the answer from the cache", async () => {
    const stage = await connect();
    const asked = [query(stage, name), query(stage, name, PEER, NO_CACHE)];
    stage.server.send(reply(await theRequestAt(stage.server), "shared"));
    await ends(asked);
    const next = query(stage, name);
    await next.end;
    expect(next.value).toBe(asked[0]?.value);
    await requestsAt(stage.server, 1);
  });

  test("and requireFresh sends, drops what is cached and leaves nothing in its place", async () => {
    const stage = await connect();
    stage.server.script = counting();
    await query(stage, name).end;
    const fresh = query(stage, name, PEER, { ...FRESH, ...NO_CACHE });
    await fresh.end;
    expect(markOf(fresh.value)).toBe("2");
    const next = query(stage, name);
    await next.end;
    expect(markOf(next.value)).toBe("3");
    await requestsAt(stage.server, 3);
  });
});

describe.each(KINDS)("flushCache and %s", (name) => {
  test("what was cached is asked again", async () => {
    const stage = await connect();
    stage.server.script = counting();
    await query(stage, name).end;
    stage.disco.flushCache();
    const next = query(stage, name);
    await next.end;
    expect(markOf(next.value)).toBe("2");
    await requestsAt(stage.server, 2);
  });

  test("a running request goes on, and the next caller sends a fresh one", async () => {
    const stage = await connect();
    const before = query(stage, name);
    stage.disco.flushCache();
    const after = [query(stage, name), query(stage, name)];
    const [older, newer] = await requestsAt(stage.server, 2);
    stage.server.send(reply(older, "older"));
    stage.server.send(reply(newer, "newer"));
    await ends([before, ...after]);
    expect([before, ...after].map(({ value }) => markOf(value))).toEqual(["older", "newer", "newer"]);
    const next = query(stage, name);
    await next.end;
    expect(markOf(next.value)).toBe("newer");
  });

  test("the answer to what was running leaves nothing in the cache", async () => {
    const stage = await connect();
    const before = query(stage, name);
    stage.disco.flushCache();
    stage.server.send(reply(await theRequestAt(stage.server), "older"));
    await before.end;
    expect(markOf(before.value)).toBe("older");
    query(stage, name);
    await requestsAt(stage.server, 2);
  });

  test("the answer to what was running does not overwrite a newer one", async () => {
    const stage = await connect();
    const before = query(stage, name);
    stage.disco.flushCache();
    const after = query(stage, name);
    const [older, newer] = await requestsAt(stage.server, 2);
    stage.server.send(reply(newer, "newer"));
    await after.end;
    stage.server.send(reply(older, "older"));
    await before.end;
    const next = query(stage, name);
    await next.end;
    expect(markOf(next.value)).toBe("newer");
    await requestsAt(stage.server, 2);
  });

  test("a request that everybody left before is not joined after it", async () => {
    const stage = await connect();
    await query(stage, name, PEER, { timeout: 5 }).end;
    stage.disco.flushCache();
    query(stage, name);
    await requestsAt(stage.server, 2);
  });
});

test("flushCache empties both caches", async () => {
  const stage = await connect();
  stage.server.script = counting();
  await ends([query(stage, "queryInfo"), query(stage, "queryItems")]);
  stage.disco.flushCache();
  await ends([query(stage, "queryInfo"), query(stage, "queryItems")]);
  await requestsAt(stage.server, 4);
});
