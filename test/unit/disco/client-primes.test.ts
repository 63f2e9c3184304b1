import { expect, test, vi } from "vitest";
import { DiscoInfo, IqTimeout } from "../../../src/index.ts";
import {
  connect,
  counting,
  ends,
  expectNoStrays,
  infoOf,
  markOf,
  stage as offlineStage,
  PEER,
  query,
  quiet,
  reply,
  requestsAt,
  theRequestAt,
} from "./support.ts";

expectNoStrays();

const ask = (stage: Parameters<typeof query>[0], options?: Parameters<typeof query>[3]) =>
  query(stage, "queryInfo", PEER, options);

test("a value that was set is the answer, and nothing is sent", async () => {
  const stage = await connect();
  const info = infoOf("set");
  stage.disco.setInfoCache(PEER, undefined, info);
  const asked = ask(stage);
  await asked.end;
  expect(asked.value).toBe(info);
  await requestsAt(stage.server, 0);
});

test("what is set is for one target: the JID in any case, and the node", async () => {
  const stage = await connect();
  stage.disco.setInfoCache("Plays.Shakespeare.Example", "n", infoOf("set"));
  const asked = ask(stage, { node: "n" });
  await asked.end;
  expect(markOf(asked.value)).toBe("set");
  ask(stage);
  ask(stage, { node: "m" });
  query(stage, "queryItems", PEER, { node: "n" });
  ask(stage, { node: "n", from: "gateway.example" });
  await requestsAt(stage.server, 4);
});

test("a value that was set takes the place of the one before", async () => {
  const stage = await connect();
  stage.server.script = counting();
  await ask(stage).end;
  stage.disco.setInfoCache(PEER, null, infoOf("first"));
  stage.disco.setInfoCache(PEER, "", infoOf("second"));
  const asked = ask(stage);
  await asked.end;
  expect(markOf(asked.value)).toBe("second");
  await requestsAt(stage.server, 1);
});

test("a value that was set is not told by the event", async () => {
  const stage = await connect();
  const told = vi.fn();
  stage.disco.on("info", told);
  stage.disco.setInfoCache(PEER, undefined, infoOf("set"));
  await ask(stage).end;
  expect(told).not.toHaveBeenCalled();
});

test("a value set while a request is under way answers at once, and the answer does not overwrite it", async () => {
  const stage = await connect();
  const running = ask(stage);
  const request = await theRequestAt(stage.server);
  stage.disco.setInfoCache(PEER, undefined, infoOf("set"));
  const meanwhile = ask(stage);
  await meanwhile.end;
  expect(markOf(meanwhile.value)).toBe("set");
  expect(running.state).toBe("open");
  stage.server.send(reply(request, "older"));
  await running.end;
  expect(markOf(running.value)).toBe("older");
  const next = ask(stage);
  await next.end;
  expect(markOf(next.value)).toBe("set");
  await requestsAt(stage.server, 1);
});

test("requireFresh asks though a value was set, and replaces it", async () => {
  const stage = await connect();
  stage.server.script = counting();
  stage.disco.setInfoCache(PEER, undefined, infoOf("set"));
  await ask(stage, { requireFresh: true }).end;
  const next = ask(stage);
  await next.end;
  expect(markOf(next.value)).toBe("1");
  await requestsAt(stage.server, 1);
});

test("noCache reads what was set", async () => {
  const stage = await connect();
  stage.disco.setInfoCache(PEER, undefined, infoOf("set"));
  const asked = ask(stage, { noCache: true });
  await asked.end;
  expect(markOf(asked.value)).toBe("set");
});

test("flushCache drops what was set", async () => {
  const stage = await connect();
  stage.disco.setInfoCache(PEER, undefined, infoOf("set"));
  stage.disco.setInfoFuture(PEER, "n", Promise.resolve(infoOf("set")));
  stage.disco.flushCache();
  ask(stage);
  ask(stage, { node: "n" });
  await requestsAt(stage.server, 2);
});

test("a promise that was set answers when it resolves, all who ask", async () => {
  const stage = await connect();
  let resolve: (info: DiscoInfo) => void = () => {};
  stage.disco.setInfoFuture(PEER, undefined, new Promise<DiscoInfo>((settle) => (resolve = settle)));
  const asked = [ask(stage), ask(stage)];
  await quiet();
  expect(asked.map(({ state }) => state)).toEqual(["open", "open"]);
  const info = infoOf("promised");
  resolve(info);
  await ends(asked);
  expect(asked.map(({ value }) => value)).toEqual([info, info]);
  const next = ask(stage);
  await next.end;
  expect(next.value).toBe(info);
  await requestsAt(stage.server, 0);
});

