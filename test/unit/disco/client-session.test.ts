import { describe, expect, test } from "vitest";
import { DiscoClient, type DiscoInfo, IqService, ServiceDismissed, SessionLost } from "../../../src/index.ts";
import {
  type Asked,
  backOnline,
  connect,
  counting,
  ends,
  expectNoStrays,
  infoOf,
  isResumable,
  KINDS,
  markOf,
  stage as offlineStage,
  PEER,
  query,
  quiet,
  reply,
  requestsAt,
  type Stage,
  turn,
  until,
} from "./support.ts";

expectNoStrays();

const PEERS = Array.from({ length: 20 }, (_, i) => `peer${i}.example`);

/** Questions of both kinds, two callers each, under way. */
async function manyQuestions(stage: Stage): Promise<Asked<unknown>[]> {
  const asked = PEERS.flatMap((peer) =>
    KINDS.flatMap(([name]) => [query(stage, name, peer), query(stage, name, peer, { timeout: 60_000 })]),
  );
  await requestsAt(stage.server, 40);
  return asked;
}

/** Fills both caches with answers, and has something set. */
async function fillCaches(stage: Stage): Promise<void> {
  stage.server.script = counting();
  await ends(KINDS.map(([name]) => query(stage, name)));
  stage.disco.setInfoCache(PEER, "set", infoOf("set"));
  stage.disco.setInfoFuture(PEER, "made", async () => infoOf("made"));
  stage.server.script = () => undefined;
}

/** How many of what {@link fillCaches} put there are there. */
async function cached(stage: Stage): Promise<number> {
  const asked = [
    ...KINDS.map(([name]) => query(stage, name, PEER, { noCache: true, timeout: 5 })),
    ...["set", "made"].map((node) => query(stage, "queryInfo", PEER, { node, noCache: true, timeout: 5 })),
  ];
  await ends(asked);
  return asked.filter(({ state }) => state === "answered").length;
}

const failures = {
  "the connection is cut and there is no stream management": {
    options: {},
    lose: async ({ server }: Stage) => server.cut(),
  },
  "the client is stopped": {
    options: {},
    lose: async ({ xmpp }: Stage) => void (await xmpp.stop()),
  },
  "the client is stopped though the stream could be resumed": {
    options: { streamManagement: true },
    lose: async ({ xmpp }: Stage) => void (await xmpp.stop()),
  },
  "the connection is cut and the stream cannot be resumed": {
    options: { streamManagement: true },
    lose: async (stage: Stage) => {
      stage.server.resumable = false;
      stage.server.cut();
      await turn();
      await backOnline(stage);
    },
  },
};

describe.each(Object.entries(failures))("when %s", (_, { options, lose }) => {
  test("all who wait are rejected with SessionLost at once", async () => {
    const stage = await connect(options);
    const asked = await manyQuestions(stage);
    await lose(stage);
    await turn();
    expect(asked.every(({ error }) => error instanceof SessionLost)).toBe(true);
  });

  test("who waits for a promise that was set is rejected with SessionLost at once", async () => {
    const stage = await connect(options);
    stage.disco.setInfoFuture(PEER, undefined, new Promise<DiscoInfo>(() => {}));
    const asked = query(stage, "queryInfo");
    await lose(stage);
    await turn();
    expect(asked.error).toBeInstanceOf(SessionLost);
  });

  test("both caches are empty", async () => {
    const stage = await connect(options);
    await fillCaches(stage);
    expect(await cached(stage)).toBe(4);
    await lose(stage);
    expect(await cached(stage)).toBe(0);
  });

  test("nothing is sent again by itself", async () => {
    const stage = await connect(options);
    await manyQuestions(stage);
    await lose(stage);
    if (stage.xmpp.status === "offline") await stage.xmpp.start();
    else await backOnline(stage);
    await requestsAt(stage.server, 40);
  });

  test("the next session works, and an answer of the old one is nobody's", async () => {
    const stage = await connect(options);
    const old = query(stage, "queryInfo");
    const [older] = await requestsAt(stage.server, 1);
    await lose(stage);
    if (stage.xmpp.status === "offline") await stage.xmpp.start();
    else await backOnline(stage);
    stage.server.send(reply(older, "old"));
    await quiet();
    const next = query(stage, "queryInfo");
    const [, newer] = await requestsAt(stage.server, 2);
    stage.server.send(reply(newer, "new"));
    await next.end;
    expect([old, next].map(({ value }) => markOf(value))).toEqual([undefined, "new"]);
    expect(stage.disco.stats.late).toBe(0);
  });

  test("a request that its callers had left is forgotten", async () => {
    const stage = await connect(options);
    await query(stage, "queryInfo", PEER, { timeout: 5 }).end;
    await lose(stage);
    if (stage.xmpp.status === "offline") await stage.xmpp.start();
    else await backOnline(stage);
    query(stage, "queryInfo");
    await requestsAt(stage.server, 2);
  });

  test("callers who ignore what they asked for are no harm", async () => {
    const stage = await connect(options);
    const abort = new AbortController();
    const asked = [
      query(stage, "queryInfo", PEER, { signal: abort.signal }),
      query(stage, "queryItems", PEER, { timeout: 5 }),
    ];
    abort.abort();
    await ends(asked);
    await lose(stage);
    await quiet();
  });
});

