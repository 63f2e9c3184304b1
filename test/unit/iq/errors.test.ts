import xml, { type Element } from "@xmpp/xml";
import { describe, expect, test } from "vitest";
import {
  type ErrorType,
  IqError,
  IqTimeout,
  MalformedResponse,
  ServiceDismissed,
  SessionLost,
  XMPPError,
} from "../../../src/index.ts";
import { fc } from "../xml/property.ts";
import { failure, NS_STANZAS, online, parse, request } from "./support.ts";

// https://www.rfc-editor.org/rfc/rfc6120#section-8.3.3, the first type where there are two
const CONDITIONS: [condition: string, type: ErrorType][] = [
  ["bad-request", "modify"],
  ["conflict", "cancel"],
  ["feature-not-implemented", "cancel"],
  ["forbidden", "auth"],
  ["gone", "cancel"],
  ["internal-server-error", "cancel"],
  ["item-not-found", "cancel"],
  ["jid-malformed", "modify"],
  ["not-acceptable", "modify"],
  ["not-allowed", "cancel"],
  ["not-authorized", "auth"],
  ["policy-violation", "modify"],
  ["recipient-unavailable", "wait"],
  ["redirect", "modify"],
  ["registration-required", "auth"],
  ["remote-server-not-found", "cancel"],
  ["remote-server-timeout", "wait"],
  ["resource-constraint", "wait"],
  ["service-unavailable", "cancel"],
  ["subscription-required", "auth"],
  ["undefined-condition", "cancel"],
  ["unexpected-request", "wait"],
];

// https://xmpp.org/extensions/xep-0086.html, table 1
const LEGACY_CODES: [code: number, condition: string, type: ErrorType][] = [
  [302, "redirect", "modify"],
  [400, "bad-request", "modify"],
  [401, "not-authorized", "auth"],
  [402, "payment-required", "auth"],
  [403, "forbidden", "auth"],
  [404, "item-not-found", "cancel"],
  [405, "not-allowed", "cancel"],
  [406, "not-acceptable", "modify"],
  [407, "registration-required", "auth"],
  [408, "remote-server-timeout", "wait"],
  [409, "conflict", "cancel"],
  [500, "internal-server-error", "wait"],
  [501, "feature-not-implemented", "cancel"],
  [502, "service-unavailable", "wait"],
  [503, "service-unavailable", "cancel"],
  [504, "remote-server-timeout", "wait"],
  [510, "service-unavailable", "cancel"],
];

/** The error that an error stanza with this content tells. */
function told(content: string): IqError {
  return IqError.fromElement(parse(`<iq type="error" id="1" from="capulet.example">${content}</iq>`));
}

/** What a request is rejected with when this answers it. */
async function rejection(error?: Element): Promise<unknown> {
  const { server, iq } = await online();
  server.script = (stanza) => failure(stanza, error);
  return iq.request(request("capulet.example")).catch((thrown: unknown) => thrown);
}

describe("an error stanza that answers a request", () => {
  test("rejects it with an IqError that has all it tells", async () => {
    const application = xml("too-many-parameters", "urn:example:app");
    const error = await rejection(
      xml(
        "error",
        { type: "wait", by: "proxy.example" },
        xml("policy-violation", NS_STANZAS),
        xml("text", { xmlns: NS_STANZAS, "xml:lang": "en" }, "Later, please"),
        application,
      ),
    );
    expect(error).toBeInstanceOf(IqError);
    expect(error).toMatchObject({
      condition: "policy-violation",
      type: "wait",
      text: "Later, please",
      by: "proxy.example",
      message: "policy-violation from capulet.example: Later, please",
    });
    expect((error as IqError).application?.toString()).toBe(application.toString());
    expect((error as IqError).iq?.attrs.type).toBe("error");
  });

  test("rejects it also without an <error/>, and does not leave it waiting", async () => {
    const error = await rejection();
    expect(error).toBeInstanceOf(IqError);
    expect(error).toMatchObject({ condition: "undefined-condition", type: "cancel", text: undefined });
  });
});

