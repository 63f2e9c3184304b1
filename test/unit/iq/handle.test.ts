import StanzaError from "@xmpp/middleware/lib/StanzaError.js";
import xml from "@xmpp/xml";
import { afterEach, beforeEach, describe, expect, type MockInstance, test, vi } from "vitest";
import { type IqContext, IqError, type IqHandler, IqService } from "../../../src/index.ts";
import { gate, unhandledRejections } from "../services/support.ts";
import {
  ask,
  conditionOf,
  deliver,
  failure,
  offline,
  online,
  type Party,
  result,
  version,
} from "./support.ts";

const TIME = { type: "get", name: "time", xmlns: "urn:xmpp:time" } as const;
const time = () => xml("time", "urn:xmpp:time");
const utc = () => xml("time", "urn:xmpp:time", xml("utc", {}, "2006-12-19T17:58:35Z"));

let log: MockInstance;

beforeEach(() => {
  log = vi.spyOn(console, "error").mockImplementation(() => {});
});

afterEach(() => {
  log.mockRestore();
});

/** A client that is on line and answers requests for the time like this. */
async function handling(handler: IqHandler): Promise<Party & { handle: Disposable }> {
  const party = await online();
  return { ...party, handle: party.iq.handle(TIME, handler) };
}

describe("what a handler returns", () => {
  test("is the payload of the result", async () => {
    const party = await handling(() => utc());
    const reply = await ask(party, time());
    expect(reply.attrs).toMatchObject({ type: "result", to: "juliet@capulet.example/balcony" });
    expect(reply.getChildElements().map(String)).toEqual([utc().toString()]);
  });

  test("may come later", async () => {
    const { opened, open } = gate();
    const party = await handling(() => opened.then(utc));
    const reply = ask(party, time());
    open();
    expect((await reply).getChild("time")?.getChildText("utc")).toBe("2006-12-19T17:58:35Z");
  });

  test("may be true, for an empty result", async () => {
    const party = await handling(() => true);
    const reply = await ask(party, time());
    expect(reply.attrs.type).toBe("result");
    expect(reply.children).toEqual([]);
  });

  test("may be nothing, for a request that is not served", async () => {
    const party = await handling(() => undefined);
    expect(conditionOf(await ask(party, time()))).toBe("service-unavailable");
  });

  test("may be an error element", async () => {
    const party = await handling(() => new IqError("forbidden", { text: "Members only" }).toElement());
    const reply = await ask(party, time());
    expect(reply.attrs.type).toBe("error");
    expect(IqError.fromElement(reply)).toMatchObject({ condition: "forbidden", text: "Members only" });
  });

  test("may be what the next handler says", async () => {
    const party = await handling((_context, next) => next() as Promise<undefined>);
    party.xmpp.iqCallee.get("urn:xmpp:time", "time", () => utc());
    expect((await ask(party, time())).getChild("time")?.getChild("utc")).toBeDefined();
  });

  test.each([
    ["text", "<time/>"],
    ["a number", 5],
    ["false", false],
    ["null", null],
    ["an object", {}],
  ])("is an internal-server-error where it is %s, and the error is told here", async (_what, nonsense) => {
    const party = await handling((() => nonsense) as unknown as IqHandler);
    const errors = vi.fn();
    party.iq.on("error", errors);
    expect(conditionOf(await ask(party, time()))).toBe("internal-server-error");
    expect(errors).toHaveBeenCalledExactlyOnceWith(expect.any(TypeError));
    expect(String(errors.mock.calls[0]?.[0])).toContain("a handler of requests returns an Element");
  });
});

describe("what a handler is given", () => {
  async function context(payload = String(time())): Promise<IqContext> {
    let given: IqContext | undefined;
    const party = await handling((context) => {
      given = context;
      return true;
    });
    await ask(party, payload);
    if (given === undefined) throw new Error("not called");
    return given;
  }

  test("has the stanza and its one child", async () => {
    const { stanza, element, name, type, id } = await context();
    expect(stanza.is("iq")).toBe(true);
    expect(element.is("time", "urn:xmpp:time")).toBe(true);
    expect(stanza.getChildElements()).toEqual([element]);
    expect({ name, type, id }).toEqual({ name: "iq", type: "get", id: stanza.attrs.id });
  });

  test("has who asks and who is asked", async () => {
    const { from, to } = await context();
    expect(String(from)).toBe("juliet@capulet.example/balcony");
    expect(String(to)).toBe("romeo@montague.example/orchard");
  });
});