describe("when the connection is cut and the stream is resumed", () => {
  const resumed = async (stage: Stage) => {
    stage.server.cut();
    await turn();
    await backOnline(stage);
    await quiet();
  };

  test("those who wait wait on and are answered, and nobody is asked twice", async () => {
    const stage = await connect({ streamManagement: true });
    const asked = await manyQuestions(stage);
    await resumed(stage);
    expect(asked.every(({ state }) => state === "open")).toBe(true);
    for (const request of await requestsAt(stage.server, 40)) stage.server.send(reply(request, "mark"));
    await ends(asked);
    expect(asked.every(({ state }) => state === "answered")).toBe(true);
    await requestsAt(stage.server, 40);
  });

  test("what is asked when the cut is near is answered, and asked once", async () => {
    const stage = await connect({ streamManagement: true });
    stage.server.script = (_, server) => void server.cut();
    const asked = KINDS.map(([name]) => query(stage, name));
    await until(() => stage.xmpp.status !== "online");
    await backOnline(stage);
    for (const request of await requestsAt(stage.server, 2)) stage.server.send(reply(request, "mark"));
    await ends(asked);
    expect(asked.map(({ state }) => state)).toEqual(["answered", "answered"]);
  });

  test("what is asked while it is cut is asked when it is back, once", async () => {
    const stage = await connect({ streamManagement: true });
    stage.server.cut();
    const asked = [query(stage, "queryInfo"), query(stage, "queryInfo"), query(stage, "queryItems")];
    expect(asked.map(({ state }) => state)).toEqual(["open", "open", "open"]);
    await turn();
    await backOnline(stage);
    for (const request of await requestsAt(stage.server, 2)) stage.server.send(reply(request, "mark"));
    await ends(asked);
    expect(asked.map(({ value }) => markOf(value as DiscoInfo))).toEqual(["mark", "mark", "mark"]);
  });

  test("who waits for a promise that was set waits on", async () => {
    const stage = await connect({ streamManagement: true });
    let resolve: (info: DiscoInfo) => void = () => {};
    stage.disco.setInfoFuture(PEER, undefined, new Promise<DiscoInfo>((settle) => (resolve = settle)));
    const asked = query(stage, "queryInfo");
    await resumed(stage);
    expect(asked.state).toBe("open");
    resolve(infoOf("promised"));
    await asked.end;
    expect(markOf(asked.value)).toBe("promised");
  });

  test("the caches keep what they have", async () => {
    const stage = await connect({ streamManagement: true });
    await fillCaches(stage);
    await resumed(stage);
    expect(await cached(stage)).toBe(4);
    await requestsAt(stage.server, 2);
  });

  test("what is set while it is cut belongs to the session: it is gone when that is lost", async () => {
    const stage = await connect({ streamManagement: true });
    stage.server.cut();
    await turn();
    stage.disco.setInfoCache(PEER, undefined, infoOf("set"));
    await backOnline(stage);
    const asked = query(stage, "queryInfo");
    await asked.end;
    expect(markOf(asked.value)).toBe("set");
    await stage.xmpp.stop();
    await stage.xmpp.start();
    query(stage, "queryInfo");
    await requestsAt(stage.server, 1);
  });

  test("the timeouts run on while it is cut", async () => {
    const stage = await connect({ streamManagement: true });
    stage.xmpp.reconnect.delay = 1_000;
    const asked = query(stage, "queryInfo", PEER, { timeout: 10 });
    stage.server.cut();
    await asked.end;
    expect(asked.error).toMatchObject({ name: "IqTimeout", timeout: 10 });
  });

  test("and lost later, all who wait are rejected then", async () => {
    const stage = await connect({ streamManagement: true });
    const asked = query(stage, "queryInfo");
    await requestsAt(stage.server, 1);
    await resumed(stage);
    expect(asked.state).toBe("open");
    await until(() => isResumable(stage));
    await stage.xmpp.stop();
    await asked.end;
    expect(asked.error).toBeInstanceOf(SessionLost);
  });
});

