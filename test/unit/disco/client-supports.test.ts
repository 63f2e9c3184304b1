import xml, { type Element } from "@xmpp/xml";
import { describe, expect, test } from "vitest";
import {
  DiscoInfo,
  IqError,
  IqTimeout,
  MalformedResponse,
  NS_DISCO_INFO,
  SessionLost,
} from "../../../src/index.ts";
import { ask, connect, expectNoStrays, PEER, refusal, requestsAt, type Stage } from "./support.ts";

expectNoStrays();

const MUC = "http://jabber.org/protocol/muc";

/** A server of chat rooms. */
function rooms(request: Element): Element {
  const { id, to } = request.attrs;
  return xml(
    "iq",
    { type: "result", id, from: to },
    xml(
      "query",
      { xmlns: NS_DISCO_INFO, "xml:lang": "en" },
      xml("identity", { category: "conference", type: "text", name: "Rooms" }),
      xml("identity", { category: "conference", type: "text", name: "Räume", "xml:lang": "de" }),
      xml("identity", { category: "directory", type: "chatroom" }),
      xml("feature", { var: MUC }),
    ),
  );
}

/** A peer that answers as a chat service. */
async function withRooms(): Promise<Stage> {
  const stage = await connect();
  stage.server.script = rooms;
  return stage;
}

/** The questions that have a yes, a no, and a failure for an answer. */
const QUESTIONS = {
  supports: (stage: Stage, timeout?: number) => stage.disco.supports(PEER, MUC, { timeout }),
  hasIdentity: (stage: Stage, timeout?: number) =>
    stage.disco.hasIdentity(PEER, { category: "conference" }, { timeout }),
};

describe.each(Object.entries(QUESTIONS))("%s", (_, question) => {
  test("is true where it is so, and asks once", async () => {
    const stage = await withRooms();
    expect(await Promise.all([question(stage), question(stage)])).toEqual([true, true]);
    expect(await question(stage)).toBe(true);
    await requestsAt(stage.server, 1);
  });

  test.each(["item-not-found", "service-unavailable", "feature-not-implemented"])(
    "is false where the answer is %s: there is no such thing",
    async (condition) => {
      const stage = await connect();
      stage.server.script = (stanza) => refusal(stanza, condition);
      expect(await question(stage)).toBe(false);
    },
  );

  test.each([
    ["forbidden", "auth"],
    ["not-allowed", "cancel"],
    ["remote-server-not-found", "cancel"],
    ["remote-server-timeout", "wait"],
    ["internal-server-error", "wait"],
    ["subscription-required", "auth"],
    ["undefined-condition", "cancel"],
  ])("rejects where the answer is %s", async (condition, type) => {
    const stage = await connect();
    stage.server.script = (stanza) => refusal(stanza, condition, type);
    const asked = ask(question(stage));
    await asked.end;
    expect(asked.error).toBeInstanceOf(IqError);
    expect(asked.error).toMatchObject({ condition, type });
  });

  test("rejects where no answer comes in time", async () => {
    const stage = await connect();
    await expect(question(stage, 5)).rejects.toBeInstanceOf(IqTimeout);
  });

  test("rejects where the answer is unusable", async () => {
    const stage = await connect();
    stage.server.script = (stanza) => xml("iq", { type: "result", id: stanza.attrs["id"], from: PEER });
    await expect(question(stage)).rejects.toBeInstanceOf(MalformedResponse);
  });

  test("rejects where the session is lost", async () => {
    const stage = await connect();
    const asked = ask(question(stage));
    await stage.xmpp.stop();
    await asked.end;
    expect(asked.error).toBeInstanceOf(SessionLost);
  });

  test("takes what was set for an answer", async () => {
    const stage = await connect();
    stage.disco.setInfoCache(PEER, undefined, new DiscoInfo({}));
    expect(await question(stage)).toBe(false);
    await requestsAt(stage.server, 0);
  });

  test("is false where a promise that was set rejects with no such thing, and rejects where with another", async () => {
    const stage = await connect();
    stage.disco.setInfoFuture(PEER, undefined, Promise.reject(new IqError("item-not-found")));
    expect(await question(stage)).toBe(false);
    stage.disco.setInfoFuture(PEER, undefined, Promise.reject(new Error("no such luck")));
    await expect(question(stage)).rejects.toThrow("no such luck");
  });
});

describe("supports", () => {
  test("is false where the feature is not among those told", async () => {
    const { disco } = await withRooms();
    expect(await disco.supports(PEER, "urn:xmpp:mam:2")).toBe(false);
    expect(await disco.supports(PEER, MUC.toUpperCase())).toBe(false);
  });

  test("is true of disco#info for whoever answers, also when it does not say so", async () => {
    const { disco } = await withRooms();
    expect(await disco.supports(PEER, NS_DISCO_INFO)).toBe(true);
  });

  test("is false of disco#info for who says there is no such thing", async () => {
    const stage = await connect();
    stage.server.script = (stanza) => refusal(stanza, "service-unavailable");
    expect(await stage.disco.supports(PEER, NS_DISCO_INFO)).toBe(false);
  });

  test("asks the node it is given, with the options it is given", async () => {
    const stage = await withRooms();
    await stage.disco.supports(PEER, MUC, { node: "n", from: "gateway.example" });
    await stage.disco.supports(PEER, MUC, { node: "n", from: "gateway.example", requireFresh: true });
    const [, request] = await requestsAt(stage.server, 2);
    expect(request?.attrs["from"]).toBe("gateway.example");
    expect(request?.getChild("query")?.attrs["node"]).toBe("n");
  });
});

describe("hasIdentity", () => {
  test.each([
    [{ category: "conference" }, true],
    [{ category: "conference", type: "text" }, true],
    [{ category: "conference", type: "irc" }, false],
    [{ category: "conference", type: "chatroom" }, false],
    [{ category: "directory", type: "chatroom" }, true],
    [{ category: "server" }, false],
    [{ category: "Conference" }, false],
    [{ category: "conference", lang: "de" }, true],
    [{ category: "conference", lang: "DE" }, true],
    [{ category: "conference", lang: "en" }, true],
    [{ category: "conference", lang: "fr" }, false],
    [{ category: "conference", type: "text", lang: "de" }, true],
    [{ category: "directory", lang: "de" }, false],
  ])("of %o is %s", async (identity, expected) => {
    const { disco } = await withRooms();
    expect(await disco.hasIdentity(PEER, identity)).toBe(expected);
  });

  test("asks the node it is given", async () => {
    const stage = await withRooms();
    await stage.disco.hasIdentity(PEER, { category: "conference" }, { node: "n" });
    const [request] = await requestsAt(stage.server, 1);
    expect(request?.getChild("query")?.attrs["node"]).toBe("n");
  });
});
