import { jid } from "@xmpp/jid";
import xml, { type Element } from "@xmpp/xml";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DataForm, DiscoInfo, type DiscoInfoInit, IqError, MalformedResponse } from "../../../src/index.ts";
import {
  anyText,
  forAny,
  fromWire,
  maybeText,
  mutablePartsOf,
  overTheWire,
  someText,
  throughFile,
} from "../forms/helpers.ts";

const INFO = "http://jabber.org/protocol/disco#info";
const SOFTWARE = "urn:xmpp:dataforms:softwareinfo";

/** What is read from a `<query/>` with these children. */
function read(children: string, attributes = ""): DiscoInfo {
  return DiscoInfo.fromElement(fromWire(`<query xmlns="${INFO}" ${attributes}>${children}</query>`));
}

/** Everything but the element it came in. */
function told({ jid, node, lang, identities, features, forms }: DiscoInfo) {
  return { jid, node, lang, identities, features, forms };
}

const softwareForm =
  `<x xmlns="jabber:x:data" type="result"><field var="FORM_TYPE" type="hidden"><value>${SOFTWARE}</value></field>` +
  `<field var="os"><value>Linux</value></field></x>`;

describe("the examples of XEP-0030 and XEP-0128", () => {
  it("Example 2: a directory of chat rooms", () => {
    const info = DiscoInfo.fromElement(
      fromWire(`
        <iq type='result'
            from='plays.shakespeare.lit'
            to='romeo@montague.net/orchard'
            id='info1'>
          <query xmlns='http://jabber.org/protocol/disco#info'>
            <identity
                category='conference'
                type='text'
                name='Play-Specific Chatrooms'/>
            <identity
                category='directory'
                type='chatroom'
                name='Play-Specific Chatrooms'/>
            <feature var='http://jabber.org/protocol/disco#info'/>
            <feature var='http://jabber.org/protocol/disco#items'/>
            <feature var='http://jabber.org/protocol/muc'/>
            <feature var='jabber:iq:register'/>
            <feature var='jabber:iq:search'/>
            <feature var='jabber:iq:time'/>
            <feature var='jabber:iq:version'/>
          </query>
        </iq>`),
    );

    expect(told(info)).toEqual({
      jid: "plays.shakespeare.lit",
      node: undefined,
      lang: undefined,
      identities: [
        { category: "conference", type: "text", name: "Play-Specific Chatrooms" },
        { category: "directory", type: "chatroom", name: "Play-Specific Chatrooms" },
      ],
      features: [
        "http://jabber.org/protocol/disco#info",
        "http://jabber.org/protocol/disco#items",
        "http://jabber.org/protocol/muc",
        "jabber:iq:register",
        "jabber:iq:search",
        "jabber:iq:time",
        "jabber:iq:version",
      ],
      forms: [],
    });
  });

  it.each(["item-not-found", "service-unavailable"])(
    "Examples 3 and 4: %s, which is no information",
    (condition) => {
      const iq = fromWire(`
      <iq type='error'
          from='plays.shakespeare.lit'
          to='romeo@montague.net/orchard'
          id='info1'>
        <query xmlns='http://jabber.org/protocol/disco#info'/>
        <error type='cancel'>
          <${condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>
        </error>
      </iq>`);

      expect(IqError.fromElement(iq)).toMatchObject({ condition, type: "cancel" });
    },
  );

  it("an account, for which its server replies", () => {
    const info = DiscoInfo.fromElement(
      fromWire(`
        <iq type='result'
            from='juliet@capulet.com'
            to='shakespeare.lit'
            id='info2'>
          <query xmlns='http://jabber.org/protocol/disco#info'>
            <identity category='account' type='registered'/>
          </query>
        </iq>`),
    );

    expect(info.jid).toBe("juliet@capulet.com");
    expect(info.hasIdentity("account", "registered")).toBe(true);
    expect(info.features).toEqual([]);
  });

  it("a connected resource", () => {
    const info = DiscoInfo.fromElement(
      fromWire(`
        <iq type='result'
            from='romeo@montague.net/orchard'
            to='juliet@capulet.com/balcony'
            id='info4'>
          <query xmlns='http://jabber.org/protocol/disco#info'>
            <identity
                category='client'
                type='pc'
                name='Gabber'/>
            <feature var='jabber:iq:time'/>
            <feature var='jabber:iq:version'/>
          </query>
        </iq>`),
    );

    expect(info.jid).toBe("romeo@montague.net/orchard");
    expect(info.name()).toBe("Gabber");
    expect(info.has("jabber:iq:version")).toBe(true);
  });

  it("a JID and a node, which is mirrored", () => {
    const info = DiscoInfo.fromElement(
      fromWire(`
        <iq type='result'
            from='mim.shakespeare.lit'
            to='romeo@montague.net/orchard'
            id='info3'>
          <query xmlns='http://jabber.org/protocol/disco#info'
                 node='http://jabber.org/protocol/commands'>
            <identity
                category='automation'
                type='command-list'/>
          </query>
        </iq>`),
    );

    expect(info.node).toBe("http://jabber.org/protocol/commands");
    expect(info.identities).toEqual([{ category: "automation", type: "command-list" }]);
  });

  it("an IM server with a form", () => {
    const info = DiscoInfo.fromElement(
      fromWire(`
        <iq type='result'
            from='shakespeare.lit'
            to='capulet.com'
            id='disco1'>
          <query xmlns='http://jabber.org/protocol/disco#info'>
            <identity
                category='server'
                type='im'
                name='shakespeare.lit jabber server'/>
            <feature var='jabber:iq:register'/>
            <x xmlns='jabber:x:data' type='result'>
              <field var='FORM_TYPE' type='hidden'>
                <value>http://jabber.org/network/serverinfo</value>
              </field>
              <field var='c2s_port'>
                <value>5222</value>
              </field>
              <field var='ip_version'>
                <value>ipv4</value>
                <value>ipv6</value>
              </field>
            </x>
          </query>
        </iq>`),
    );

    expect(info.features).toEqual(["jabber:iq:register"]);
    expect(info.form("http://jabber.org/network/serverinfo")?.get("ip_version")).toEqual(["ipv4", "ipv6"]);
  });
});

