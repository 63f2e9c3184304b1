import { jid } from "@xmpp/jid";
import xml, { type Element } from "@xmpp/xml";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DiscoItems, type DiscoItemsInit, MalformedResponse } from "../../../src/index.ts";
import { forAny, fromWire, maybeText, mutablePartsOf, overTheWire, throughFile } from "../forms/helpers.ts";

const ITEMS = "http://jabber.org/protocol/disco#items";

/** What is read from a `<query/>` with these children. */
function read(children: string, attributes = ""): DiscoItems {
  return DiscoItems.fromElement(fromWire(`<query xmlns="${ITEMS}" ${attributes}>${children}</query>`));
}

/** Everything but the element they came in. */
function told({ jid, node, items }: DiscoItems) {
  return { jid, node, items };
}

describe("the examples of XEP-0030", () => {
  it("all items of a server", () => {
    const items = DiscoItems.fromElement(
      fromWire(`
        <iq type='result'
            from='shakespeare.lit'
            to='romeo@montague.net/orchard'
            id='items1'>
          <query xmlns='http://jabber.org/protocol/disco#items'>
            <item jid='people.shakespeare.lit'
                  name='Directory of Characters'/>
            <item jid='plays.shakespeare.lit'
                  name='Play-Specific Chatrooms'/>
            <item jid='mim.shakespeare.lit'
                  name='Gateway to Marlowe IM'/>
            <item jid='words.shakespeare.lit'
                  name='Shakespearean Lexicon'/>
            <item jid='globe.shakespeare.lit'
                  name='Calendar of Performances'/>
            <item jid='headlines.shakespeare.lit'
                  name='Latest Shakespearean News'/>
            <item jid='catalog.shakespeare.lit'
                  name='Buy Shakespeare Stuff!'/>
            <item jid='en2fr.shakespeare.lit'
                  name='French Translation Service'/>
          </query>
        </iq>`),
    );

    expect(items.jid).toBe("shakespeare.lit");
    expect(items.node).toBeUndefined();
    expect(items.items).toEqual([
      { jid: "people.shakespeare.lit", name: "Directory of Characters" },
      { jid: "plays.shakespeare.lit", name: "Play-Specific Chatrooms" },
      { jid: "mim.shakespeare.lit", name: "Gateway to Marlowe IM" },
      { jid: "words.shakespeare.lit", name: "Shakespearean Lexicon" },
      { jid: "globe.shakespeare.lit", name: "Calendar of Performances" },
      { jid: "headlines.shakespeare.lit", name: "Latest Shakespearean News" },
      { jid: "catalog.shakespeare.lit", name: "Buy Shakespeare Stuff!" },
      { jid: "en2fr.shakespeare.lit", name: "French Translation Service" },
    ]);
  });

  it("an empty result set", () => {
    const items = DiscoItems.fromElement(
      fromWire(`
        <iq type='result'
            from='shakespeare.lit'
            to='romeo@montague.net/orchard'
            id='items1'>
          <query xmlns='http://jabber.org/protocol/disco#items'/>
        </iq>`),
    );

    expect(items.items).toEqual([]);
  });

  it("the resources of an account", () => {
    const items = DiscoItems.fromElement(
      fromWire(`
        <iq type='result'
            from='juliet@capulet.com'
            to='shakespeare.lit'
            id='items2'>
          <query xmlns='http://jabber.org/protocol/disco#items'>
            <item jid='juliet@capulet.com/balcony'/>
            <item jid='juliet@capulet.com/chamber'/>
          </query>
        </iq>`),
    );

    expect(items.items).toEqual([
      { jid: "juliet@capulet.com/balcony" },
      { jid: "juliet@capulet.com/chamber" },
    ]);
  });

  it("the nodes of a catalogue", () => {
    const items = DiscoItems.fromElement(
      fromWire(`
        <iq type='result'
            from='catalog.shakespeare.lit'
            to='romeo@montague.net/orchard'
            id='items2'>
          <query xmlns='http://jabber.org/protocol/disco#items'>
            <item jid='catalog.shakespeare.lit'
                  node='books'
                  name='Books by and about Shakespeare'/>
            <item jid='catalog.shakespeare.lit'
                  node='clothing'
                  name='Wear your literary taste with pride'/>
            <item jid='catalog.shakespeare.lit'
                  node='music'
                  name='Music from the time of Shakespeare'/>
          </query>
        </iq>`),
    );

    expect(items.items).toEqual([
      { jid: "catalog.shakespeare.lit", node: "books", name: "Books by and about Shakespeare" },
      { jid: "catalog.shakespeare.lit", node: "clothing", name: "Wear your literary taste with pride" },
      { jid: "catalog.shakespeare.lit", node: "music", name: "Music from the time of Shakespeare" },
    ]);
  });

  it("further nodes of a node", () => {
    const items = DiscoItems.fromElement(
      fromWire(`
        <iq type='result'
            from='catalog.shakespeare.lit'
            to='romeo@montague.net/orchard'
            id='items3'>
          <query xmlns='http://jabber.org/protocol/disco#items'
                 node='music'>
            <item jid='catalog.shakespeare.lit'
                  node='music/A'/>
            <item jid='catalog.shakespeare.lit'
                  node='music/B'/>
          </query>
        </iq>`),
    );

    expect(items.node).toBe("music");
    expect(items.items.map((item) => item.node)).toEqual(["music/A", "music/B"]);
  });

  it("even more nodes", () => {
    const items = DiscoItems.fromElement(
      fromWire(`
        <iq type='result'
            from='catalog.shakespeare.lit'
            to='romeo@montague.net/orchard'
            id='items4'>
          <query xmlns='http://jabber.org/protocol/disco#items'
                 node='music/D'>
            <item jid='catalog.shakespeare.lit'
                  node='music/D/dowland-firstbooke'
                  name='John Dowland - First Booke of Songes or Ayres'/>
            <item jid='catalog.shakespeare.lit'
                  node='music/D/dowland-solace'
                  name='John Dowland - A Pilgrimes Solace'/>
          </query>
        </iq>`),
    );

    expect(items.node).toBe("music/D");
    expect(items.items.map((item) => item.name)).toEqual([
      "John Dowland - First Booke of Songes or Ayres",
      "John Dowland - A Pilgrimes Solace",
    ]);
  });
});

