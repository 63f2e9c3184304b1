import { setTimeout as sleep } from "node:timers/promises";
import type { Status } from "@xmpp/connection";
import { describe, expect, test, vi } from "vitest";
import { IqService, IqTimeout, SessionLost, withServices, XMPPError } from "../../../src/index.ts";
import { MemoryServer, memoryClient } from "../../support/memory.ts";
import { isOpen, unhandledRejections } from "../services/support.ts";
import {
  cut,
  deliver,
  firstRequest,
  offline,
  online,
  reconnect,
  request,
  requests,
  result,
  start,
  streamManagement,
  streamManagementReady,
  version,
} from "./support.ts";

const TO = "capulet.example";
const resumable = { streamManagement: true };
const lost = { name: "SessionLost" };

/** Time for whatever should not be sent to arrive at the server. */
const settle = () => sleep(5);

describe("without stream management", () => {
  test("a lost connection rejects what waits, with a SessionLost that says why", async () => {
    const party = await online();
    const answer = party.iq.get(version(), TO).catch((thrown: unknown) => thrown);
    await requests(party.server);
    await cut(party);
    const error = await answer;
    expect(error).toBeInstanceOf(SessionLost);
    expect(error).toBeInstanceOf(XMPPError);
    expect(error).toMatchObject({ name: "SessionLost", message: "the connection was lost" });
  });

  test("a client that stops rejects what waits", async () => {
    const { server, xmpp, iq } = await online();
    const rejected = expect(iq.get(version(), TO)).rejects.toMatchObject(lost);
    await requests(server);
    await xmpp.stop();
    await rejected;
  });

  test("nothing is sent again by itself when the client is back", async () => {
    const party = await online();
    const rejected = expect(party.iq.get(version(), TO)).rejects.toMatchObject(lost);
    await requests(party.server);
    await cut(party);
    await rejected;
    await reconnect(party);
    await settle();
    expect(party.server.requests()).toHaveLength(1);
  });

  test("the next request works when the client is back", async () => {
    const party = await online();
    await cut(party);
    await reconnect(party);
    party.server.script = (stanza) => result(stanza);
    await expect(party.iq.request(request(TO))).resolves.toBeDefined();
  });

  test("the old session's answer is not taken in the new one", async () => {
    const party = await online();
    const rejected = expect(party.iq.get(version(), TO)).rejects.toMatchObject(lost);
    const old = await firstRequest(party.server);
    await cut(party);
    await rejected;
    await reconnect(party);
    const fresh = party.iq.get(version(), TO);
    await requests(party.server, 2);
    await deliver(party, result(old));
    expect(await isOpen(fresh)).toBe(true);
    const stanza = party.server.requests()[1];
    if (stanza !== undefined) await deliver(party, result(stanza));
    await fresh;
  });

  test("a request in between rejects, and is not sent later", async () => {
    const party = await online();
    await cut(party);
    await expect(party.iq.get(version(), TO)).rejects.toMatchObject(lost);
    await reconnect(party);
    await settle();
    expect(party.server.received).toEqual([]);
  });

  test("ten thousand waits reject at once, and none is left unhandled", async () => {
    const party = await online();
    const waits = Array.from({ length: 10_000 }, (_, at) => party.iq.get(version(), `peer${at}.example`));
    const settled = Promise.allSettled(waits);
    await settle();
    const reasons = await unhandledRejections(() => cut(party));
    expect(reasons).toEqual([]);
    const outcomes = await settled;
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toEqual([]);
    expect(
      outcomes.every((outcome) => outcome.status === "rejected" && outcome.reason instanceof SessionLost),
    ).toBe(true);
  });

  test("requests that nobody awaits any more are lost without a word", async () => {
    const party = await online();
    for (let count = 0; count < 20; count += 1) {
      await expect(party.iq.get(version(), TO, { timeout: 0 })).rejects.toBeInstanceOf(IqTimeout);
    }
    expect(await unhandledRejections(() => cut(party))).toEqual([]);
  });
});

describe("a client that is not on line", () => {
  test("rejects requests before its start with SessionLost", async () => {
    const { server, iq } = offline();
    await expect(iq.get(version(), TO)).rejects.toMatchObject(lost);
    await expect(iq.request(request(TO))).rejects.toBeInstanceOf(SessionLost);
    expect(server.received).toEqual([]);
  });

  test("rejects requests after its stop with SessionLost", async () => {
    const { xmpp, iq } = await online();
    await xmpp.stop();
    await expect(iq.get(version(), TO)).rejects.toMatchObject(lost);
  });

  test("rejects requests after its stop also where the stream could be resumed before", async () => {
    const { xmpp, iq } = await online(resumable);
    await xmpp.stop();
    await expect(iq.get(version(), TO)).rejects.toMatchObject(lost);
  });

  test.each(["connecting", "connect", "opening", "open"] satisfies Status[])(
    "rejects requests while it is in state %s of its start, and does not write into the negotiation",
    async (status) => {
      const party = offline();
      let answer: Promise<unknown> | undefined;
      party.xmpp.once(status, () => {
        answer = party.iq.get(version(), TO).catch((thrown: unknown) => thrown);
      });
      await start(party);
      expect(await answer).toBeInstanceOf(SessionLost);
      await settle();
      expect(party.server.received).toEqual([]);
    },
  );

  test.each(["closing", "close", "disconnecting", "disconnect", "offline"] satisfies Status[])(
    "rejects requests while it is in state %s of its stop",
    async (status) => {
      const { server, xmpp, iq } = await online();
      let answer: Promise<unknown> | undefined;
      xmpp.once(status, () => {
        answer = iq.get(version(), TO).catch((thrown: unknown) => thrown);
      });
      await xmpp.stop();
      expect(await answer).toBeInstanceOf(SessionLost);
      expect(server.received).toEqual([]);
    },
  );

  test("works when it is started again", async () => {
    const party = await online();
    await party.xmpp.stop();
    await start(party);
    party.server.script = (stanza) => result(stanza);
    await expect(party.iq.request(request(TO))).resolves.toBeDefined();
  });
});