describe("information from the wire", () => {
  it("knows whose it is from the stanza", () => {
    const iq = fromWire(`<iq type="result" from="Juliet@Capulet.LIT/Balcony"><query xmlns="${INFO}"/></iq>`);

    expect(DiscoInfo.fromElement(iq).jid).toBe("juliet@capulet.lit/Balcony");
  });

  it("is nobody's where only the query is given", () => {
    expect(read("").jid).toBeUndefined();
  });

  it("is nobody's where the sender is no JID", () => {
    const iq = fromWire(`<iq type="result" from="@@@"><query xmlns="${INFO}"/></iq>`);

    expect(DiscoInfo.fromElement(iq).jid).toBeUndefined();
  });

  it("is whose the caller says", () => {
    const iq = fromWire(`<iq type="result" from="a.example"><query xmlns="${INFO}" node="a"/></iq>`);
    const info = DiscoInfo.fromElement(iq, { jid: jid("B.example"), node: "b" });

    expect(info.jid).toBe("b.example");
    expect(info.node).toBe("b");
  });

  it("is an error where the caller says what is no JID, which it names", () => {
    const query = fromWire(`<query xmlns="${INFO}"/>`);

    expect(() => DiscoInfo.fromElement(query, { jid: "@@@" })).toThrow(/"@@@"/);
  });

  it("takes an empty node for none", () => {
    expect(read("", `node=""`).node).toBeUndefined();
  });

  it("keeps features in their order, repeated ones too", () => {
    const info = read(`<feature var="b"/><feature var="a"/><feature var="b"/>`);

    expect(info.features).toEqual(["b", "a", "b"]);
  });

  it("leaves out a feature without a var", () => {
    expect(read(`<feature/><feature var=""/><feature var="a"/>`).features).toEqual(["a"]);
  });

  it.each([
    ["category", `<identity type="pc"/>`],
    ["type", `<identity category="client"/>`],
    ["category with something in it", `<identity category="" type="pc"/>`],
    ["type with something in it", `<identity category="client" type=""/>`],
  ])("leaves out an identity without a %s", (_, identity) => {
    const info = read(`${identity}<identity category="client" type="bot"/>`);

    expect(info.identities).toEqual([{ category: "client", type: "bot" }]);
  });

  it("keeps the language of an identity", () => {
    const info = read(`<identity category="client" type="pc" name="Psi" xml:lang="el"/>`);

    expect(info.identities).toEqual([{ category: "client", type: "pc", name: "Psi", lang: "el" }]);
  });

  it("keeps an empty name apart from none", () => {
    expect(read(`<identity category="client" type="pc" name=""/>`).identities).toEqual([
      { category: "client", type: "pc", name: "" },
    ]);
  });

  it("has no identities and features where none are told", () => {
    const info = read("");

    expect(info.identities).toEqual([]);
    expect(info.features).toEqual([]);
    expect(info.forms).toEqual([]);
  });

  it("leaves out what disco#info does not know", () => {
    const info = read(
      `<set xmlns="http://jabber.org/protocol/rsm"/><something/>some text<feature var="a"/>` +
        `<feature xmlns="urn:example:other" var="b"/><identity xmlns="urn:example:other" category="c" type="d"/>`,
    );

    expect(info.features).toEqual(["a"]);
    expect(info.identities).toEqual([]);
  });

  it("reads several forms", () => {
    const other = softwareForm.replace(SOFTWARE, "http://jabber.org/network/serverinfo");

    expect(read(softwareForm + other).forms.map((form) => form.formType)).toEqual([
      SOFTWARE,
      "http://jabber.org/network/serverinfo",
    ]);
  });

  it("makes the element it came in anew where that has nothing more than is known", () => {
    const children = `<identity category="client" type="pc" xml:lang="de" name="x"/><feature var="a"/>${softwareForm}`;
    const iq = fromWire(
      `<iq type="result"><query xmlns="${INFO}" node="n" xml:lang="en">${children}</query></iq>`,
    );
    const info = DiscoInfo.fromElement(iq);

    expect(info.element?.toString()).toBe(iq.getChild("query")?.toString());
    expect(info.withSource({ jid: "a.example", node: "n" }).element?.toString()).toBe(
      info.element?.toString(),
    );
  });

  it.each([
    ["an attribute of the query", `<query xmlns="${INFO}" x="1"/>`],
    ["an attribute of a feature", `<query xmlns="${INFO}"><feature var="a" x="1"/></query>`],
    ["something in a feature", `<query xmlns="${INFO}"><feature var="a"><b/></feature></query>`],
    ["an attribute of an identity", `<query xmlns="${INFO}"><identity category="a" type="b" x="1"/></query>`],
    ["another element", `<query xmlns="${INFO}"><set xmlns="http://jabber.org/protocol/rsm"/></query>`],
    ["a feature without a name", `<query xmlns="${INFO}"><feature/></query>`],
    ["the title of a form", `<query xmlns="${INFO}"><x xmlns="jabber:x:data"><title>T</title></x></query>`],
    [
      "the options of a field",
      `<query xmlns="${INFO}"><x xmlns="jabber:x:data"><field var="a"><option/></field></x></query>`,
    ],
  ])("keeps the element it came in where that has %s", (_, query) => {
    const iq = fromWire(`<iq type="result">${query}</iq>`);
    const info = DiscoInfo.fromElement(iq);

    expect(info.element).toBe(iq.getChild("query"));
    expect(info.withSource({ jid: "a.example" }).element).toBe(iq.getChild("query"));
  });

  it("finds the query among other children of the stanza", () => {
    const iq = fromWire(
      `<iq type="result"><query xmlns="urn:example:other"/><query xmlns="${INFO}"><feature var="a"/></query></iq>`,
    );

    expect(DiscoInfo.fromElement(iq).features).toEqual(["a"]);
  });

  it.each([
    ["a stanza without children", `<iq type="result"/>`],
    ["a stanza with another query", `<iq type="result"><query xmlns="jabber:iq:version"/></iq>`],
    ["another query", `<query xmlns="http://jabber.org/protocol/disco#items"/>`],
    ["another element of the namespace", `<info xmlns="${INFO}"/>`],
  ])("is a MalformedResponse for %s", (_, text) => {
    const element = fromWire(text);

    expect(() => DiscoInfo.fromElement(element)).toThrow(MalformedResponse);
  });

  it("is a TypeError for what is no element", () => {
    expect(() => DiscoInfo.fromElement("<query/>" as unknown as Element)).toThrow(TypeError);
  });
});