describe("without a session", () => {
  test("a question before the client was ever started rejects with SessionLost", async () => {
    const stage = offlineStage();
    const asked = KINDS.map(([name]) => query(stage, name));
    await ends(asked);
    expect(asked.every(({ error }) => error instanceof SessionLost)).toBe(true);
  });

  test("a question that failed for want of a session leaves nothing that stands in the way", async () => {
    const stage = offlineStage();
    await query(stage, "queryInfo").end;
    await stage.xmpp.start();
    stage.server.script = counting();
    const next = query(stage, "queryInfo");
    await next.end;
    expect(markOf(next.value)).toBe("1");
    await requestsAt(stage.server, 1);
  });

  test("a question while the client is connecting rejects with SessionLost and is not sent later", async () => {
    const stage = offlineStage();
    const started = stage.xmpp.start();
    const asked = query(stage, "queryInfo");
    await started;
    await asked.end;
    expect(asked.error).toBeInstanceOf(SessionLost);
    await requestsAt(stage.server, 0);
  });

  test("a question while the client is stopping rejects with SessionLost", async () => {
    const stage = await connect();
    const stopped = stage.xmpp.stop();
    await turn();
    const asked = query(stage, "queryInfo");
    await stopped;
    await asked.end;
    expect(asked.error).toBeInstanceOf(SessionLost);
  });

  test("a question after the client was stopped rejects with SessionLost", async () => {
    const stage = await connect();
    await stage.xmpp.stop();
    const asked = query(stage, "queryInfo");
    await asked.end;
    expect(asked.error).toBeInstanceOf(SessionLost);
    await requestsAt(stage.server, 0);
  });

  test("a question that cannot be written rejects with SessionLost, and leaves nothing in the way", async () => {
    const stage = await connect();
    const { send } = stage.xmpp;
    const broken = new Error("broken pipe");
    stage.xmpp.send = () => Promise.reject(broken);
    const asked = [query(stage, "queryInfo"), query(stage, "queryInfo")];
    await ends(asked);
    for (const { error } of asked) {
      expect(error).toBeInstanceOf(SessionLost);
      expect(error).toMatchObject({ cause: broken });
    }
    stage.xmpp.send = send;
    query(stage, "queryInfo");
    await requestsAt(stage.server, 1);
  });

  test("what is set between two sessions is there in the second", async () => {
    const stage = await connect();
    await stage.xmpp.stop();
    stage.disco.setInfoCache(PEER, undefined, infoOf("set"));
    await stage.xmpp.start();
    const asked = query(stage, "queryInfo");
    await asked.end;
    expect(markOf(asked.value)).toBe("set");
    await stage.xmpp.stop();
    await stage.xmpp.start();
    query(stage, "queryInfo");
    await requestsAt(stage.server, 1);
  });

  test("what is set while the stream is cut is there when the next session begins instead", async () => {
    const stage = await connect({ streamManagement: true });
    stage.server.resumable = false;
    stage.server.cut();
    stage.disco.setInfoCache(PEER, undefined, infoOf("set"));
    await turn();
    await backOnline(stage);
    const asked = query(stage, "queryInfo");
    await asked.end;
    expect(markOf(asked.value)).toBe("set");
  });
});

