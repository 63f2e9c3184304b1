import xml, { type Element } from "@xmpp/xml";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { EntityCapsService, xep0115 } from "../../../src/index.ts";
import {
  countsOf,
  expectNoStrays,
  JULIET,
  present,
  quiet,
  type Stage,
  type StageOptions,
  stage,
  turn,
  until,
  verOf,
} from "./support.ts";

expectNoStrays();

/** Longer than what is under way takes, and shorter than a test may. */
const DELAY = 30;

/** A client that has broadcast its presence. */
async function presentStage(options: StageOptions = {}): Promise<Stage> {
  const on = await stage({ rebroadcastDelay: DELAY, ...options });
  await on.send(xml("presence", { id: "mine" }, xml("show", {}, "away"), xml("status", {}, "Tea")));
  await until(() => on.presences().length === 1);
  return on;
}

/** Waits for longer than a re-broadcast takes; returns the presences sent since the first. */
async function later(on: Stage): Promise<Element[]> {
  await new Promise((resolve) => setTimeout(resolve, DELAY + 10));
  await quiet();
  return on.presences().slice(1);
}

describe("when the hash changes, the last broadcast presence is sent again", () => {
  test("as it was, with the new hash", async () => {
    const on = await presentStage();
    on.self.registerFeature("urn:example:a");
    await until(() => on.presences().length === 2);
    const again = present(on.presences()[1]);
    expect([again.getChildText("show"), again.getChildText("status")]).toEqual(["away", "Tea"]);
    expect(countsOf(again)).toEqual([1, 1]);
    expect(verOf(again)).toBe(xep0115.hash(await on.self.toInfo()));
  });

  test("once for changes in quick succession", async () => {
    const on = await presentStage();
    for (let i = 0; i < 5; i += 1) {
      on.self.registerFeature(`urn:example:${i}`);
      await turn();
    }
    const again = await later(on);
    expect(again.map(verOf)).toEqual([xep0115.hash(await on.self.toInfo())]);
  });

  test("soon, however often it changes meanwhile", async () => {
    const on = await presentStage({ rebroadcastDelay: 5 });
    for (let i = 0; on.presences().length < 2; i += 1) {
      on.self.registerFeature(`urn:example:${i}`);
      await turn();
      expect(i).toBeLessThan(200);
    }
  });

  test("once more for each later change", async () => {
    const on = await presentStage({ rebroadcastDelay: 1 });
    on.self.registerFeature("urn:example:a");
    await until(() => on.presences().length === 2);
    on.self.registerFeature("urn:example:b");
    await until(() => on.presences().length === 3);
    expect(new Set(on.presences().map(verOf)).size).toBe(3);
  });

  test("not when it has changed back by then", async () => {
    const on = await presentStage();
    on.self.registerFeature("urn:example:a");
    await turn();
    on.self.unregisterFeature("urn:example:a");
    expect(await later(on)).toEqual([]);
  });

  test("not when the application sends its own presence first", async () => {
    const on = await presentStage();
    on.self.registerFeature("urn:example:a");
    await turn();
    await on.send(xml("presence", { id: "own" }));
    const again = await later(on);
    expect(again.map((presence) => presence.attrs.id)).toEqual(["own"]);
    on.self.registerFeature("urn:example:b");
    expect((await later(on)).map((presence) => presence.attrs.id)).toEqual(["own", "own"]);
  });

  test("not when the application sends presence from a listener of verChanged", async () => {
    const on = await presentStage();
    on.caps.on("verChanged", () => void on.send(xml("presence", { id: "own" })));
    on.self.registerFeature("urn:example:a");
    const again = await later(on);
    expect(again.map((presence) => presence.attrs.id)).toEqual(["own"]);
    expect(verOf(again[0])).toBe(xep0115.hash(await on.self.toInfo()));
  });

  test("also when the application sends directed presence meanwhile", async () => {
    const on = await presentStage();
    on.self.registerFeature("urn:example:a");
    await on.send(xml("presence", { to: JULIET }));
    const again = await later(on);
    expect(again.map((presence) => presence.attrs.to)).toEqual([JULIET, undefined]);
  });

  test("also when a directed presence was the first to carry the change", async () => {
    const on = await presentStage();
    on.self.registerFeature("urn:example:a");
    await on.send(xml("presence", { to: JULIET }));
    await until(() => on.presences().length === 3);
    expect(verOf(on.presences()[1])).toBe(verOf(on.presences()[2]));
  });

  test("a broadcast one, where a directed one came last", async () => {
    const on = await presentStage();
    await on.send(xml("presence", { to: JULIET, id: "directed" }));
    on.self.registerFeature("urn:example:a");
    await until(() => on.presences().length === 3);
    expect(present(on.presences()[2]).attrs).toMatchObject({ id: "mine" });
  });

  test("not after unavailable presence", async () => {
    const on = await presentStage();
    await on.send(xml("presence", { type: "unavailable" }));
    on.self.registerFeature("urn:example:a");
    expect((await later(on)).map((presence) => presence.attrs.type)).toEqual(["unavailable"]);
  });

  test("not when unavailable presence follows", async () => {
    const on = await presentStage();
    on.self.registerFeature("urn:example:a");
    await on.send(xml("presence", { type: "unavailable" }));
    expect((await later(on)).map((presence) => presence.attrs.type)).toEqual(["unavailable"]);
  });

  test("also after unavailable presence that was directed", async () => {
    const on = await presentStage();
    await on.send(xml("presence", { type: "unavailable", to: "room@muc.example/me" }));
    on.self.registerFeature("urn:example:a");
    await until(() => on.presences().length === 3);
    expect(present(on.presences()[2]).attrs).toMatchObject({ id: "mine" });
  });

  test("not with rebroadcast: false, which leaves it to the application", async () => {
    const on = await presentStage({ rebroadcast: false });
    let changes = 0;
    on.caps.on("verChanged", () => {
      changes += 1;
    });
    on.self.registerFeature("urn:example:a");
    expect(await later(on)).toEqual([]);
    expect(changes).toBe(1);
  });

  test("not before there was any", async () => {
    const on = await stage({ rebroadcastDelay: 1 });
    on.self.registerFeature("urn:example:a");
    await quiet(10);
    expect(on.presences()).toEqual([]);
  });

  test("not when the service is dismissed meanwhile", async () => {
    const on = await presentStage();
    on.self.registerFeature("urn:example:a");
    await turn();
    void on.xmpp.dismiss(EntityCapsService);
    expect(await later(on)).toEqual([]);
  });

  test("by a timer that is gone when the service is", async () => {
    const on = await presentStage({ rebroadcastDelay: 60_000 });
    await quiet();
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    onTestFinished(() => void vi.useRealTimers());
    on.self.registerFeature("urn:example:a");
    await Promise.resolve();
    expect(vi.getTimerCount()).toBe(1);
    void on.xmpp.dismiss(EntityCapsService);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("also when XEP-0390 is switched off: its feature is gone", async () => {
    const on = await presentStage();
    on.caps.xep390Support = false;
    await until(() => on.presences().length === 2);
    expect(countsOf(on.presences()[1])).toEqual([1, 0]);
  });
});

describe("presence belongs to its session", () => {
  test("what was sent in the session before is not sent by itself in the next one", async () => {
    const on = await presentStage({ rebroadcastDelay: 1 });
    await on.reconnect();
    on.self.registerFeature("urn:example:a");
    await quiet(10);
    expect(on.presences()).toHaveLength(1);
  });

  test("a change that was due when the session was lost is not sent in the next one", async () => {
    const on = await presentStage();
    on.self.registerFeature("urn:example:a");
    await turn();
    await on.reconnect();
    expect(await later(on)).toEqual([]);
  });

  test("nor is it where a stream could not be resumed", async () => {
    const on = await presentStage({ memory: { streamManagement: true } });
    on.server.resumable = false;
    on.self.registerFeature("urn:example:a");
    await turn();
    await on.reconnect();
    expect(await later(on)).toEqual([]);
  });

  test("presence that an application sends as soon as it is on line is sent again after a change", async () => {
    const on = await stage({ rebroadcastDelay: 1 });
    on.xmpp.on("online", () => void on.send(xml("presence", { id: "hello" })));
    await on.reconnect();
    await until(() => on.presences().length === 1);
    on.self.registerFeature("urn:example:a");
    await until(() => on.presences().length === 2);
    expect(on.presences().map((presence) => presence.attrs.id)).toEqual(["hello", "hello"]);
  });

  test("a change while the stream is cut is sent when it resumes", async () => {
    const on = await presentStage({ memory: { streamManagement: true }, rebroadcastDelay: 1 });
    await until(() => isAcknowledged(on));
    on.server.cut();
    await until(() => on.xmpp.status !== "online");
    on.self.registerFeature("urn:example:a");
    await until(() => on.presences().length === 2);
    expect(verOf(on.presences()[1])).toBe(xep0115.hash(await on.self.toInfo()));
  });

  test("a stream that resumes without a change sends nothing again", async () => {
    const on = await presentStage({ memory: { streamManagement: true }, rebroadcastDelay: 1 });
    await until(() => isAcknowledged(on));
    await on.reconnect();
    await quiet(10);
    expect(on.presences()).toHaveLength(1);
  });

  test("a presence that the resumed stream repeats with the new hash is not sent once more", async () => {
    const on = await presentStage({ memory: { streamManagement: true }, rebroadcastDelay: 5 });
    await until(() => isAcknowledged(on));
    on.swallow(true);
    await on.send(xml("presence", { id: "lost" }));
    await quiet();
    on.swallow(false);
    on.server.cut();
    await until(() => on.xmpp.status !== "online");
    on.self.registerFeature("urn:example:a");
    expect((await later(on)).map((presence) => presence.attrs.id)).toEqual(["lost"]);
    expect(verOf(on.presences()[1])).toBe(xep0115.hash(await on.self.toInfo()));
    on.self.registerFeature("urn:example:b");
    expect((await later(on)).map((presence) => presence.attrs.id)).toEqual(["lost", "lost"]);
  });

  test("a presence that could not be written is sent when the stream resumes", async () => {
    const on = await presentStage({ memory: { streamManagement: true }, rebroadcastDelay: 1 });
    await until(() => isAcknowledged(on));
    // The cable is out, and nobody has noticed.
    const { socket } = on.xmpp as unknown as { socket: Parameters<typeof on.server.accept>[0] };
    on.server.accept(undefined);
    on.self.registerFeature("urn:example:a");
    await quiet(10);
    on.server.accept(socket);
    expect(on.presences()).toHaveLength(1);
    await on.reconnect();
    await until(() => on.presences().length === 2);
    expect(verOf(on.presences()[1])).toBe(xep0115.hash(await on.self.toInfo()));
  });

  test("a presence that was refused for want of a session is not sent in the next one", async () => {
    const on = await stage({ rebroadcastDelay: 1 });
    on.server.cut();
    await expect(on.send(xml("presence"))).rejects.toThrow();
    await until(() => on.xmpp.status === "online");
    on.self.registerFeature("urn:example:a");
    await quiet(10);
    expect(on.presences()).toEqual([]);
  });

  test("a send that throws ends no process", async () => {
    const on = await presentStage({ rebroadcastDelay: 1 });
    const { send } = on.xmpp;
    let refusals = 0;
    on.xmpp.send = () => {
      refusals += 1;
      throw new Error("the cable is out");
    };
    on.self.registerFeature("urn:example:a");
    await until(() => refusals === 1);
    await quiet();
    on.xmpp.send = send;
  });
});

/** Whether the server has seen all that was sent. */
function isAcknowledged({ xmpp }: Stage): boolean {
  const { outbound_q } = (xmpp as unknown as { streamManagement: { outbound_q: unknown[] } })
    .streamManagement;
  return outbound_q.length === 0;
}