test("anything with a then, however plain, is taken for a promise", async () => {
  const stage = await connect();
  // biome-ignore lint/suspicious/noThenProperty: that is what is tested
  const thenable = { then: (resolve: (info: DiscoInfo) => void) => resolve(infoOf("then")) };
  stage.disco.setInfoFuture(PEER, undefined, thenable as PromiseLike<DiscoInfo>);
  const asked = ask(stage);
  await asked.end;
  expect(markOf(asked.value)).toBe("then");
});

test("a function that was set is called on first use, and once only", async () => {
  const stage = await connect();
  const future = vi.fn(async () => infoOf("made"));
  stage.disco.setInfoFuture(PEER, undefined, future);
  await quiet();
  expect(future).not.toHaveBeenCalled();
  const asked = [ask(stage), ask(stage)];
  await ends(asked);
  await ask(stage).end;
  expect(future).toHaveBeenCalledTimes(1);
  expect(asked.map(({ value }) => markOf(value))).toEqual(["made", "made"]);
  await requestsAt(stage.server, 0);
});

test("a function that was set may return the value itself", async () => {
  const stage = await connect();
  stage.disco.setInfoFuture(PEER, undefined, (() => infoOf("plain")) as never);
  const asked = ask(stage);
  await asked.end;
  expect(markOf(asked.value)).toBe("plain");
});

test("a function that was set may ask the peer itself, with requireFresh", async () => {
  const stage = await connect();
  stage.server.script = counting();
  stage.disco.setInfoFuture(PEER, undefined, () => stage.disco.queryInfo(PEER, { requireFresh: true }));
  const asked = ask(stage);
  await asked.end;
  expect(markOf(asked.value)).toBe("1");
  const next = ask(stage);
  await next.end;
  expect(next.value).toBe(asked.value);
  await requestsAt(stage.server, 1);
});

test("a function that was set and asks for its own target waits for itself, and is called once all the same", async () => {
  const stage = await connect();
  const future = vi.fn(() => stage.disco.queryInfo(PEER, { timeout: 5 }));
  stage.disco.setInfoFuture(PEER, undefined, future);
  const asked = ask(stage);
  await asked.end;
  expect(future).toHaveBeenCalledTimes(1);
  expect(asked.error).toBeInstanceOf(IqTimeout);
});

test("a promise that was set is waited for as long as the caller says", async () => {
  const stage = await connect();
  const abort = new AbortController();
  stage.disco.setInfoFuture(PEER, undefined, new Promise<DiscoInfo>(() => {}));
  const hasty = ask(stage, { timeout: 5 });
  const aborted = ask(stage, { signal: abort.signal });
  const patient = ask(stage);
  await hasty.end;
  expect(hasty.error).toMatchObject({ name: "IqTimeout", timeout: 5, request: undefined });
  abort.abort();
  await aborted.end;
  expect(aborted.error).toBe(abort.signal.reason);
  expect(patient.state).toBe("open");
});

test("a promise that rejects rejects all who ask, until requireFresh", async () => {
  const stage = await connect();
  stage.server.script = counting();
  const reason = new Error("no such luck");
  stage.disco.setInfoFuture(PEER, undefined, Promise.reject(reason));
  const asked = [ask(stage), ask(stage)];
  await ends(asked);
  asked.push(ask(stage));
  await ends(asked);
  expect(asked.map(({ error }) => error)).toEqual([reason, reason, reason]);
  await requestsAt(stage.server, 0);
  await ask(stage, { requireFresh: true }).end;
  const next = ask(stage);
  await next.end;
  expect(markOf(next.value)).toBe("1");
  await requestsAt(stage.server, 1);
});

test("a promise that rejects stays rejected beyond the TTL", async () => {
  const stage = await connect({ disco: { infoTtl: 0 } });
  stage.disco.setInfoFuture(PEER, undefined, Promise.reject(new Error("no such luck")));
  await ask(stage).end;
  const next = ask(stage);
  await next.end;
  expect(next.error).toMatchObject({ message: "no such luck" });
  await requestsAt(stage.server, 0);
});

test("a function that throws rejects all who ask, and is not called again", async () => {
  const stage = await connect();
  const reason = new Error("thrown");
  const future = vi.fn(() => {
    throw reason;
  });
  stage.disco.setInfoFuture(PEER, undefined, future);
  const asked = [ask(stage), ask(stage)];
  await ends(asked);
  expect(asked.map(({ error }) => error)).toEqual([reason, reason]);
  expect(future).toHaveBeenCalledTimes(1);
});