describe("IqError.fromElement", () => {
  test.each(CONDITIONS)("reads %s, whose type is %s where none is given", (condition, type) => {
    expect(told(`<error><${condition} xmlns="${NS_STANZAS}"/></error>`)).toMatchObject({ condition, type });
  });

  test.each(["auth", "cancel", "continue", "modify", "wait"])(
    "believes the type %s that is given",
    (type) => {
      expect(told(`<error type="${type}"><gone xmlns="${NS_STANZAS}"/></error>`).type).toBe(type);
    },
  );

  test("does not believe a type that is none", () => {
    expect(told(`<error type="maybe"><forbidden xmlns="${NS_STANZAS}"/></error>`).type).toBe("auth");
  });

  test.each(LEGACY_CODES)(
    "understands the code %i of old servers as %s of type %s",
    (code, condition, type) => {
      expect(told(`<error code="${code}">No &amp; no</error>`)).toMatchObject({
        condition,
        type,
        code,
        text: "No & no",
      });
    },
  );

  test("prefers a condition to a code", () => {
    const error = told(`<error code="404" type="auth"><forbidden xmlns="${NS_STANZAS}"/></error>`);
    expect(error).toMatchObject({ condition: "forbidden", type: "auth", code: 404 });
  });

  test("prefers a type to that of a code", () => {
    expect(told('<error code="404" type="wait"/>')).toMatchObject({
      condition: "item-not-found",
      type: "wait",
    });
  });

  test.each(["0", "999", "4o4", "", "-404", "404.5"])("makes nothing of the code %j", (code) => {
    expect(told(`<error code="${code}"/>`).condition).toBe("undefined-condition");
  });

  test("finds an application's own condition, before and after the others", () => {
    const before = told(`<error><mine xmlns="urn:x"/><gone xmlns="${NS_STANZAS}"/></error>`);
    const after = told(`<error><gone xmlns="${NS_STANZAS}"/><mine xmlns="urn:x"/></error>`);
    for (const error of [before, after]) {
      expect(error.condition).toBe("gone");
      expect(error.application?.is("mine", "urn:x")).toBe(true);
    }
  });

  test("finds an application's condition where there is no other", () => {
    const error = told('<error type="modify"><mine xmlns="urn:x"/></error>');
    expect(error).toMatchObject({ condition: "undefined-condition", type: "modify" });
    expect(error.application?.name).toBe("mine");
  });

  test("does not take a condition in a namespace of its own for a defined one", () => {
    const error = told('<error><item-not-found xmlns="urn:x"/></error>');
    expect(error.condition).toBe("undefined-condition");
    expect(error.application?.name).toBe("item-not-found");
  });

  test("reads an error whose namespaces have prefixes", () => {
    const error = told(
      `<c:error xmlns:c="jabber:client" xmlns:s="${NS_STANZAS}" type="auth"><s:forbidden/><s:text>No</s:text></c:error>`,
    );
    expect(error).toMatchObject({ condition: "forbidden", type: "auth", text: "No" });
  });

  test("reads an error after the request that comes back with it", () => {
    const error = told(
      `<query xmlns="jabber:iq:version"/><error type="cancel"><gone xmlns="${NS_STANZAS}"/></error>`,
    );
    expect(error.condition).toBe("gone");
  });

  test("does not take a request that comes back for the error, whatever it is called", () => {
    const error = told(
      `<error xmlns="urn:example:log"/><error type="auth"><forbidden xmlns="${NS_STANZAS}"/></error>`,
    );
    expect(error).toMatchObject({ condition: "forbidden", type: "auth" });
  });

  test("takes the first of several conditions and texts", () => {
    const error = told(
      `<error><gone xmlns="${NS_STANZAS}">xmpp:new@example.org</gone><conflict xmlns="${NS_STANZAS}"/>` +
        `<text xmlns="${NS_STANZAS}">one</text><text xmlns="${NS_STANZAS}">two</text></error>`,
    );
    expect(error).toMatchObject({ condition: "gone", text: "one" });
  });

  test("takes a condition that it does not know as it is", () => {
    expect(told(`<error type="wait"><brand-new xmlns="${NS_STANZAS}"/></error>`)).toMatchObject({
      condition: "brand-new",
      type: "wait",
    });
  });

  test("takes no condition that could be no condition", () => {
    expect(told(`<error><Not.A_Condition xmlns="${NS_STANZAS}"/></error>`).condition).toBe(
      "undefined-condition",
    );
  });

  test.each([
    ["an empty stanza", ""],
    ["text alone", "oops"],
    ["an empty <error/>", "<error/>"],
    [
      "an error inside the request",
      `<query xmlns="urn:x"><error><gone xmlns="${NS_STANZAS}"/></error></query>`,
    ],
  ])("makes an undefined-condition of %s", (_what, content) => {
    expect(told(content)).toMatchObject({ condition: "undefined-condition", type: "cancel" });
  });

  test("throws for no stanza of a peer", () => {
    const names = fc.constantFrom("error", "text", "gone", "x", "query", "A", "s:gone");
    const attrs = fc.dictionary(
      fc.constantFrom("xmlns", "xmlns:s", "type", "code", "by"),
      fc.oneof(fc.constantFrom(NS_STANZAS, "404", "auth", "jabber:client"), fc.string()),
    );
    const { element } = fc.letrec<{ element: Element }>((tie) => ({
      element: fc
        .tuple(
          names,
          attrs,
          fc.array(fc.oneof({ depthSize: "small" }, fc.string(), tie("element")), { maxLength: 3 }),
        )
        .map(([name, given, children]) => xml(name, given, ...children)),
    }));
    fc.assert(
      fc.property(fc.array(element, { maxLength: 3 }), (children) => {
        const error = IqError.fromElement(xml("iq", { type: "error" }, ...children));
        expect(error.condition).toMatch(/^[a-z-]+$/);
        expect(error.toElement().is("error")).toBe(true);
      }),
    );
  });
});