describe("what a handler throws", () => {
  const thrown: [string, () => Error][] = [
    [
      "an IqError",
      () => new IqError("not-acceptable", { text: "No", application: xml("why", "urn:example") }),
    ],
    [
      "a StanzaError of xmpp.js",
      () => new StanzaError("not-acceptable", "No", xml("why", "urn:example"), "modify"),
    ],
  ];

  describe.each(thrown)("where it is %s", (_what, makeError) => {
    test.each([
      [
        "at once",
        (error: Error) => {
          throw error;
        },
      ],
      ["later", (error: Error) => Promise.reject(error)],
    ])("is the answer, %s", async (_when, fail) => {
      const party = await handling((() => fail(makeError())) as IqHandler);
      const errors = vi.fn();
      party.iq.on("error", errors);
      const reply = await ask(party, time());
      expect(reply.attrs.type).toBe("error");
      const error = IqError.fromElement(reply);
      expect(error).toMatchObject({ condition: "not-acceptable", type: "modify", text: "No" });
      expect(error.application?.is("why", "urn:example")).toBe(true);
      expect(errors).not.toHaveBeenCalled();
    });
  });

  test("is the answer where it is what xmpp.js' own request rejected with", async () => {
    const party = await online();
    party.server.script = (stanza) =>
      stanza.attrs.to === "clock.example"
        ? failure(stanza, new IqError("remote-server-timeout", { text: "gone" }).toElement())
        : undefined;
    party.iq.handle(TIME, () => party.xmpp.iqCaller.get(version(), "clock.example"));
    const error = IqError.fromElement(await ask(party, time()));
    expect(error).toMatchObject({ condition: "remote-server-timeout", type: "wait", text: "gone" });
  });

  test("is the answer where it is what a request of its own rejected with", async () => {
    const party = await online();
    party.server.script = (stanza) =>
      stanza.attrs.to === "clock.example" ? failure(stanza, new IqError("forbidden").toElement()) : undefined;
    party.iq.handle(TIME, () => party.iq.get(version(), "clock.example"));
    expect(conditionOf(await ask(party, time()))).toBe("forbidden");
  });

  test("is told to the peer without an empty text, where a StanzaError has none", async () => {
    const party = await handling(() => {
      throw new StanzaError("gone");
    });
    const reply = await ask(party, time());
    expect(reply.getChild("error")?.toString()).toBe(
      '<error type="cancel"><gone xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error>',
    );
  });

  const oops = new Error("secret details");

  test.each([
    [
      "any other error",
      () => {
        throw oops;
      },
      oops,
    ],
    ["any other error, later", () => Promise.reject(oops), oops],
    [
      "no error at all",
      () => {
        throw "text";
      },
      "text",
    ],
    ["undefined", () => Promise.reject(undefined), undefined],
  ])("is an internal-server-error without details where it is %s", async (_what, handler, error) => {
    const party = await handling(handler as IqHandler);
    const errors = vi.fn();
    party.iq.on("error", errors);
    const reply = await ask(party, time());
    expect(conditionOf(reply)).toBe("internal-server-error");
    expect(reply.toString()).not.toContain("secret details");
    expect(errors).toHaveBeenCalledExactlyOnceWith(error);
  });

  test("is an internal-server-error where a StanzaError has no condition that could be told", async () => {
    const party = await handling(() => {
      throw new StanzaError("<not a condition>");
    });
    const errors = vi.fn();
    party.iq.on("error", errors);
    expect(conditionOf(await ask(party, time()))).toBe("internal-server-error");
    expect(errors).toHaveBeenCalledOnce();
  });

  test("ends no process and reaches no error listener of the client, where nobody listens", async () => {
    const party = await handling(() => {
      throw oops;
    });
    const clientErrors = vi.fn();
    party.xmpp.on("error", clientErrors);
    expect(await unhandledRejections(() => ask(party, time()))).toEqual([]);
    expect(clientErrors).not.toHaveBeenCalled();
    expect(log).toHaveBeenCalledExactlyOnceWith(oops);
  });

  test("leaves the handler answering", async () => {
    let count = 0;
    const party = await handling(() => {
      count += 1;
      if (count === 1) throw oops;
      return utc();
    });
    expect((await ask(party, time())).attrs.type).toBe("error");
    expect((await ask(party, time())).attrs.type).toBe("result");
  });

  test("cannot break the stream with a text that XML does not carry", async () => {
    const party = await handling(() => {
      throw new IqError("bad-request", { text: "a\u0000b\ud800" });
    });
    const reply = await ask(party, time());
    expect(reply.attrs.type).toBe("error");
    expect(reply.toString()).not.toMatch(/[\0\p{Cs}]/u);
  });
});