describe("information with namespace prefixes", () => {
  it("is read where all of it has a prefix", () => {
    const info = DiscoInfo.fromElement(
      fromWire(
        `<iq type="result"><d:query xmlns:d="${INFO}"><d:identity category="client" type="pc"/>` +
          `<d:feature var="a"/>${softwareForm}</d:query></iq>`,
      ),
    );

    expect(info.identities).toEqual([{ category: "client", type: "pc" }]);
    expect(info.features).toEqual(["a"]);
    expect(info.form(SOFTWARE)?.value("os")).toBe("Linux");
  });

  it("has no features of the default namespace where the query has a prefix", () => {
    const iq = fromWire(`<iq type="result"><d:query xmlns:d="${INFO}"><feature var="a"/></d:query></iq>`);

    expect(DiscoInfo.fromElement(iq).features).toEqual([]);
  });

  it("is read where the children alone have one", () => {
    const info = read(
      `<d:identity category="client" type="pc"/><d:feature var="a"/>`,
      `xmlns:d="http://jabber.org/protocol/disco#info"`,
    );

    expect(info.identities).toEqual([{ category: "client", type: "pc" }]);
    expect(info.features).toEqual(["a"]);
  });

  it("has no features of a foreign namespace that a prefix stands for", () => {
    expect(read(`<o:feature xmlns:o="urn:example:other" var="a"/>`).features).toEqual([]);
  });

  it("has no identities of a foreign namespace that a prefix stands for", () => {
    expect(read(`<o:identity xmlns:o="urn:example:other" category="a" type="b"/>`).identities).toEqual([]);
  });

  it("has the forms that a prefix stands for", () => {
    const info = read(
      `<f:x xmlns:f="jabber:x:data" type="result"><f:field var="os"><f:value>Linux</f:value></f:field></f:x>`,
    );

    expect(info.forms.map((form) => form.get("os"))).toEqual([["Linux"]]);
  });
});