describe("items from the wire", () => {
  it("know who was asked from the stanza", () => {
    const iq = fromWire(`<iq type="result" from="Juliet@Capulet.LIT/Balcony"><query xmlns="${ITEMS}"/></iq>`);

    expect(DiscoItems.fromElement(iq).jid).toBe("juliet@capulet.lit/Balcony");
  });

  it("are nobody's where only the query is given", () => {
    expect(read("").jid).toBeUndefined();
  });

  it("are whose the caller says", () => {
    const iq = fromWire(`<iq type="result" from="a.example"><query xmlns="${ITEMS}" node="a"/></iq>`);
    const items = DiscoItems.fromElement(iq, { jid: jid("B.example"), node: "b" });

    expect(items.jid).toBe("b.example");
    expect(items.node).toBe("b");
  });

  it("leave out an item without a JID", () => {
    expect(read(`<item name="A"/><item jid="b.example"/>`).items).toEqual([{ jid: "b.example" }]);
  });

  it.each(["", "@@@", "@", "a@", "a/", "a b.example", "a@b@c", "/a", `a${"b".repeat(2000)}`])(
    "leave out an item whose JID is %j",
    (address) => {
      const query = xml(
        "query",
        { xmlns: ITEMS },
        xml("item", { jid: address }),
        xml("item", { jid: "b.example" }),
      );

      expect(DiscoItems.fromElement(overTheWire(query)).items).toEqual([{ jid: "b.example" }]);
    },
  );

  it("take an empty node for none", () => {
    expect(read(`<item jid="a.example" node=""/>`).items).toEqual([{ jid: "a.example" }]);
  });

  it("keep an empty name apart from none", () => {
    expect(read(`<item jid="a.example" name=""/>`).items).toEqual([{ jid: "a.example", name: "" }]);
  });

  it("keep two items that differ in their node only", () => {
    const items = read(
      `<item jid="a.example"/><item jid="a.example" node="n"/><item jid="a.example" node="m"/>`,
    );

    expect(items.items.map((item) => item.node)).toEqual([undefined, "n", "m"]);
  });

  it("leave out what disco#items does not know", () => {
    const items = read(
      `<set xmlns="http://jabber.org/protocol/rsm"><count>1</count></set>text` +
        `<item xmlns="urn:example:other" jid="a.example"/><item jid="b.example"><more xmlns="urn:example:other"/></item>`,
    );

    expect(items.items).toEqual([{ jid: "b.example" }]);
  });

  it("are read with a namespace prefix too", () => {
    const items = DiscoItems.fromElement(
      fromWire(
        `<iq type="result"><d:query xmlns:d="${ITEMS}"><d:item jid="a.example"/><item jid="b.example"/></d:query></iq>`,
      ),
    );

    expect(items.items).toEqual([{ jid: "a.example" }]);
  });

  it("are none of a foreign namespace that a prefix stands for", () => {
    expect(read(`<o:item xmlns:o="urn:example:other" jid="a.example"/>`).items).toEqual([]);
  });

  it("keep the element they came in", () => {
    const iq = fromWire(`<iq type="result"><query xmlns="${ITEMS}"/></iq>`);

    expect(DiscoItems.fromElement(iq).element).toBe(iq.getChild("query"));
  });

  it.each([
    ["a stanza without children", `<iq type="result"/>`],
    ["a stanza with another query", `<iq type="result"><query xmlns="jabber:iq:version"/></iq>`],
    ["another query", `<query xmlns="http://jabber.org/protocol/disco#info"/>`],
    ["another element of the namespace", `<items xmlns="${ITEMS}"/>`],
  ])("are a MalformedResponse for %s", (_, text) => {
    const element = fromWire(text);

    expect(() => DiscoItems.fromElement(element)).toThrow(MalformedResponse);
  });

  it("are a TypeError for what is no element", () => {
    expect(() => DiscoItems.fromElement({} as Element)).toThrow(TypeError);
  });
});