describe("an IqError", () => {
  test("says in its message what went wrong, and for whom", () => {
    expect(new IqError("gone").message).toBe("gone");
    expect(new IqError("gone", { text: "Moved" }).message).toBe("gone: Moved");
    expect(new IqError("gone", { iq: xml("iq", { from: "a.example" }) }).message).toBe("gone from a.example");
  });

  test.each(["", "Not a condition", "<x/>", "item_not_found", undefined, null, 404])(
    "needs a condition, not %j",
    (condition) => {
      expect(() => new IqError(condition as string)).toThrow(TypeError);
      expect(() => new IqError(condition as string)).toThrow(/^condition is none of RFC 6120/);
    },
  );

  test("has the type that belongs to its condition, or the one that is given", () => {
    expect(new IqError("forbidden").type).toBe("auth");
    expect(new IqError("forbidden", { type: "cancel" }).type).toBe("cancel");
  });

  test("tells as an element what it is", () => {
    const error = new IqError("forbidden", { text: "Members <only>", application: xml("club", "urn:x") });
    expect(error.toElement().toString()).toBe(
      `<error type="auth"><forbidden xmlns="${NS_STANZAS}"/>` +
        `<text xmlns="${NS_STANZAS}">Members &lt;only&gt;</text><club xmlns="urn:x"/></error>`,
    );
  });

  test("tells as an element who reported it", () => {
    expect(new IqError("gone", { by: "proxy.example" }).toElement().attrs.by).toBe("proxy.example");
  });

  test("can be told more than once", () => {
    const error = new IqError("gone", { application: xml("club", "urn:x") });
    expect(error.toElement().toString()).toBe(error.toElement().toString());
  });

  test("comes back the same from the element that tells it", () => {
    const application = fc
      .tuple(fc.constantFrom("a", "too-many", "x"), fc.constantFrom("urn:x", "urn:example:y"))
      .map(([name, xmlns]) => xml(name, xmlns));
    fc.assert(
      fc.property(
        fc.record(
          {
            condition: fc.constantFrom(...CONDITIONS.map(([name]) => name)),
            type: fc.constantFrom<ErrorType>("auth", "cancel", "continue", "modify", "wait"),
            text: fc.string({ unit: "grapheme", minLength: 1 }),
            application,
          },
          { requiredKeys: ["condition"] },
        ),
        ({ condition, ...init }) => {
          const error = new IqError(condition, init);
          const { type, text } = error;
          for (const back of [
            IqError.fromElement(xml("iq", { type: "error" }, error.toElement())),
            told(error.toElement().toString()),
          ]) {
            expect(back).toMatchObject({ condition, type, text });
            expect(back.application?.toString()).toBe(error.application?.toString());
          }
        },
      ),
    );
  });
});

describe("the failures of a request", () => {
  const failures: [string, XMPPError][] = [
    ["IqError", new IqError("gone")],
    ["IqTimeout", new IqTimeout(undefined, 5)],
    ["SessionLost", new SessionLost("lost")],
    ["ServiceDismissed", new ServiceDismissed("dismissed")],
    ["MalformedResponse", new MalformedResponse("nonsense")],
  ];

  test.each(failures)("%s is an Error and an XMPPError, and has its name", (name, error) => {
    expect(error).toBeInstanceOf(Error);
    expect(error).toBeInstanceOf(XMPPError);
    expect(error.name).toBe(name);
    expect(String(error)).toContain(`${name}: `);
  });

  test("a dismissal is a loss of the session, for who does not care which", () => {
    expect(new ServiceDismissed("dismissed")).toBeInstanceOf(SessionLost);
  });

  test("an IqTimeout says who did not answer", () => {
    expect(new IqTimeout(request("capulet.example"), 5).message).toBe(
      "no answer from capulet.example within 5 ms",
    );
    expect(new IqTimeout(request(), 5).message).toBe("no answer within 5 ms");
    expect(new IqTimeout(undefined, 0)).toMatchObject({
      message: "no answer within 0 ms",
      request: undefined,
    });
  });

  test("a MalformedResponse has what came", () => {
    const element = xml("iq");
    expect(new MalformedResponse("nonsense", element).element).toBe(element);
    expect(new MalformedResponse("nonsense").element).toBeUndefined();
  });

  test("a SessionLost has the cause, where sending failed", async () => {
    const { xmpp, iq } = await online();
    const cause = new Error("no more");
    xmpp.send = () => Promise.reject(cause);
    await expect(iq.request(request("capulet.example"))).rejects.toMatchObject({
      name: "SessionLost",
      cause,
    });
  });

  test("a send that throws at once is a SessionLost too", async () => {
    const { xmpp, iq } = await online();
    const cause = new Error("no more");
    xmpp.send = () => {
      throw cause;
    };
    await expect(iq.request(request("capulet.example"))).rejects.toMatchObject({
      name: "SessionLost",
      cause,
    });
  });
});