test.each([
  ["undefined", undefined, "undefined"],
  ["a text", "text", '"text"'],
  ["what looks like information", { features: [] }, "an object of class Object"],
])("a promise that gives %s rejects and names it", async (_, nonsense, shown) => {
  const stage = await connect();
  stage.disco.setInfoFuture(PEER, undefined, Promise.resolve(nonsense as never));
  const asked = [ask(stage), ask(stage)];
  await ends(asked);
  for (const { error } of asked) {
    expect(error).toBeInstanceOf(TypeError);
    expect((error as Error).message).toContain(shown);
  }
  await requestsAt(stage.server, 0);
});

test("a promise that rejects and that nobody asks for is no unhandled rejection", async () => {
  const stage = await connect();
  stage.disco.setInfoFuture(PEER, undefined, Promise.reject(new Error("nobody cares")));
  await quiet();
});

test("a promise that rejects when its callers have left is no unhandled rejection", async () => {
  const stage = await connect();
  let reject: (reason: Error) => void = () => {};
  stage.disco.setInfoFuture(PEER, undefined, new Promise<DiscoInfo>((_, settle) => (reject = settle)));
  await ask(stage, { timeout: 5 }).end;
  reject(new Error("too late"));
  await quiet();
});

test("requireFresh does not end the wait of those who wait for a promise", async () => {
  const stage = await connect();
  stage.server.script = counting();
  let resolve: (info: DiscoInfo) => void = () => {};
  stage.disco.setInfoFuture(PEER, undefined, new Promise<DiscoInfo>((settle) => (resolve = settle)));
  const waiting = ask(stage);
  await ask(stage, { requireFresh: true }).end;
  expect(waiting.state).toBe("open");
  resolve(infoOf("promised"));
  await waiting.end;
  expect(markOf(waiting.value)).toBe("promised");
  const next = ask(stage);
  await next.end;
  expect(markOf(next.value)).toBe("1");
});

test("flushCache does not end the wait of those who wait for a promise, and it leaves nothing behind", async () => {
  const stage = await connect();
  let resolve: (info: DiscoInfo) => void = () => {};
  stage.disco.setInfoFuture(PEER, undefined, new Promise<DiscoInfo>((settle) => (resolve = settle)));
  const waiting = ask(stage);
  stage.disco.flushCache();
  resolve(infoOf("promised"));
  await waiting.end;
  expect(markOf(waiting.value)).toBe("promised");
  ask(stage);
  await requestsAt(stage.server, 1);
});

test("a promise set after another takes its place, also when the other resolves later", async () => {
  const stage = await connect();
  let resolve: (info: DiscoInfo) => void = () => {};
  stage.disco.setInfoFuture(PEER, undefined, new Promise<DiscoInfo>((settle) => (resolve = settle)));
  const first = ask(stage);
  stage.disco.setInfoFuture(PEER, undefined, Promise.resolve(infoOf("second")));
  const second = ask(stage);
  await second.end;
  resolve(infoOf("first"));
  await first.end;
  expect([first, second].map(({ value }) => markOf(value))).toEqual(["first", "second"]);
  const next = ask(stage);
  await next.end;
  expect(markOf(next.value)).toBe("second");
});

test("what is set while off line is there when the client is on line, and after a lost session", async () => {
  const stage = offlineStage();
  const future = vi.fn(async () => infoOf("made"));
  stage.disco.setInfoCache(PEER, undefined, infoOf("set"));
  stage.disco.setInfoFuture(PEER, "n", future);
  stage.disco.setInfoFuture(PEER, "p", Promise.resolve(infoOf("promised")));
  await stage.xmpp.start();
  const asked = [ask(stage), ask(stage, { node: "n" }), ask(stage, { node: "p" })];
  await ends(asked);
  expect(asked.map(({ value }) => markOf(value))).toEqual(["set", "made", "promised"]);
  await requestsAt(stage.server, 0);
});

test("what is set while off line can be read while off line", async () => {
  const stage = offlineStage();
  stage.disco.setInfoCache(PEER, undefined, infoOf("set"));
  const asked = ask(stage);
  await asked.end;
  expect(markOf(asked.value)).toBe("set");
});

test("a promise that is waited for while off line is waited for beyond the next online", async () => {
  const stage = offlineStage();
  let resolve: (info: DiscoInfo) => void = () => {};
  stage.disco.setInfoFuture(PEER, undefined, new Promise<DiscoInfo>((settle) => (resolve = settle)));
  const asked = ask(stage);
  await stage.xmpp.start();
  expect(asked.state).toBe("open");
  resolve(infoOf("promised"));
  await asked.end;
  expect(markOf(asked.value)).toBe("promised");
});

test("the information that was set may be read from JSON", async () => {
  const stage = await connect();
  const json = { identities: [{ category: "server", type: "im" }], features: ["f"], forms: {} };
  stage.disco.setInfoCache(PEER, undefined, DiscoInfo.fromJSON(json));
  expect(await stage.disco.hasIdentity(PEER, { category: "server" })).toBe(true);
});