describe("the features of an entity", () => {
  const info = read(`<feature var="a"/>`);

  it("are those it tells", () => {
    expect(info.has("a")).toBe(true);
    expect(info.has("b")).toBe(false);
  });

  // "every entity MUST support at least the 'http://jabber.org/protocol/disco#info' feature" (XEP-0030 §3.1)
  it("have disco#info among them, told or not", () => {
    expect(info.has(INFO)).toBe(true);
    expect(info.features).toEqual(["a"]);
  });
});

describe("the identities of an entity", () => {
  const info = read(`<identity category="client" type="pc"/><identity category="gateway" type="irc"/>`);

  it("are found by category", () => {
    expect(info.hasIdentity("gateway")).toBe(true);
    expect(info.hasIdentity("server")).toBe(false);
  });

  it("are found by category and type together", () => {
    expect(info.hasIdentity("client", "pc")).toBe(true);
    expect(info.hasIdentity("client", "irc")).toBe(false);
  });
});

describe("the name of an entity", () => {
  const named = (...names: [lang: string | undefined, name: string | undefined][]) =>
    new DiscoInfo({
      identities: names.map(([lang, name]) => ({ category: "conference", type: "text", lang, name })),
    });

  it("is undefined where it has none", () => {
    expect(named([undefined, undefined]).name()).toBeUndefined();
    expect(named().name("de")).toBeUndefined();
  });

  it("is the one in the language asked for", () => {
    expect(named(["en", "Rooms"], ["de", "Räume"]).name("de")).toBe("Räume");
  });

  it("is found whatever the case of the language", () => {
    expect(named(["en", "Rooms"], ["de-at", "Räume"]).name("DE-AT")).toBe("Räume");
  });

  // https://www.rfc-editor.org/rfc/rfc4647#section-3.4
  it("is the one in the wider language where there is none in the narrow", () => {
    expect(named(["en", "Rooms"], ["de", "Räume"]).name("de-AT-1996")).toBe("Räume");
  });

  it("is the one in the narrow language before the one in the wider", () => {
    expect(named(["de", "Räume"], ["de-AT", "Zimmer"]).name("de-AT")).toBe("Zimmer");
  });

  it("is the one without a language where there is none in that language", () => {
    expect(named(["en", "Rooms"], [undefined, "Salons"]).name("de")).toBe("Salons");
  });

  it("is the one without a language where no language is asked for", () => {
    expect(named(["en", "Rooms"], [undefined, "Salons"]).name()).toBe("Salons");
  });

  it("is any where all have other languages", () => {
    expect(named(["en", "Rooms"], ["fr", "Salons"]).name("de")).toBe("Rooms");
  });

  it("is never the one of an identity without a name", () => {
    expect(named(["de", undefined], ["en", "Rooms"]).name("de")).toBe("Rooms");
    expect(named([undefined, ""], ["en", "Rooms"]).name()).toBe("Rooms");
  });
});