describe("what an application does as soon as it is on line", () => {
  test("is answered, where it listens after it has summoned the service", async () => {
    const party = offline();
    party.server.script = (stanza) => result(stanza);
    const answered = new Promise((resolve, reject) => {
      party.xmpp.on("online", () => party.iq.request(request(TO)).then(resolve, reject));
    });
    await Promise.all([expect(answered).resolves.toBeDefined(), start(party)]);
  });

  test.each(["online", "status"])(
    "is answered, where it listens for %s before it summons the service",
    async (event) => {
      const server = new MemoryServer();
      server.script = (stanza) => result(stanza);
      const xmpp = withServices(memoryClient(server));
      const answered = new Promise((resolve, reject) => {
        xmpp.on(event, () => {
          if (xmpp.status === "online") xmpp.summon(IqService).request(request(TO)).then(resolve, reject);
        });
      });
      xmpp.summon(IqService);
      await Promise.all([expect(answered).resolves.toBeDefined(), start({ xmpp })]);
    },
  );

  test.each([
    ["with", true],
    ["without", false],
  ])("is answered in the next session too, %s stream management", async (_how, streamManagement) => {
    const server = new MemoryServer({ streamManagement });
    server.script = (stanza) => result(stanza);
    server.resumable = false;
    const xmpp = withServices(memoryClient(server));
    xmpp.reconnect.stop();
    const outcomes: string[] = [];
    xmpp.on("online", () => {
      const iq = xmpp.summon(IqService);
      iq.request(request(TO)).then(
        () => outcomes.push("answered"),
        (error: Error) => outcomes.push(error.name),
      );
    });
    const party = { server, xmpp, iq: xmpp.summon(IqService) };
    await start(party);
    if (streamManagement) await streamManagementReady(party);
    await vi.waitFor(() => expect(outcomes).toEqual(["answered"]), { interval: 1 });
    await cut(party);
    await reconnect(party);
    await vi.waitFor(() => expect(outcomes).toEqual(["answered", "answered"]), { interval: 1 });
  });
});

