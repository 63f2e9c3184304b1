import { describe, expect, test } from "vitest";
import { IqError, IqService, IqTimeout } from "../../../src/index.ts";
import { countListeners } from "../../support/signal.ts";
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
  stoppedClock,
  stoppedTimers,
  theRequestAt,
} from "./support.ts";

expectNoStrays();

describe.each(KINDS)("%s, shared", (name, { xmlns }) => {
  test("callers who ask at the same time share one request and one answer", async () => {
    const stage = await connect();
    const asked = [1, 2, 3].map(() => query(stage, name));
    const request = await theRequestAt(stage.server);
    expect(request.attrs).toMatchObject({ type: "get", to: PEER });
    expect(request.getChildElements().map((child) => child.attrs)).toEqual([{ xmlns }]);
    stage.server.send(reply(request, "shared"));
    await ends(asked);
    expect(asked.map(({ value }) => markOf(value))).toEqual(["shared", "shared", "shared"]);
    expect(new Set(asked.map(({ value }) => value)).size).toBe(1);
    await requestsAt(stage.server, 1);
  });

  test("who asks while the request is under way joins it", async () => {
    const stage = await connect();
    const first = query(stage, name);
    const request = await theRequestAt(stage.server);
    const second = query(stage, name);
    await requestsAt(stage.server, 1);
    stage.server.send(reply(request, "shared"));
    await ends([first, second]);
    expect(second.value).toBe(first.value);
  });

  test("who asks again later is answered from the cache", async () => {
    const stage = await connect();
    stage.server.script = counting();
    const first = query(stage, name);
    await first.end;
    const second = query(stage, name);
    await second.end;
    expect(second.value).toBe(first.value);
    await requestsAt(stage.server, 1);
  });

  test("the timeout of a caller ends that caller's wait, not the others'", async () => {
    const stage = await connect();
    const patient = query(stage, name);
    const hasty = query(stage, name, PEER, { timeout: 5 });
    await hasty.end;
    expect(hasty.error).toBeInstanceOf(IqTimeout);
    expect(hasty.error).toMatchObject({ timeout: 5, message: `no answer from ${PEER} within 5 ms` });
    expect((hasty.error as IqTimeout).request?.attrs["to"]).toBe(PEER);
    expect(patient.state).toBe("open");
    stage.server.send(reply(await theRequestAt(stage.server), "late"));
    await patient.end;
    expect(markOf(patient.value)).toBe("late");
  });

  test("the timeout of the first caller is not that of the second", async () => {
    const stage = await connect();
    const first = query(stage, name, PEER, { timeout: 5 });
    const second = query(stage, name, PEER, { timeout: 60_000 });
    await first.end;
    expect(first.error).toBeInstanceOf(IqTimeout);
    stage.server.send(reply(await theRequestAt(stage.server), "late"));
    await second.end;
    expect(markOf(second.value)).toBe("late");
  });

  test("who joins a request has its own timeout, from when it joined", async () => {
    const stage = await connect();
    const advance = stoppedTimers();
    query(stage, name, PEER, { timeout: 1_000 });
    await advance(900);
    const joiner = query(stage, name, PEER, { timeout: 1_000 });
    await advance(900);
    expect(joiner.state).toBe("open");
    await advance(200);
    expect(joiner.error).toMatchObject({ name: "IqTimeout", timeout: 1_000 });
    expect(stage.server.requests()).toHaveLength(1);
  });

  test("who gives no timeout waits for 30 seconds", async () => {
    const stage = await connect();
    const advance = stoppedTimers();
    const asked = query(stage, name);
    await advance(29_999);
    expect(asked.state).toBe("open");
    await advance(1);
    expect(asked.error).toMatchObject({ name: "IqTimeout", timeout: 30_000 });
  });

  test("who gives no timeout waits as long as the IqService says, also who joins", async () => {
    const stage = await connect();
    stage.xmpp.summon(IqService).responseTimeout = 5;
    const [first, second] = [query(stage, name), query(stage, name)];
    await ends([first, second]);
    expect(first.error).toMatchObject({ name: "IqTimeout", timeout: 5 });
    expect(second.error).toMatchObject({ name: "IqTimeout", timeout: 5 });
  });

  test("a timeout of 0 is one", async () => {
    const stage = await connect();
    const asked = query(stage, name, PEER, { timeout: 0 });
    await asked.end;
    expect(asked.error).toMatchObject({ name: "IqTimeout", timeout: 0 });
    await requestsAt(stage.server, 1);
  });

  test("a timeout longer than a timer can be does not end at once", async () => {
    const stage = await connect();
    const asked = query(stage, name, PEER, { timeout: 2 ** 40 });
    stage.server.send(reply(await theRequestAt(stage.server), "in time"));
    await asked.end;
    expect(markOf(asked.value)).toBe("in time");
  });

  test("the signal of a caller ends that caller's wait at once, with the signal's reason", async () => {
    const stage = await connect();
    const abort = new AbortController();
    const first = query(stage, name);
    const second = query(stage, name, PEER, { signal: abort.signal });
    const third = query(stage, name);
    const request = await theRequestAt(stage.server);
    const reason = new Error("changed my mind");
    abort.abort(reason);
    await second.end;
    expect(second.error).toBe(reason);
    expect([first.state, third.state]).toEqual(["open", "open"]);
    stage.server.send(reply(request, "shared"));
    await ends([first, third]);
    expect([first, third].map(({ value }) => markOf(value))).toEqual(["shared", "shared"]);
    await requestsAt(stage.server, 1);
  });

  test("the first caller's signal does not end the request it caused", async () => {
    const stage = await connect();
    const abort = new AbortController();
    const first = query(stage, name, PEER, { signal: abort.signal });
    const second = query(stage, name);
    const request = await theRequestAt(stage.server);
    abort.abort();
    await first.end;
    expect(first.error).toMatchObject({ name: "AbortError" });
    const third = query(stage, name);
    stage.server.send(reply(request, "shared"));
    await ends([second, third]);
    expect([second, third].map(({ value }) => markOf(value))).toEqual(["shared", "shared"]);
    await requestsAt(stage.server, 1);
  });

  test("a signal that is aborted already sends nothing", async () => {
    const stage = await connect();
    const reason = new Error("no need");
    const asked = query(stage, name, PEER, { signal: AbortSignal.abort(reason) });
    await asked.end;
    expect(asked.error).toBe(reason);
    await requestsAt(stage.server, 0);
  });

  test("a signal that is aborted already does not even read the cache", async () => {
    const stage = await connect();
    stage.server.script = counting();
    await query(stage, name).end;
    const asked = query(stage, name, PEER, { signal: AbortSignal.abort(), requireFresh: true });
    await asked.end;
    expect(asked.error).toMatchObject({ name: "AbortError" });
    const later = query(stage, name);
    await later.end;
    expect(markOf(later.value)).toBe("1");
  });

  test("a signal that outlives its questions is left without listeners, and without warnings", async () => {
    const stage = await connect();
    const warnings: unknown[] = [];
    const onWarning = (warning: unknown) => void warnings.push(warning);
    process.on("warning", onWarning);
    const { signal } = new AbortController();
    const listeners = countListeners(signal);
    const asked = Array.from({ length: 50 }, () => query(stage, name, PEER, { signal }));
    stage.server.send(reply(await theRequestAt(stage.server), "shared"));
    await ends(asked);
    await quiet();
    process.off("warning", onWarning);
    expect(listeners.removed).toBe(listeners.added);
    expect(warnings).toEqual([]);
  });

  test("a peer that stalls delays nobody else", async () => {
    const stage = await connect();
    const answer = counting();
    stage.server.script = (stanza, server) =>
      stanza.attrs.to === "stalled.example" ? undefined : answer(stanza, server);
    const stalled = query(stage, name, "stalled.example");
    const others = Array.from({ length: 100 }, (_, i) => query(stage, name, `peer${i}.example`));
    await ends(others);
    expect(others.every(({ state }) => state === "answered")).toBe(true);
    expect(stalled.state).toBe("open");
    await requestsAt(stage.server, 101);
  });

  test("an answer that comes when its caller has timed out is cached, told and counted as late", async () => {
    const stage = await connect();
    const told: unknown[][] = [];
    stage.disco.on("info", (...args) => void told.push(args));
    stage.disco.on("items", (...args) => void told.push(args));
    const hasty = query(stage, name, PEER, { timeout: 5, node: "n" });
    await hasty.end;
    stage.server.send(reply(await theRequestAt(stage.server), "late"));
    await quiet();
    expect(stage.disco.stats.late).toBe(1);
    const next = query(stage, name, PEER, { node: "n" });
    await next.end;
    expect(markOf(next.value)).toBe("late");
    expect(told).toEqual([[PEER, "n", next.value]]);
    await requestsAt(stage.server, 1);
  });

  test("an answer that comes when its callers have aborted is cached, told and counted as late", async () => {
    const stage = await connect();
    const told: unknown[][] = [];
    stage.disco.on("info", (...args) => void told.push(args));
    stage.disco.on("items", (...args) => void told.push(args));
    const abort = new AbortController();
    const asked = [1, 2].map(() => query(stage, name, PEER, { signal: abort.signal }));
    const request = await theRequestAt(stage.server);
    abort.abort();
    await ends(asked);
    stage.server.send(reply(request, "late"));
    await quiet();
    expect(stage.disco.stats.late).toBe(1);
    const next = query(stage, name);
    await next.end;
    expect(markOf(next.value)).toBe("late");
    expect(told).toEqual([[PEER, undefined, next.value]]);
    await requestsAt(stage.server, 1);
  });

  test("an answer that somebody still waits for is not late", async () => {
    const stage = await connect();
    const hasty = query(stage, name, PEER, { timeout: 5 });
    const patient = query(stage, name);
    await hasty.end;
    stage.server.send(reply(await theRequestAt(stage.server), "in time"));
    await patient.end;
    expect(stage.disco.stats.late).toBe(0);
  });

  test("a request that all callers left is joined by the next caller", async () => {
    const stage = await connect();
    const hasty = query(stage, name, PEER, { timeout: 5 });
    await hasty.end;
    await quiet();
    const next = query(stage, name);
    const request = await theRequestAt(stage.server);
    stage.server.send(reply(request, "late"));
    await next.end;
    expect(markOf(next.value)).toBe("late");
    expect(stage.disco.stats).toMatchObject({ sent: 1, aliased: 1, late: 0 });
  });

  test("the IqService tells as late what nobody waits for any more, and not what was joined again", async () => {
    const stage = await connect();
    const late: unknown[] = [];
    stage.xmpp.summon(IqService).on("late", (iq) => void late.push(iq.attrs["from"]));
    for (const peer of ["left.example", "joined.example"]) await query(stage, name, peer, { timeout: 5 }).end;
    const next = query(stage, name, "joined.example");
    for (const request of await requestsAt(stage.server, 2)) stage.server.send(reply(request, "mark"));
    await next.end;
    expect(late).toEqual(["left.example"]);
  });

  test("a request that all callers left and that is overdue is not joined: the next caller sends anew", async () => {
    const advance = stoppedClock();
    const stage = await connect();
    await query(stage, name, PEER, { timeout: 5 }).end;
    advance(29_999);
    await query(stage, name, PEER, { timeout: 5 }).end;
    await requestsAt(stage.server, 1);
    advance(1);
    const next = query(stage, name);
    const [, request] = await requestsAt(stage.server, 2);
    stage.server.send(reply(request, "second"));
    await next.end;
    expect(markOf(next.value)).toBe("second");
  });

  test("a request is overdue by the IqService's responseTimeout", async () => {
    const advance = stoppedClock();
    const stage = await connect();
    stage.xmpp.summon(IqService).responseTimeout = 100;
    await query(stage, name, PEER, { timeout: 5 }).end;
    advance(99);
    await query(stage, name, PEER, { timeout: 5 }).end;
    await requestsAt(stage.server, 1);
    advance(1);
    await query(stage, name, PEER, { timeout: 5 }).end;
    await requestsAt(stage.server, 2);
  });

  test("a request that somebody waits for is joined however old it is", async () => {
    const advance = stoppedClock();
    const stage = await connect();
    const patient = query(stage, name, PEER, { timeout: 600_000 });
    advance(300_000);
    const next = query(stage, name);
    stage.server.send(reply(await theRequestAt(stage.server), "shared"));
    await ends([patient, next]);
    expect(next.value).toBe(patient.value);
  });

  test("an answer that comes when its request was overdue and sent anew is cached all the same", async () => {
    const advance = stoppedClock();
    const stage = await connect();
    await query(stage, name, PEER, { timeout: 5 }).end;
    advance(30_000);
    await query(stage, name, PEER, { timeout: 5 }).end;
    const [first] = await requestsAt(stage.server, 2);
    stage.server.send(reply(first, "late"));
    await quiet();
    const next = query(stage, name);
    await quiet();
    expect(markOf(next.value)).toBe("late");
    await requestsAt(stage.server, 2);
  });

  test("the answer to a request that was sent anew is not overwritten by that of the overdue one", async () => {
    const advance = stoppedClock();
    const stage = await connect();
    await query(stage, name, PEER, { timeout: 5 }).end;
    advance(30_000);
    const second = query(stage, name);
    const [older, newer] = await requestsAt(stage.server, 2);
    stage.server.send(reply(newer, "newer"));
    await second.end;
    stage.server.send(reply(older, "older"));
    await quiet();
    const next = query(stage, name);
    await next.end;
    expect(markOf(next.value)).toBe("newer");
    expect(stage.disco.stats.late).toBe(1);
  });

  test("a failure rejects all who share the request", async () => {
    const stage = await connect();
    const asked = [1, 2, 3].map(() => query(stage, name));
    stage.server.send(refusal(await theRequestAt(stage.server), "forbidden", "auth"));
    await ends(asked);
    for (const { error } of asked) {
      expect(error).toBeInstanceOf(IqError);
      expect(error).toMatchObject({ condition: "forbidden", type: "auth" });
    }
    await requestsAt(stage.server, 1);
  });

  test("a failure leaves no entry: the next caller sends again", async () => {
    const stage = await connect();
    stage.server.script = (stanza) => refusal(stanza, "item-not-found");
    await query(stage, name).end;
    stage.server.script = counting();
    const next = query(stage, name);
    await next.end;
    expect(markOf(next.value)).toBe("1");
    await requestsAt(stage.server, 2);
  });

  test("a failure that comes when all callers have left does no harm", async () => {
    const stage = await connect();
    await query(stage, name, PEER, { timeout: 5 }).end;
    stage.server.send(refusal(await theRequestAt(stage.server), "forbidden"));
    await quiet();
    const next = query(stage, name);
    const [, request] = await requestsAt(stage.server, 2);
    stage.server.send(reply(request, "second"));
    await next.end;
    expect(markOf(next.value)).toBe("second");
  });

  test("a caller who ignores what it asked for is no harm when it is answered", async () => {
    const stage = await connect();
    stage.server.script = counting();
    void stage.disco[name](PEER);
    await requestsAt(stage.server, 1);
  });
});