describe("the language around an answer", () => {
  const identities = `<identity category="a" type="b" name="Salons"/><identity category="a" type="b" name="Rooms" xml:lang="en"/>`;

  it.each([
    ["the query", fromWire(`<query xmlns="${INFO}" xml:lang="fr">${identities}</query>`)],
    ["the stanza", fromWire(`<iq xml:lang="fr"><query xmlns="${INFO}">${identities}</query></iq>`)],
    ["the stream", fromWire(`<iq><query xmlns="${INFO}">${identities}</query></iq>`, "fr")],
    ["the nearest", fromWire(`<iq xml:lang="fr"><query xmlns="${INFO}">${identities}</query></iq>`, "de")],
  ])("is inherited from %s by names without a language of their own", (_, element) => {
    const info = DiscoInfo.fromElement(element);

    expect(info.lang).toBe("fr");
    expect(info.name("fr")).toBe("Salons");
    expect(info.name("en")).toBe("Rooms");
  });

  it("is not made the identity's own", () => {
    expect(read(`<identity category="a" type="b"/>`, `xml:lang="fr"`).identities).toEqual([
      { category: "a", type: "b" },
    ]);
  });

  // An empty xml:lang says that there is no language: https://www.w3.org/TR/xml/#sec-lang-tag
  it("ends where an empty one is declared", () => {
    const iq = fromWire(`<iq xml:lang="fr"><query xmlns="${INFO}" xml:lang="">${identities}</query></iq>`);

    expect(DiscoInfo.fromElement(iq).lang).toBeFalsy();
  });

  it("is written to the wire again", () => {
    const info = read(identities, `xml:lang="fr"`);

    expect(DiscoInfo.fromElement(overTheWire(info.toElement())).name("fr")).toBe("Salons");
  });

  it("comes back from JSON", () => {
    const info = read(identities, `xml:lang="fr"`);

    expect(DiscoInfo.fromJSON(throughFile(info)).name("fr")).toBe("Salons");
  });
});

describe("the form of an entity", () => {
  it("is found by its form type", () => {
    expect(read(softwareForm).form(SOFTWARE)?.get("os")).toEqual(["Linux"]);
  });

  it("is undefined where there is none of that type", () => {
    expect(read(softwareForm).form("urn:example:other")).toBeUndefined();
  });

  it("is not found where its form type is not hidden", () => {
    expect(read(softwareForm.replace(` type="hidden"`, "")).form(SOFTWARE)).toBeUndefined();
  });
});

describe("information on the wire", () => {
  it("is what the application made", () => {
    const info = new DiscoInfo({
      jid: "a.example",
      node: "n",
      identities: [{ category: "client", type: "bot", lang: "en", name: "A bot" }],
      features: [INFO, "urn:xmpp:ping"],
      forms: [new DataForm({ formType: SOFTWARE })],
    });

    expect(info.toElement().toString()).toBe(
      `<query xmlns="${INFO}" node="n">` +
        `<identity category="client" type="bot" xml:lang="en" name="A bot"/>` +
        `<feature var="${INFO}"/><feature var="urn:xmpp:ping"/>` +
        `<x xmlns="jabber:x:data" type="result"><field var="FORM_TYPE" type="hidden"><value>${SOFTWARE}</value></field></x>` +
        `</query>`,
    );
  });

  it("escapes what is in it", () => {
    const hostile = `"><feature var="evil"/>&`;
    const info = new DiscoInfo({
      node: hostile,
      identities: [{ category: hostile, type: hostile, name: hostile, lang: hostile }],
      features: [hostile],
    });

    expect(told(DiscoInfo.fromElement(overTheWire(info.toElement())))).toEqual(told(info));
  });

  it("is a new element each time", () => {
    const info = read(`<feature var="a"/>`);
    info.toElement().append(xml("feature", { var: "b" }));

    expect(info.toElement().getChildren("feature")).toHaveLength(1);
  });
});