describe("with stream management", () => {
  test("a cut connection lets what waits go on waiting, until the answer comes in the resumed stream", async () => {
    const party = await online(resumable);
    const answer = party.iq.request(request(TO));
    const stanza = await firstRequest(party.server);
    await cut(party);
    expect(await isOpen(answer)).toBe(true);
    await reconnect(party);
    expect(await isOpen(answer)).toBe(true);
    await deliver(party, result(stanza));
    expect((await answer).attrs.id).toBe(stanza.attrs.id);
    expect(party.server.requests()).toHaveLength(1);
  });

  test("several cuts in a row lose nothing", async () => {
    const party = await online(resumable);
    const answer = party.iq.request(request(TO));
    const stanza = await firstRequest(party.server);
    for (let count = 0; count < 3; count += 1) {
      await cut(party);
      await reconnect(party);
    }
    await deliver(party, result(stanza));
    await answer;
    expect(party.server.requests()).toHaveLength(1);
  });

  test("a stream that cannot be resumed rejects what waits when the new session begins", async () => {
    const party = await online(resumable);
    party.server.resumable = false;
    const answer = party.iq.get(version(), TO);
    const rejected = expect(answer).rejects.toMatchObject(lost);
    await requests(party.server);
    await cut(party);
    expect(await isOpen(answer)).toBe(true);
    await reconnect(party);
    await rejected;
    await settle();
    expect(party.server.requests()).toHaveLength(1);
  });

  test("a client that stops rejects what waits", async () => {
    const { server, xmpp, iq } = await online(resumable);
    const rejected = expect(iq.get(version(), TO)).rejects.toMatchObject({
      ...lost,
      message: "the session was ended",
    });
    await requests(server);
    await xmpp.stop();
    await rejected;
  });

  test("a client that gives up while the connection is cut rejects what waits", async () => {
    const party = await online(resumable);
    const rejected = expect(party.iq.get(version(), TO)).rejects.toMatchObject(lost);
    await requests(party.server);
    await cut(party);
    await party.xmpp.stop();
    await rejected;
  });

  test("a request while the connection is cut is sent when the stream is resumed, once", async () => {
    const party = await online(resumable);
    await cut(party);
    const answer = party.iq.request(request(TO));
    expect(await isOpen(answer)).toBe(true);
    party.server.script = (stanza) => result(stanza);
    await reconnect(party);
    await answer;
    expect(party.server.requests()).toHaveLength(1);
  });

  test.each(["connecting", "connect", "opening", "open"] satisfies Status[])(
    "a request in state %s of the new connection waits for the resumption",
    async (status) => {
      const party = await online(resumable);
      party.server.script = (stanza) => result(stanza);
      await cut(party);
      const answered = new Promise((resolve, reject) => {
        party.xmpp.once(status, () => party.iq.request(request(TO)).then(resolve, reject));
      });
      await Promise.all([expect(answered).resolves.toBeDefined(), reconnect(party)]);
      expect(party.server.requests()).toHaveLength(1);
    },
  );

  test("a request that an application makes as soon as the stream is resumed is sent", async () => {
    const party = await online(resumable);
    party.server.script = (stanza) => result(stanza);
    const answered = new Promise((resolve, reject) => {
      streamManagement(party.xmpp).once("resumed", () =>
        party.iq.request(request(TO), { timeout: 1_000 }).then(resolve, reject),
      );
    });
    await cut(party);
    await Promise.all([expect(answered).resolves.toBeDefined(), reconnect(party)]);
  });

  test("a request while the connection is cut rejects where the stream cannot be resumed, and is not sent", async () => {
    const party = await online(resumable);
    party.server.resumable = false;
    await cut(party);
    const rejected = expect(party.iq.get(version(), TO)).rejects.toMatchObject(lost);
    await reconnect(party);
    await rejected;
    await settle();
    expect(party.server.requests()).toEqual([]);
  });

  test("a timeout counts while the connection is cut, too", async () => {
    const party = await online(resumable);
    await cut(party);
    await expect(party.iq.get(version(), TO, { timeout: 5 })).rejects.toBeInstanceOf(IqTimeout);
  });

  test.each(["timeout", "abort"])(
    "a request that its caller gave up, by %s, before it could be sent is not sent any more",
    async (how) => {
      const party = await online(resumable);
      await cut(party);
      const controller = new AbortController();
      const options = how === "timeout" ? { timeout: 1 } : { signal: controller.signal };
      const rejected = expect(party.iq.set(version(), TO, options)).rejects.toThrow();
      if (how === "abort") controller.abort();
      await rejected;
      await reconnect(party);
      await settle();
      expect(party.server.requests()).toEqual([]);
    },
  );

  test("a dismissal while the connection is cut rejects what waits, and sends nothing later", async () => {
    const party = await online(resumable);
    await cut(party);
    const rejected = expect(party.iq.get(version(), TO)).rejects.toMatchObject({ name: "ServiceDismissed" });
    party.xmpp.dismiss(IqService);
    await rejected;
    await reconnect(party);
    await settle();
    expect(party.server.requests()).toEqual([]);
  });

  test("a service that is summoned while the connection is cut waits for the resumption as well", async () => {
    const party = await online(resumable);
    party.xmpp.dismiss(IqService);
    await cut(party);
    const answer = party.xmpp.summon(IqService).request(request(TO));
    expect(await isOpen(answer)).toBe(true);
    party.server.script = (stanza) => result(stanza);
    await reconnect(party);
    await expect(answer).resolves.toBeDefined();
  });

  test("a service that is summoned while the connection is cut waits through another failed attempt", async () => {
    const party = await online(resumable);
    party.xmpp.dismiss(IqService);
    await cut(party);
    const answer = party.xmpp.summon(IqService).request(request(TO));
    // The new connection breaks before the stream is open.
    party.xmpp.once("connect", () => party.server.cut());
    await party.xmpp.reconnect.reconnect().catch(() => {});
    expect(await isOpen(answer)).toBe(true);
    party.server.script = (stanza) => result(stanza);
    await reconnect(party);
    await expect(answer).resolves.toBeDefined();
  });

  test("a connection that is cut before the server has enabled it rejects what waits", async () => {
    const party = offline(resumable);
    await start(party);
    const rejected = expect(party.iq.get(version(), TO)).rejects.toMatchObject(lost);
    await cut(party);
    await rejected;
  });

  test("a hundred requests around a cut are all answered, and none is asked twice", async () => {
    const party = await online(resumable);
    const ask = (from: number) =>
      Array.from({ length: 50 }, (_, at) => party.iq.request(request(`peer${from + at}.example`)));
    const before = ask(0);
    await requests(party.server, 50);
    await cut(party);
    const after = ask(50);
    await reconnect(party);
    for (const stanza of await requests(party.server, 100)) party.server.send(result(stanza));
    const answers = await Promise.all([...before, ...after]);
    expect(new Set(answers.map(({ attrs }) => attrs.from)).size).toBe(100);
    expect(party.server.requests()).toHaveLength(100);
  });
});