describe("when DiscoClient is dismissed", () => {
  test("open questions reject with ServiceDismissed at once, and nothing is sent", async () => {
    const stage = await connect();
    const asked = await manyQuestions(stage);
    stage.xmpp.dismiss(DiscoClient);
    await turn();
    expect(asked.every(({ error }) => error instanceof ServiceDismissed)).toBe(true);
    await requestsAt(stage.server, 40);
  });

  test("by way of IqService, which it needs, open questions reject with ServiceDismissed too", async () => {
    const stage = await connect();
    const asked = query(stage, "queryInfo");
    await requestsAt(stage.server, 1);
    stage.xmpp.dismiss(IqService);
    await asked.end;
    expect(asked.error).toBeInstanceOf(ServiceDismissed);
    expect(stage.xmpp.summoned(DiscoClient)).toBeUndefined();
  });

  test("a question for a promise that was set rejects with ServiceDismissed at once", async () => {
    const stage = await connect();
    stage.disco.setInfoFuture(PEER, undefined, new Promise<DiscoInfo>(() => {}));
    const asked = query(stage, "queryInfo");
    stage.xmpp.dismiss(DiscoClient);
    await turn();
    expect(asked.error).toBeInstanceOf(ServiceDismissed);
  });

  test("a question off line, for what was set, rejects with ServiceDismissed at once", async () => {
    const stage = offlineStage();
    stage.disco.setInfoFuture(PEER, undefined, new Promise<DiscoInfo>(() => {}));
    const asked = query(stage, "queryInfo");
    stage.xmpp.dismiss(DiscoClient);
    await turn();
    expect(asked.error).toBeInstanceOf(ServiceDismissed);
  });

  test("questions asked while the stream was cut are not sent when it is back", async () => {
    const stage = await connect({ streamManagement: true });
    stage.server.cut();
    await turn();
    const asked = query(stage, "queryInfo");
    stage.xmpp.dismiss(DiscoClient);
    await asked.end;
    expect(asked.error).toBeInstanceOf(ServiceDismissed);
    await backOnline(stage);
    await requestsAt(stage.server, 0);
  });

  test("questions to what is left of it reject with ServiceDismissed, cached or not, and nothing is sent", async () => {
    const stage = await connect();
    await fillCaches(stage);
    stage.xmpp.dismiss(DiscoClient);
    stage.disco.setInfoCache(PEER, undefined, infoOf("set"));
    const asked = [...KINDS.map(([name]) => query(stage, name)), query(stage, "queryInfo", "a.example")];
    await ends(asked);
    expect(asked.every(({ error }) => error instanceof ServiceDismissed)).toBe(true);
    await requestsAt(stage.server, 2);
  });

  test("answers that come later are told by no event, and do no harm", async () => {
    const stage = await connect();
    const told: unknown[] = [];
    stage.disco.on("info", (...args) => void told.push(args));
    query(stage, "queryInfo");
    await query(stage, "queryInfo", "a.example", { timeout: 5 }).end;
    const requests = await requestsAt(stage.server, 2);
    stage.xmpp.dismiss(DiscoClient);
    for (const request of requests) stage.server.send(reply(request, "mark"));
    await quiet();
    expect(told).toEqual([]);
  });

  test("a session that is lost, and a new one, do no harm", async () => {
    const stage = await connect();
    stage.xmpp.dismiss(DiscoClient);
    await stage.xmpp.stop();
    await stage.xmpp.start();
    const asked = query(stage, "queryInfo");
    await asked.end;
    expect(asked.error).toBeInstanceOf(ServiceDismissed);
  });

  test("one that is summoned anew begins afresh", async () => {
    const stage = await connect();
    await fillCaches(stage);
    stage.xmpp.dismiss(DiscoClient);
    const disco = stage.xmpp.summon(DiscoClient);
    expect(disco).not.toBe(stage.disco);
    stage.server.script = counting();
    const asked = query({ disco }, "queryInfo");
    await asked.end;
    expect(markOf(asked.value)).toBe("1");
    expect(disco.stats).toMatchObject({ sent: 1, hits: 0 });
  });
});