describe("information made by an application", () => {
  it("is empty where nothing is given", () => {
    expect(told(new DiscoInfo({}))).toEqual({
      jid: undefined,
      node: undefined,
      lang: undefined,
      identities: [],
      features: [],
      forms: [],
    });
  });

  it("takes a JID as text or as an object, and normalises it", () => {
    expect(new DiscoInfo({ jid: "Juliet@Capulet.LIT/Balcony" }).jid).toBe("juliet@capulet.lit/Balcony");
    expect(new DiscoInfo({ jid: jid("Juliet@Capulet.LIT/Balcony") }).jid).toBe("juliet@capulet.lit/Balcony");
  });

  it("has no element", () => {
    expect(new DiscoInfo({}).element).toBeUndefined();
  });

  it("does not change when what it was made of does", () => {
    const identity = { category: "client", type: "bot" };
    const init = { identities: [identity], features: ["a"], forms: [new DataForm({ formType: SOFTWARE })] };
    const info = new DiscoInfo(init);
    identity.type = "pc";
    init.features.push("b");
    init.forms.pop();

    expect(info.identities).toEqual([{ category: "client", type: "bot" }]);
    expect(info.features).toEqual(["a"]);
    expect(info.forms).toHaveLength(1);
  });

  const unusable = (init: unknown) => () => new DiscoInfo(init as DiscoInfoInit);

  it.each([
    ["a JID that is none", { jid: "@@@" }, `"@@@"`],
    ["an empty feature", { features: [""] }, "feature"],
    ["a feature that is no text", { features: [5] }, "5"],
    ["a feature with a control character", { features: ["a\u0000"] }, "\\u0000"],
    ["an identity without a category", { identities: [{ category: "", type: "bot" }] }, "category"],
    ["an identity without a type", { identities: [{ category: "client" }] }, "type"],
    ["no identity", { identities: [null] }, "identity"],
    ["a name that is no text", { identities: [{ category: "a", type: "b", name: 7 }] }, "7"],
    ["a language that is no text", { identities: [{ category: "a", type: "b", lang: 7 }] }, "7"],
    ["a form that is none", { forms: [{ formType: SOFTWARE }] }, "DataForm"],
    ["a node that is no text", { node: 5 }, "5"],
    ["features that are no list", { features: 5 }, "features"],
    ["identities that are no list", { identities: "client" }, "identities"],
    ["forms that are no list", { forms: 5 }, "forms"],
  ])("is an error with %s, which it names", (_, init, named) => {
    expect(unusable(init)).toThrow(TypeError);
    expect(unusable(init)).toThrow(named);
  });
});

describe("information as JSON", () => {
  it("is the identities, features and forms, in the shape of capsdb", () => {
    const info = read(
      `<identity category="client" type="pc" name="Psi" xml:lang="en"/><identity category="client" type="bot"/>` +
        `<feature var="b"/><feature var="a"/>${softwareForm}`,
      `node="n"`,
    );

    expect(throughFile(info)).toEqual({
      identities: [
        { category: "client", type: "pc", lang: "en", name: "Psi" },
        { category: "client", type: "bot" },
      ],
      features: ["b", "a"],
      forms: [{ formType: SOFTWARE, fields: [{ var: "os", values: ["Linux"] }] }],
    });
  });

  it("keeps two forms of one type", () => {
    const info = read(softwareForm + softwareForm);

    expect(DiscoInfo.fromJSON(throughFile(info)).forms).toEqual(info.forms);
  });

  it("takes the files of capsdb, where forms are a map", () => {
    const info = DiscoInfo.fromJSON(
      throughFile({
        features: ["games:board", "urn:xmpp:time"],
        forms: { [SOFTWARE]: { os: ["FreeBSD"], os_version: ["10.0-STABLE"] } },
        hash: "sha-1",
        identities: [{ category: "client", name: "Tkabber", type: "pc" }],
        node: "http://tkabber.jabber.ru/",
      }),
    );

    expect(info.identities).toEqual([{ category: "client", type: "pc", name: "Tkabber" }]);
    expect(info.features).toEqual(["games:board", "urn:xmpp:time"]);
    expect(info.form(SOFTWARE)?.get("os")).toEqual(["FreeBSD"]);
    expect(info.forms).toHaveLength(1);
  });

  it("takes a file of capsdb without forms", () => {
    expect(DiscoInfo.fromJSON({ identities: [], features: ["a"], forms: {} }).forms).toEqual([]);
  });

  it("is whose the caller says", () => {
    const info = DiscoInfo.fromJSON({ identities: [], features: [] }, { jid: "A.example", node: "n" });

    expect(info.jid).toBe("a.example");
    expect(info.node).toBe("n");
  });

  it("is a copy", () => {
    const info = read(`<identity category="client" type="pc"/><feature var="a"/>${softwareForm}`);
    const json = info.toJSON();
    json.features.push("b");
    json.identities.pop();
    json.forms.pop();

    expect(info.features).toEqual(["a"]);
    expect(info.identities).toHaveLength(1);
    expect(info.forms).toHaveLength(1);
  });

  it.each([
    [null],
    [5],
    ["text"],
    [{ identities: {} }],
    [{ features: "a" }],
    [{ features: [null] }],
    [{ identities: ["client"] }],
    [{ forms: null }],
    [{ forms: "a" }],
    [{ forms: [{}] }],
    [{ forms: { "urn:example:form": 5 } }],
    [{ lang: 5 }],
  ])("is an error when it is %j", (json: unknown) => {
    expect(() => DiscoInfo.fromJSON(json)).toThrow(TypeError);
  });
});

