import xml from "@xmpp/xml";
import { describe, expect, test, vi } from "vitest";
import { MalformedResponse } from "../../../src/index.ts";
import {
  connect,
  counting,
  ends,
  expectNoStrays,
  infoOf,
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

describe.each(KINDS)("an answer to %s", (name, { xmlns }) => {
  const ACCOUNT = "romeo@montague.example";
  const SERVER = "montague.example";

  test.each([
    ["a peer", PEER, PEER],
    ["a peer, written in capitals", PEER, PEER.toUpperCase()],
    ["a full JID", `juliet@${PEER}/Balcony`, `Juliet@${PEER}/Balcony`],
    ["one's own account", ACCOUNT, ACCOUNT],
    ["one's own account, without a from", ACCOUNT, undefined],
    ["one's own server", SERVER, SERVER],
    ["one's own server, without a from", SERVER, undefined],
  ])("is taken from %s", async (_, to, from) => {
    const stage = await connect();
    const asked = query(stage, name, to);
    const answer = reply(await theRequestAt(stage.server), "genuine");
    answer.attrs["from"] = from;
    stage.server.send(answer);
    await asked.end;
    expect(markOf(asked.value)).toBe("genuine");
  });

  test.each([
    ["somebody else", PEER, "mallory@evil.example/x"],
    ["nobody in particular, when a peer was asked", PEER, undefined],
    ["one's own server, when a peer was asked", PEER, SERVER],
    ["one's own account, when a peer was asked", PEER, ACCOUNT],
    ["a resource of the peer", PEER, `${PEER}/x`],
    ["another resource of the peer", `juliet@${PEER}/a`, `juliet@${PEER}/b`],
    ["a resource in another case", `juliet@${PEER}/a`, `juliet@${PEER}/A`],
    ["the peer's bare JID, when its full one was asked", `juliet@${PEER}/a`, `juliet@${PEER}`],
    ["the peer's server", `juliet@${PEER}`, PEER],
    ["somebody else, when one's own account was asked", ACCOUNT, "mallory@evil.example"],
    ["somebody else, when one's own server was asked", SERVER, "evil.example"],
    ["what is no JID", PEER, "@@"],
    ["an empty from", PEER, ""],
  ])("is not taken from %s: the question stays open for the genuine one", async (_, to, from) => {
    const stage = await connect();
    const asked = query(stage, name, to);
    const request = await theRequestAt(stage.server);
    const forged = reply(request, "forged");
    forged.attrs["from"] = from;
    const forgedRefusal = refusal(request, "item-not-found");
    forgedRefusal.attrs["from"] = from;
    stage.server.send(forged);
    stage.server.send(forgedRefusal);
    await quiet();
    expect(asked.state).toBe("open");
    stage.server.send(reply(request, "genuine"));
    await asked.end;
    expect(markOf(asked.value)).toBe("genuine");
  });

  test("is not taken from somebody else when its callers have left either", async () => {
    const stage = await connect();
    const told = vi.fn();
    stage.disco.on("info", told);
    stage.disco.on("items", told);
    await query(stage, name, PEER, { timeout: 5 }).end;
    const request = await theRequestAt(stage.server);
    const forged = reply(request, "forged");
    forged.attrs["from"] = "mallory@evil.example";
    stage.server.send(forged);
    await quiet();
    expect(told).not.toHaveBeenCalled();
    stage.server.send(reply(request, "genuine"));
    await quiet();
    const next = query(stage, name);
    await next.end;
    expect(markOf(next.value)).toBe("genuine");
  });

  test("that is a request with the same id is none", async () => {
    const stage = await connect();
    const asked = query(stage, name);
    const { id } = (await theRequestAt(stage.server)).attrs;
    stage.server.send(xml("iq", { type: "get", id, from: PEER }, xml("ping", "urn:xmpp:ping")));
    stage.server.send(xml("message", { type: "result", id, from: PEER }));
    await quiet();
    expect(asked.state).toBe("open");
  });

  test("that has nothing usable rejects all who wait with MalformedResponse, at once, and is told by no event", async () => {
    const stage = await connect();
    const told = vi.fn();
    stage.disco.on("info", told);
    stage.disco.on("items", told);
    const asked = [query(stage, name), query(stage, name)];
    const { id } = (await theRequestAt(stage.server)).attrs;
    stage.server.send(xml("iq", { type: "result", id, from: PEER }));
    await ends(asked);
    for (const { error } of asked) {
      expect(error).toBeInstanceOf(MalformedResponse);
      expect((error as MalformedResponse).element?.attrs["id"]).toBe(id);
    }
    expect(told).not.toHaveBeenCalled();
    query(stage, name);
    await requestsAt(stage.server, 2);
  });

  test("that has nothing usable and comes when its callers have left does no harm", async () => {
    const stage = await connect();
    await query(stage, name, PEER, { timeout: 5 }).end;
    const { id } = (await theRequestAt(stage.server)).attrs;
    stage.server.send(xml("iq", { type: "result", id, from: PEER }, xml("query", "urn:example:other")));
    await quiet();
    query(stage, name);
    await requestsAt(stage.server, 2);
  });

  test("is found among other children", async () => {
    const stage = await connect();
    const asked = query(stage, name);
    const answer = reply(await theRequestAt(stage.server), "found");
    answer.children.unshift("text", xml("query", "urn:example:other"));
    stage.server.send(answer);
    await asked.end;
    expect(markOf(asked.value)).toBe("found");
  });

  test("says whom and which node was asked, whatever it says itself", async () => {
    const stage = await connect();
    const asked = query(stage, name, PEER, { node: "n" });
    const answer = reply(await theRequestAt(stage.server), "mark");
    const payload = answer.getChild("query", xmlns);
    if (payload !== undefined) payload.attrs["node"] = "other";
    stage.server.send(answer);
    await asked.end;
    expect(asked.value).toMatchObject({ jid: PEER, node: "n" });
    expect(asked.value?.element?.attrs["node"]).toBe("other");
  });

  test("cannot be changed by one who shares it", async () => {
    const stage = await connect();
    stage.server.script = counting();
    const asked = query(stage, name);
    await asked.end;
    expect(Object.isFrozen(asked.value)).toBe(true);
  });
});

describe.each(KINDS)("the event of %s", (name, { event }) => {
  test("tells every answer that arrived, with whom and which node was asked", async () => {
    const stage = await connect();
    stage.server.script = counting();
    const told: unknown[][] = [];
    stage.disco.on(event, (...args: unknown[]) => void told.push(args));
    const asked = [query(stage, name, PEER.toUpperCase()), query(stage, name, PEER, { node: "n" })];
    await ends(asked);
    expect(told).toEqual([
      [PEER, undefined, asked[0]?.value],
      [PEER, "n", asked[1]?.value],
    ]);
  });

  test("is told once, however many wait", async () => {
    const stage = await connect();
    stage.server.script = counting();
    const told = vi.fn();
    stage.disco.on(event, told);
    await ends([query(stage, name), query(stage, name), query(stage, name)]);
    expect(told).toHaveBeenCalledTimes(1);
  });

  test("tells each of two answers of one target, the older one too", async () => {
    const stage = await connect();
    const told: unknown[] = [];
    stage.disco.on(event, (...args: unknown[]) => void told.push(markOf(args[2] as never)));
    const asked = [query(stage, name), query(stage, name, PEER, { requireFresh: true })];
    const [older, newer] = await requestsAt(stage.server, 2);
    stage.server.send(reply(newer, "newer"));
    stage.server.send(reply(older, "older"));
    await ends(asked);
    expect(told).toEqual(["newer", "older"]);
  });

  test("tells also an answer that noCache keeps from the cache", async () => {
    const stage = await connect();
    stage.server.script = counting();
    const told = vi.fn();
    stage.disco.on(event, told);
    await query(stage, name, PEER, { noCache: true }).end;
    expect(told).toHaveBeenCalledTimes(1);
  });

  test("is silent for answers from the cache, for failures and for the other kind", async () => {
    const stage = await connect();
    stage.server.script = counting();
    await query(stage, name).end;
    const told = vi.fn();
    stage.disco.on(event, told);
    await query(stage, name).end;
    stage.server.script = (stanza) => refusal(stanza, "item-not-found");
    await query(stage, name, "a.example").end;
    stage.server.script = counting();
    await query(stage, name === "queryInfo" ? "queryItems" : "queryInfo").end;
    expect(told).not.toHaveBeenCalled();
  });

  test("finds the answer in the cache already", async () => {
    const stage = await connect();
    stage.server.script = counting();
    const again = vi.fn();
    stage.disco.on(event, () => query(stage, name).end.then(again));
    await query(stage, name).end;
    await quiet();
    expect(again).toHaveBeenCalledTimes(1);
    await requestsAt(stage.server, 1);
  });

  test("a listener that throws, or rejects, disturbs neither who asked nor the other listeners", async () => {
    const stage = await connect();
    stage.server.script = counting();
    const errors: unknown[] = [];
    const told = vi.fn();
    stage.disco.on("error", (error) => void errors.push(error));
    stage.disco.on(event, () => {
      throw new Error("thrown");
    });
    stage.disco.on(event, async () => {
      throw new Error("rejected");
    });
    stage.disco.on(event, told);
    const asked = [query(stage, name), query(stage, name)];
    await ends(asked);
    await quiet();
    expect(asked.map(({ state }) => state)).toEqual(["answered", "answered"]);
    expect(told).toHaveBeenCalledTimes(1);
    expect(errors).toEqual([new Error("thrown"), new Error("rejected")]);
    const next = query(stage, name);
    await next.end;
    expect(next.value).toBe(asked[0]?.value);
  });

  test("a listener that is removed hears no more", async () => {
    const stage = await connect();
    stage.server.script = counting();
    const told = vi.fn();
    stage.disco.on(event, told);
    stage.disco.removeListener(event, told);
    await query(stage, name).end;
    expect(told).not.toHaveBeenCalled();
  });

  test("a listener may empty the cache, set an entry or ask anew", async () => {
    const stage = await connect();
    stage.server.script = counting();
    stage.disco.once(event, () => {
      stage.disco.flushCache();
      stage.disco.setInfoCache("a.example", undefined, infoOf("set"));
      query(stage, name);
    });
    const asked = query(stage, name);
    await asked.end;
    expect(markOf(asked.value)).toBe("1");
    await requestsAt(stage.server, 2);
  });
});