describe("items on the wire", () => {
  it("are what the application made", () => {
    const items = new DiscoItems({
      jid: "a.example",
      node: "n",
      items: [{ jid: "b.example", node: "m", name: "B" }, { jid: "c.example" }],
    });

    expect(items.toElement().toString()).toBe(
      `<query xmlns="${ITEMS}" node="n"><item jid="b.example" node="m" name="B"/><item jid="c.example"/></query>`,
    );
  });

  it("escape what is in them", () => {
    const hostile = `"><item jid="evil.example"/>&`;
    const items = new DiscoItems({
      node: hostile,
      items: [{ jid: "a.example", node: hostile, name: hostile }],
    });

    expect(told(DiscoItems.fromElement(overTheWire(items.toElement())))).toEqual(told(items));
  });

  it("are a new element each time", () => {
    const items = read(`<item jid="a.example"/>`);
    items.toElement().append(xml("item", { jid: "b.example" }));

    expect(items.toElement().getChildren("item")).toHaveLength(1);
  });
});

describe("items made by an application", () => {
  it("are none where nothing is given", () => {
    expect(told(new DiscoItems({}))).toEqual({ jid: undefined, node: undefined, items: [] });
  });

  it("take JIDs as text or as objects, and normalise them", () => {
    const items = new DiscoItems({
      jid: jid("A.example"),
      items: [{ jid: "Juliet@Capulet.LIT/Balcony" }, { jid: jid("B.example") }],
    });

    expect(items.jid).toBe("a.example");
    expect(items.items).toEqual([{ jid: "juliet@capulet.lit/Balcony" }, { jid: "b.example" }]);
  });

  it("have no element", () => {
    expect(new DiscoItems({}).element).toBeUndefined();
  });

  it("do not change when what they were made of does", () => {
    const item = { jid: "a.example", name: "A" };
    const list = [item];
    const items = new DiscoItems({ items: list });
    item.name = "B";
    list.pop();

    expect(items.items).toEqual([{ jid: "a.example", name: "A" }]);
  });

  const unusable = (init: unknown) => () => new DiscoItems(init as DiscoItemsInit);

  it.each([
    ["a JID that is none", { jid: "@@@" }, `"@@@"`],
    ["an item with a JID that is none", { items: [{ jid: "@@@" }] }, `"@@@"`],
    ["an item without a JID", { items: [{ name: "A" }] }, "jid of the item"],
    ["no item", { items: [null] }, "item"],
    ["a name that is no text", { items: [{ jid: "a.example", name: 5 }] }, "5"],
    ["a node that is no text", { items: [{ jid: "a.example", node: 5 }] }, "5"],
    ["a name with a control character", { items: [{ jid: "a.example", name: "\u0000" }] }, "\\u0000"],
    ["items that are no list", { items: 5 }, "items"],
  ])("are an error with %s, which it names", (_, init, named) => {
    expect(unusable(init)).toThrow(TypeError);
    expect(unusable(init)).toThrow(named);
  });
});