describe("information that is shared", () => {
  const children = `<identity category="client" type="pc"/><feature var="a"/>${softwareForm}`;

  it.each([
    ["read from the wire", read(children)],
    ["read from JSON", DiscoInfo.fromJSON(throughFile(read(children)))],
    ["made an entity's", read(children).withSource({ jid: "a.example" })],
    [
      "made by an application",
      new DiscoInfo({
        identities: [{ category: "client", type: "pc" }],
        features: ["a"],
        forms: [new DataForm({ formType: SOFTWARE, fields: { os: "Linux" } })],
      }),
    ],
  ])("cannot be changed when it was %s", (_, info) => {
    expect(mutablePartsOf(info)).toEqual([]);
  });
});

describe("information given to another entity", () => {
  const info = read(`<identity category="client" type="pc"/><feature var="a"/>${softwareForm}`, `node="n"`);
  const given = info.withSource({ jid: "Juliet@capulet.lit/Balcony", node: "m" });

  it("is that entity's and node's", () => {
    expect(given.jid).toBe("juliet@capulet.lit/Balcony");
    expect(given.node).toBe("m");
  });

  it("is the same otherwise", () => {
    expect({ ...told(given), jid: info.jid, node: info.node }).toEqual(told(info));
    expect(given.has("a")).toBe(true);
  });

  it("leaves the original as it was", () => {
    expect(info.jid).toBeUndefined();
    expect(info.node).toBe("n");
  });
});

describe("any information", () => {
  const lang = fc.option(fc.constantFrom("en", "de-AT", ""), { nil: undefined });
  const identity = fc
    .record({ category: maybeText, type: maybeText, name: maybeText, "xml:lang": lang })
    .map((attrs) => xml("identity", attrs));
  const feature = fc.oneof(someText, maybeText).map((name) => xml("feature", { var: name }));
  const form = fc
    .tuple(fc.option(anyText), fc.dictionary(anyText, fc.array(anyText, { maxLength: 2 }), { maxKeys: 3 }))
    .map(([formType, fields]) => {
      const element = xml("x", { xmlns: "jabber:x:data", type: "result" });
      if (formType !== null) {
        element.append(xml("field", { var: "FORM_TYPE", type: "hidden" }, xml("value", {}, formType)));
      }
      for (const [name, values] of Object.entries(fields)) {
        element.append(xml("field", { var: name }, ...values.map((value) => xml("value", {}, value))));
      }
      return element;
    });
  const foreign = fc.constantFrom("urn:example:other", INFO).map((xmlns) => xml("other", { xmlns }));
  const answer = fc
    .record({
      node: maybeText,
      stanzaLang: lang,
      queryLang: lang,
      children: fc.array(fc.oneof(identity, feature, form, foreign), { maxLength: 6 }),
    })
    .map(({ node, stanzaLang, queryLang, children }) =>
      overTheWire(
        xml(
          "iq",
          { type: "result", from: "a.example", "xml:lang": stanzaLang },
          xml("query", { xmlns: INFO, node, "xml:lang": queryLang }, ...children),
        ),
      ),
    );

  it("is the same when it is written and read again", () => {
    forAny(answer, (iq) => {
      const once = DiscoInfo.fromElement(iq);
      const twice = DiscoInfo.fromElement(overTheWire(once.toElement()), { jid: once.jid });
      expect(told(twice)).toEqual(told(once));
    });
  });

  it("is the same when it comes back from JSON", () => {
    forAny(answer, (iq) => {
      const once = DiscoInfo.fromElement(iq);
      const twice = DiscoInfo.fromJSON(throughFile(once), { jid: once.jid, node: once.node });
      expect(told(twice)).toEqual(told(once));
    });
  });
});