test("10,000 callers of whom 9,000 give up are one request, and the other 1,000 are answered", async () => {
  const stage = await connect();
  const abort = new AbortController();
  const asked = Array.from({ length: 10_000 }, (_, i) => {
    if (i % 20 < 9) return query(stage, "queryInfo", PEER, { signal: abort.signal });
    if (i % 20 < 18) return query(stage, "queryInfo", PEER, { timeout: 10 });
    return query(stage, "queryInfo", PEER, { timeout: 60_000 });
  });
  const byFate = (fate: (i: number) => boolean) => asked.filter((_, i) => fate(i % 20));
  const request = await theRequestAt(stage.server);
  abort.abort(new Error("enough"));
  await ends(byFate((i) => i < 18));
  stage.server.send(reply(request, "for the patient"));
  await ends(asked);
  const aborted = byFate((i) => i < 9).filter(({ error }) => error === abort.signal.reason);
  const timedOut = byFate((i) => i >= 9 && i < 18).filter(({ error }) => error instanceof IqTimeout);
  const answered = byFate((i) => i >= 18).filter(({ value }) => markOf(value) === "for the patient");
  expect([aborted.length, timedOut.length, answered.length]).toEqual([4_500, 4_500, 1_000]);
  await requestsAt(stage.server, 1);
  expect(stage.disco.stats).toMatchObject({ sent: 1, misses: 1, aliased: 9_999, late: 0 });
});