describe("which requests a handler gets", () => {
  test("those of its type, name and namespace alone", async () => {
    const handler = vi.fn(() => true as const);
    const party = await handling(handler);
    await ask(party, time(), { type: "set" });
    await ask(party, xml("clock", "urn:xmpp:time"));
    await ask(party, xml("time", "urn:example:other"));
    expect(handler).not.toHaveBeenCalled();
    await ask(party, time());
    expect(handler).toHaveBeenCalledOnce();
  });

  test("no answers and no errors", async () => {
    const handler = vi.fn(() => true as const);
    const party = await handling(handler);
    await deliver(party, `<iq type="result" id="1" from="capulet.example">${time()}</iq>`);
    await deliver(party, `<iq type="error" id="2" from="capulet.example">${time()}</iq>`);
    expect(handler).not.toHaveBeenCalled();
    expect(party.server.received).toEqual([]);
  });

  test("those of each type have handlers of their own", async () => {
    const party = await handling(() => utc());
    party.iq.handle({ ...TIME, type: "set" }, () => true);
    expect((await ask(party, time())).getChild("time")).toBeDefined();
    expect((await ask(party, time(), { type: "set" })).children).toEqual([]);
  });

  test("many at once, and each its own answer", async () => {
    const { opened, open } = gate();
    const party = await handling(async ({ from }) => {
      if (from?.getLocal() === "slow") await opened;
      return xml("time", "urn:xmpp:time", String(from));
    });
    const slow = ask(party, time(), { from: "slow@capulet.example" });
    const fast = await ask(party, time(), { from: "fast@capulet.example" });
    expect(fast.getChildText("time")).toBe("fast@capulet.example");
    open();
    expect((await slow).getChildText("time")).toBe("slow@capulet.example");
  });

  test("none that the application's own handler, which was there first, answers", async () => {
    const party = await online();
    party.xmpp.iqCallee.get("urn:xmpp:time", "time", () => xml("time", "urn:xmpp:time", "mine"));
    const handler = vi.fn(() => utc());
    party.iq.handle(TIME, handler);
    expect((await ask(party, time())).getChildText("time")).toBe("mine");
    expect(handler).not.toHaveBeenCalled();
  });

  test("those that the application's own handler passes on", async () => {
    const party = await online();
    party.xmpp.iqCallee.get("urn:xmpp:time", "time", (_context: unknown, next: () => unknown) => next());
    party.iq.handle(TIME, () => utc());
    expect((await ask(party, time())).getChild("time")?.getChild("utc")).toBeDefined();
  });
});

describe("a second handler of the same requests", () => {
  test("is an error that names them", () => {
    const { iq } = offline();
    iq.handle(TIME, () => true);
    expect(() => iq.handle(TIME, () => true)).toThrow(
      'get requests for <time xmlns="urn:xmpp:time"/> are handled',
    );
  });

  test("leaves the first one in place", async () => {
    const party = await handling(() => utc());
    expect(() => party.iq.handle(TIME, () => true)).toThrow();
    expect((await ask(party, time())).getChild("time")?.getChild("utc")).toBeDefined();
  });

  test.each(["result", "error", "", undefined])("needs a type that is get or set, not %j", (type) => {
    const { iq } = offline();
    expect(() => iq.handle({ ...TIME, type: type as "get" }, () => true)).toThrow(
      new TypeError(`type is "get" or "set", not ${type === undefined ? "undefined" : JSON.stringify(type)}`),
    );
  });
});

