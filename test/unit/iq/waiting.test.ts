import xml, { type Element } from "@xmpp/xml";
import { describe, expect, test, vi } from "vitest";
import { IqError, IqService, IqTimeout, XMPPError } from "../../../src/index.ts";
import { isOpen, offlineClient, unhandledRejections } from "../services/support.ts";
import {
  cut,
  deliver,
  failure,
  firstRequest,
  offline,
  online,
  type Party,
  reconnect,
  request,
  requests,
  result,
  version,
} from "./support.ts";

const TO = "capulet.example";

/** Asks, gives up, and gives the request that went out and what `late` is told. */
async function givenUp(how: "timeout" | "abort"): Promise<Party & { stanza: Element; late: Element[] }> {
  const party = await online();
  const late: Element[] = [];
  party.iq.on("late", (stanza) => late.push(stanza));
  const controller = new AbortController();
  const options = how === "timeout" ? { timeout: 5 } : { signal: controller.signal };
  const answer = party.iq.request(request(TO), options);
  const rejected = expect(answer).rejects.toBeInstanceOf(how === "timeout" ? IqTimeout : DOMException);
  const stanza = await firstRequest(party.server);
  controller.abort();
  await rejected;
  return { ...party, stanza, late };
}

describe("a timeout", () => {
  test("rejects with an IqTimeout that has the request and how long was waited", async () => {
    const { server, iq } = await online();
    const error = await iq.request(request(TO), { timeout: 5 }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(IqTimeout);
    expect(error).toBeInstanceOf(XMPPError);
    expect(error).toMatchObject({
      name: "IqTimeout",
      message: "no answer from capulet.example within 5 ms",
      timeout: 5,
    });
    expect((error as IqTimeout).request?.attrs.id).toBe((await firstRequest(server)).attrs.id);
  });

  test("of one request leaves the others waiting", async () => {
    const party = await online();
    const patient = party.iq.request(request(TO));
    await expect(party.iq.request(request("other.example"), { timeout: 1 })).rejects.toThrow(IqTimeout);
    expect(await isOpen(patient)).toBe(true);
    await deliver(party, result(await firstRequest(party.server)));
    await patient;
  });

  test("of zero gives up at once", async () => {
    const { iq } = await online();
    await expect(iq.get(version(), TO, { timeout: 0 })).rejects.toMatchObject({ timeout: 0 });
  });

  test("longer than a timer can be is no timeout of zero", async () => {
    const party = await online();
    const answer = party.iq.get(version(), TO, { timeout: Number.MAX_SAFE_INTEGER });
    const stanza = await firstRequest(party.server);
    expect(await isOpen(answer)).toBe(true);
    await deliver(party, result(stanza));
    await answer;
  });

  test.each([
    [-1, "-1"],
    [Number.NaN, "NaN"],
    [Number.POSITIVE_INFINITY, "Infinity"],
    ["5000", '"5000"'],
    [{}, "an object of class Object"],
  ])("of %s is an error that names it, and sends nothing", async (timeout, shown) => {
    const { server, iq } = await online();
    await expect(iq.request(request(TO), { timeout: timeout as number })).rejects.toThrow(
      new RangeError(`timeout is a number of milliseconds from 0 on, not ${shown}`),
    );
    expect(server.received).toEqual([]);
  });

  test("that nobody awaits ends no process", async () => {
    const { iq } = await online();
    const reasons = await unhandledRejections(async () => {
      const answer = iq.request(request(TO), { timeout: 1 });
      await answer.catch(() => {});
    });
    expect(reasons).toEqual([]);
  });
});

describe("a signal", () => {
  test("that aborts rejects with its reason", async () => {
    const { server, iq } = await online();
    const controller = new AbortController();
    const reason = new Error("the user left");
    const rejected = expect(iq.request(request(TO), { signal: controller.signal })).rejects.toBe(reason);
    await requests(server);
    controller.abort(reason);
    await rejected;
  });

  test("that aborts without a reason rejects with an AbortError", async () => {
    const { iq } = await online();
    const controller = new AbortController();
    const rejected = expect(iq.get(version(), TO, { signal: controller.signal })).rejects.toMatchObject({
      name: "AbortError",
    });
    controller.abort();
    await rejected;
  });

  test("that aborts with something that is no Error rejects with it", async () => {
    const { iq } = await online();
    const controller = new AbortController();
    const rejected = expect(iq.get(version(), TO, { signal: controller.signal })).rejects.toBe("enough");
    controller.abort("enough");
    await rejected;
  });

  test("of AbortSignal.timeout rejects with its TimeoutError", async () => {
    const { iq } = await online();
    await expect(iq.get(version(), TO, { signal: AbortSignal.timeout(5) })).rejects.toMatchObject({
      name: "TimeoutError",
    });
  });

  test("that is aborted already sends nothing", async () => {
    const { server, xmpp, iq } = await online();
    const reason = new Error("too late");
    await expect(iq.request(request(TO), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    await expect(iq.get(version(), TO, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    await expect(iq.set(version(), TO, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    await xmpp.send(xml("presence"));
    await vi.waitFor(() => expect(server.received).toHaveLength(1));
    expect(server.received[0]?.name).toBe("presence");
  });

  test("that aborts after the answer changes nothing", async () => {
    const { server, iq } = await online();
    server.script = (stanza) => result(stanza);
    const controller = new AbortController();
    const answer = iq.request(request(TO), { signal: controller.signal });
    await answer;
    controller.abort();
    await expect(answer).resolves.toBeDefined();
  });

  test("that many share ends the wait of all", async () => {
    const { server, iq } = await online();
    const controller = new AbortController();
    const waits = Array.from({ length: 10 }, () => iq.get(version(), TO, { signal: controller.signal }));
    const settled = Promise.allSettled(waits);
    await requests(server, 10);
    controller.abort(new Error("enough"));
    expect(new Set((await settled).map(({ status }) => status))).toEqual(new Set(["rejected"]));
  });
});

describe("responseTimeout", () => {
  test("is 30 seconds", () => {
    expect(offline().iq.responseTimeout).toBe(30_000);
  });

  test("can be set", () => {
    const { iq } = offline();
    iq.responseTimeout = 100;
    expect(iq.responseTimeout).toBe(100);
  });

  test("can be given as an option", () => {
    expect(offlineClient().summon(IqService, { responseTimeout: 2_000 }).responseTimeout).toBe(2_000);
  });

  test("is for who gives no timeout", async () => {
    const { iq } = await online();
    iq.responseTimeout = 5;
    await expect(iq.get(version(), TO)).rejects.toMatchObject({ name: "IqTimeout", timeout: 5 });
    await expect(iq.get(version(), TO, { timeout: 1 })).rejects.toMatchObject({ timeout: 1 });
  });

  test("that is set later is not for who waits already", async () => {
    const { server, iq } = await online();
    const answer = iq.get(version(), TO);
    const stanza = await firstRequest(server);
    iq.responseTimeout = 1;
    await expect(iq.get(version(), TO)).rejects.toThrow(IqTimeout);
    server.send(result(stanza));
    await answer;
  });

  test.each([
    [-1, "-1"],
    [Number.NaN, "NaN"],
    [Number.POSITIVE_INFINITY, "Infinity"],
    ["1000", '"1000"'],
    [undefined, "undefined"],
  ])("of %s is an error that names it, and changes nothing", (value, shown) => {
    const { iq } = offline();
    expect(() => {
      iq.responseTimeout = value as number;
    }).toThrow(new RangeError(`responseTimeout is a number of milliseconds from 0 on, not ${shown}`));
    expect(iq.responseTimeout).toBe(30_000);
  });

  test("that is wrong as an option is an error, and leaves no service behind", () => {
    const xmpp = offlineClient();
    expect(() => xmpp.summon(IqService, { responseTimeout: -5 })).toThrow(
      new RangeError("responseTimeout is a number of milliseconds from 0 on, not -5"),
    );
    expect(xmpp.summoned(IqService)).toBeUndefined();
  });
});

describe("the event late", () => {
  test.each(["timeout", "abort"] as const)("tells the answer that comes after a %s, once", async (how) => {
    const { stanza, late, ...party } = await givenUp(how);
    await deliver(party, result(stanza, xml("query", "jabber:iq:version")));
    expect(late.map((iq) => [iq.attrs.id, iq.attrs.type, iq.attrs.from])).toEqual([
      [stanza.attrs.id, "result", TO],
    ]);
    expect(late[0]?.getChild("query")).toBeDefined();
  });

  test("tells an error that comes late as well", async () => {
    const { stanza, late, ...party } = await givenUp("timeout");
    await deliver(party, failure(stanza));
    expect(late.map(({ attrs }) => attrs.type)).toEqual(["error"]);
  });

  test("is silent for repeats", async () => {
    const { stanza, late, ...party } = await givenUp("timeout");
    await deliver(party, result(stanza));
    await deliver(party, result(stanza));
    await deliver(party, failure(stanza));
    expect(late).toHaveLength(1);
  });

  test("is silent for strangers, and tells the right one after them", async () => {
    const { stanza, late, ...party } = await givenUp("timeout");
    await deliver(party, result(stanza, undefined, { from: "evil.example" }));
    await deliver(party, result(stanza, undefined, { from: undefined }));
    expect(late).toEqual([]);
    await deliver(party, result(stanza));
    expect(late).toHaveLength(1);
  });

  test("is silent for ids that are unknown", async () => {
    const { stanza, late, ...party } = await givenUp("abort");
    await deliver(party, result(stanza, undefined, { id: "unknown" }));
    expect(late).toEqual([]);
  });

  test("is silent for an answer in time", async () => {
    const { server, iq } = await online();
    const late = vi.fn();
    iq.on("late", late);
    server.script = (stanza) => result(stanza);
    await iq.get(version(), TO);
    expect(late).not.toHaveBeenCalled();
  });

  test("is silent for an error in time", async () => {
    const { server, iq } = await online();
    const late = vi.fn();
    iq.on("late", late);
    server.script = (stanza) => failure(stanza);
    await expect(iq.get(version(), TO)).rejects.toBeInstanceOf(IqError);
    expect(late).not.toHaveBeenCalled();
  });

  test("is silent for an old session's answers", async () => {
    const { stanza, late, ...party } = await givenUp("timeout");
    await cut(party);
    await reconnect(party);
    await deliver(party, result(stanza));
    expect(late).toEqual([]);
  });

  test("tells an answer that comes after the stream was resumed", async () => {
    const party = await online({ streamManagement: true });
    const late = vi.fn();
    party.iq.on("late", late);
    await expect(party.iq.get(version(), TO, { timeout: 1 })).rejects.toThrow(IqTimeout);
    const stanza = await firstRequest(party.server);
    await cut(party);
    await reconnect(party);
    await deliver(party, result(stanza));
    expect(late).toHaveBeenCalledOnce();
  });

  test("is silent after the dismissal", async () => {
    const { stanza, late, ...party } = await givenUp("timeout");
    party.xmpp.dismiss(IqService);
    await deliver(party, result(stanza));
    expect(late).toEqual([]);
  });

  test("may throw in a listener without ending anything", async () => {
    const { stanza, ...party } = await givenUp("timeout");
    const errors = vi.fn();
    const oops = new Error("oops");
    party.iq.on("error", errors);
    party.iq.on("late", () => {
      throw oops;
    });
    await deliver(party, result(stanza));
    expect(errors).toHaveBeenCalledExactlyOnceWith(oops);
  });

  test("is told for the latest ten thousand that were given up, and the others are forgotten", async () => {
    const party = await online();
    const late: string[] = [];
    party.iq.on("late", ({ attrs }) => late.push(attrs.from));
    const exchanges = Array.from({ length: 10_001 }, (_, at) => party.iq.open(request(`peer${at}.example`)));
    for (const exchange of exchanges) party.iq.abandon(exchange);
    await expect(exchanges[0]?.answer).rejects.toBeInstanceOf(IqTimeout);
    for (const exchange of exchanges.slice(0, 2)) await deliver(party, result(exchange.iq));
    expect(late).toEqual(["peer1.example"]);
  });
});