describe("items as JSON", () => {
  it("are a list", () => {
    const items = read(`<item jid="a.example" node="n" name="A"/><item jid="b.example"/>`, `node="m"`);

    expect(throughFile(items)).toEqual({
      items: [{ jid: "a.example", node: "n", name: "A" }, { jid: "b.example" }],
    });
  });

  it("keep the JIDs that came over the wire", () => {
    const items = read(`<item jid="Juliet@Capulet.LIT/Balcony"/>`);

    expect(DiscoItems.fromJSON(throughFile(items)).items).toEqual(items.items);
  });

  it("are whose the caller says", () => {
    const items = DiscoItems.fromJSON({ items: [] }, { jid: "A.example", node: "n" });

    expect(told(items)).toEqual({ jid: "a.example", node: "n", items: [] });
  });

  it("are a copy", () => {
    const items = read(`<item jid="a.example"/>`);
    items.toJSON().items.pop();

    expect(items.items).toHaveLength(1);
  });

  it.each([[null], [5], ["text"], [{}], [{ items: {} }], [{ items: [null] }], [{ items: [{ jid: "@@@" }] }]])(
    "are an error when they are %j",
    (json: unknown) => {
      expect(() => DiscoItems.fromJSON(json)).toThrow(TypeError);
    },
  );
});

describe("items that are shared", () => {
  it.each([
    ["read from the wire", read(`<item jid="a.example" node="n"/>`)],
    ["read from JSON", DiscoItems.fromJSON({ items: [{ jid: "a.example" }] })],
    ["made by an application", new DiscoItems({ items: [{ jid: "a.example" }] })],
  ])("cannot be changed when they were %s", (_, items) => {
    expect(mutablePartsOf(items)).toEqual([]);
  });
});

describe("any items", () => {
  const address = fc.constantFrom(
    "a.example",
    "juliet@capulet.lit/Balcony & Garden",
    "Juliet@Capulet.LIT/😀",
    String.raw`o\27reilly@a.example`,
    "@@@",
    undefined,
  );
  const item = fc
    .record({ jid: address, node: maybeText, name: maybeText })
    .map((attrs) => xml("item", attrs));
  const answer = fc
    .tuple(maybeText, fc.array(item, { maxLength: 5 }))
    .map(([node, items]) =>
      overTheWire(
        xml("iq", { type: "result", from: "a.example" }, xml("query", { xmlns: ITEMS, node }, ...items)),
      ),
    );

  it("are the same when they are written and read again", () => {
    forAny(answer, (iq) => {
      const once = DiscoItems.fromElement(iq);
      const twice = DiscoItems.fromElement(overTheWire(once.toElement()), { jid: once.jid });
      expect(told(twice)).toEqual(told(once));
    });
  });

  it("are the same when they come back from JSON", () => {
    forAny(answer, (iq) => {
      const once = DiscoItems.fromElement(iq);
      const twice = DiscoItems.fromJSON(throughFile(once), { jid: once.jid, node: once.node });
      expect(told(twice)).toEqual(told(once));
    });
  });
});