describe("disposing of a handler", () => {
  test("lets xmpp.js say that nobody answers", async () => {
    const party = await handling(() => utc());
    party.handle[Symbol.dispose]();
    expect(conditionOf(await ask(party, time()))).toBe("service-unavailable");
  });

  test("makes room for another", async () => {
    const party = await handling(() => true);
    party.handle[Symbol.dispose]();
    party.iq.handle(TIME, () => utc());
    expect((await ask(party, time())).getChild("time")?.getChild("utc")).toBeDefined();
  });

  test("happens by itself at the end of a block", () => {
    const { iq } = offline();
    {
      using _handle = iq.handle(TIME, () => true);
      expect(() => iq.handle(TIME, () => true)).toThrow("are handled");
    }
    expect(() => iq.handle(TIME, () => true)).not.toThrow();
  });

  test("twice does not take away who came after", async () => {
    const party = await handling(() => true);
    party.handle[Symbol.dispose]();
    party.iq.handle(TIME, () => utc());
    party.handle[Symbol.dispose]();
    expect((await ask(party, time())).getChild("time")?.getChild("utc")).toBeDefined();
  });

  test("gives way to a handler of the application that was there second", async () => {
    const party = await handling(() => true);
    party.xmpp.iqCallee.get("urn:xmpp:time", "time", () => utc());
    party.handle[Symbol.dispose]();
    expect((await ask(party, time())).getChild("time")?.getChild("utc")).toBeDefined();
  });

  test("lets a request that is being answered have its answer", async () => {
    const { opened, open } = gate();
    const called = gate();
    const party = await handling(async () => {
      called.open();
      await opened;
      return utc();
    });
    const reply = ask(party, time());
    await called.opened;
    party.handle[Symbol.dispose]();
    open();
    expect((await reply).getChild("time")).toBeDefined();
  });
});

describe("after the dismissal of the service", () => {
  test("xmpp.js says that nobody answers", async () => {
    const party = await handling(() => utc());
    party.xmpp.dismiss(IqService);
    expect(conditionOf(await ask(party, time()))).toBe("service-unavailable");
  });

  test("a new service answers in its place, and the old handle cannot take that away", async () => {
    const party = await handling(() => true);
    party.xmpp.dismiss(IqService);
    party.xmpp.summon(IqService).handle(TIME, () => utc());
    party.handle[Symbol.dispose]();
    expect((await ask(party, time())).getChild("time")?.getChild("utc")).toBeDefined();
  });

  test("xmpp.js goes on answering what it answers itself", async () => {
    const party = await handling(() => utc());
    party.xmpp.dismiss(IqService);
    expect((await ask(party, xml("ping", "urn:xmpp:ping"))).attrs.type).toBe("result");
  });
});

describe("a request to oneself without a stanza", () => {
  const local = () => xml("iq", { type: "get", id: "local" }, time());

  test("is answered by the handler", async () => {
    const { server, iq } = await handling(() => utc());
    expect(String(await iq.answerLocally(local()))).toBe(String(utc()));
    expect(server.received).toEqual([]);
  });

  test("has the client's own address as who asks and who is asked", async () => {
    const { iq } = await handling(({ from, to }) => xml("time", {}, `${from} ${to}`));
    const me = "romeo@montague.example/orchard";
    expect((await iq.answerLocally(local()))?.getText()).toBe(`${me} ${me}`);
  });

  test("rejects with the error that a peer would be told", async () => {
    const { iq } = await handling(() => {
      throw new IqError("forbidden", { text: "No" });
    });
    await expect(iq.answerLocally(local())).rejects.toMatchObject({ condition: "forbidden", text: "No" });
  });

  test("rejects with internal-server-error where the handler throws anything else", async () => {
    const { iq } = await handling(() => {
      throw new Error("oops");
    });
    const errors = vi.fn();
    iq.on("error", errors);
    await expect(iq.answerLocally(local())).rejects.toMatchObject({ condition: "internal-server-error" });
    expect(errors).toHaveBeenCalledOnce();
  });

  test("is nobody's where no handler is there", () => {
    const { iq } = offline();
    expect(iq.answerLocally(local())).toBeUndefined();
    expect(iq.answerLocally(xml("iq", { type: "get" }))).toBeUndefined();
  });
});

test("a client that asks itself is answered by its own handler", async () => {
  const party = await handling(() => utc());
  // The server sends it back, and then the answer.
  party.server.script = (stanza) => {
    if (stanza.attrs.to !== party.server.jid) return undefined;
    stanza.attrs.from = party.server.jid;
    return stanza;
  };
  const answer = await party.iq.get(time(), party.server.jid);
  expect(answer?.getChild("utc")).toBeDefined();
});

test("a handler may ask its peer back before it answers", async () => {
  const party = await online();
  party.server.script = (stanza) =>
    stanza.getChild("query") ? result(stanza, xml("query", "jabber:iq:version")) : undefined;
  party.iq.handle(TIME, async ({ from }) =>
    (await party.iq.get(version(), String(from))) ? utc() : undefined,
  );
  expect((await ask(party, time())).getChild("time")).toBeDefined();
});
