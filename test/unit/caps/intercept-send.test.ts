import xml, { type Element } from "@xmpp/xml";
import { describe, expect, test } from "vitest";
import { interceptSend } from "../../../src/caps/intercept-send.ts";
import { type Entity, EntityCapsService } from "../../../src/index.ts";
import { traces } from "../services/support.ts";
import { countsOf, expectNoStrays, offlineStage, present, stage, until } from "./support.ts";

expectNoStrays();

interface Client {
  send(element: Element, ...rest: unknown[]): Promise<void>;
  sendMany?(elements: Iterable<Element>): Promise<void>;
}

/** A client that notes what it sends. */
class Notes implements Client {
  readonly sent: unknown[] = [];

  async send(element: Element, ...rest: unknown[]): Promise<void> {
    this.sent.push([element.name, element.attrs.seen, ...rest]);
  }

  async sendMany(elements: Iterable<Element>): Promise<void> {
    for (const element of elements) await this.send(element);
  }
}

const see = (element: Element) => {
  element.attrs.seen = String(Number(element.attrs.seen ?? 0) + 1);
};

const intercept = (client: object, change = see) => interceptSend(client as Entity, change);

describe("what is sent", () => {
  test("is seen before it is written, with all else that was given", async () => {
    const client = new Notes();
    intercept(client);
    await client.send(xml("presence"), "more");
    expect(client.sent).toEqual([["presence", "1", "more"]]);
  });

  test("in one go is seen as well, whatever holds it", async () => {
    const client = new Notes();
    intercept(client);
    await client.sendMany(new Set([xml("presence"), xml("message")]));
    // The second time by `send`, which this client uses.
    expect(client.sent).toEqual([
      ["presence", "2"],
      ["message", "2"],
    ]);
  });

  test("is seen no more when it is over", async () => {
    const client = new Notes();
    intercept(client)();
    await client.send(xml("presence"));
    expect(client.sent).toEqual([["presence", undefined]]);
  });

  test("is refused when the change fails in sendMany, as a rejection", async () => {
    const client = new Notes();
    intercept(client, () => {
      throw new Error("no");
    });
    await expect(client.sendMany([xml("presence")])).rejects.toThrow("no");
  });

  test("does not need sendMany, which older clients lack", async () => {
    const client: Client = { send: async () => {} };
    const restore = intercept(client);
    expect("sendMany" in client).toBe(false);
    await client.send(xml("presence"));
    restore();
    expect("sendMany" in client).toBe(false);
  });
});

describe("when it is over", () => {
  test("methods of the class are those of the class again", () => {
    const client = new Notes();
    intercept(client)();
    expect(Object.hasOwn(client, "send")).toBe(false);
    expect(Object.hasOwn(client, "sendMany")).toBe(false);
    expect(client.send).toBe(Notes.prototype.send);
  });

  test("methods of the object are those of the object again", () => {
    const own = { send: async () => {}, sendMany: async () => {} };
    const { send, sendMany } = own;
    intercept(own)();
    expect(own.send).toBe(send);
    expect(own.sendMany).toBe(sendMany);
    expect(Object.keys(own)).toEqual(["send", "sendMany"]);
  });

  test("a wrapper that the application put around it stays, and works", async () => {
    const client = new Notes();
    const restore = intercept(client);
    const inner = client.send;
    let calls = 0;
    const wrapper: Client["send"] = function (this: Client, ...args) {
      calls += 1;
      return inner.apply(this, args);
    };
    client.send = wrapper;
    restore();
    expect(client.send).toBe(wrapper);
    expect(Object.hasOwn(client, "sendMany")).toBe(false);
    await client.send(xml("presence"));
    expect(calls).toBe(1);
    expect(client.sent).toEqual([["presence", undefined]]);
  });

  test("a wrapper that the application had before stays, and works", async () => {
    const client = new Notes();
    let calls = 0;
    const wrapper: Client["send"] = (...args) => {
      calls += 1;
      return Notes.prototype.send.apply(client, args);
    };
    client.send = wrapper;
    const restore = intercept(client);
    await client.send(xml("presence"));
    restore();
    expect(client.send).toBe(wrapper);
    await client.send(xml("presence"));
    expect(calls).toBe(2);
    expect(client.sent).toEqual([
      ["presence", "1"],
      ["presence", undefined],
    ]);
  });
});

describe("a client that had the service", () => {
  test("is as it was: methods, listeners, all properties", async () => {
    const { xmpp } = offlineStage();
    void xmpp.dismiss(EntityCapsService);
    const before = traces(xmpp);
    for (let i = 0; i < 3; i += 1) {
      xmpp.summon(EntityCapsService);
      expect(traces(xmpp)).not.toEqual(before);
      void xmpp.dismiss(EntityCapsService);
    }
    expect(traces(xmpp)).toEqual(before);
  });

  test("sends presence as the application made it", async () => {
    const on = await stage();
    void on.xmpp.dismiss(EntityCapsService);
    await on.send(xml("presence"));
    await until(() => on.presences().length === 1);
    expect(countsOf(on.presences()[0])).toEqual([0, 0]);
  });

  test("keeps the application's wrapper, and may have the service again below it", async () => {
    const on = await stage();
    const { send } = on.xmpp;
    let calls = 0;
    on.xmpp.send = (stanza) => {
      calls += 1;
      return send.call(on.xmpp, stanza);
    };
    void on.xmpp.dismiss(EntityCapsService);
    await on.send(xml("presence"));
    on.xmpp.summon(EntityCapsService, { rebroadcast: false });
    await on.send(xml("presence"));
    await until(() => on.presences().length === 2);
    expect(calls).toBe(2);
    expect(on.presences().map((presence) => countsOf(present(presence)))).toEqual([
      [0, 0],
      [1, 1],
    ]);
  });
});
