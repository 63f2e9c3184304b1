import xml from "@xmpp/xml";
import { describe, expect, test } from "vitest";
import { childElements, languageOf } from "../../../src/xml/element.ts";
import { parse } from "../iq/support.ts";

describe("childElements", () => {
  test("are the elements, in order, without the text between them", () => {
    const element = parse("<iq>\n  <a/> text <b/>\n <a/></iq>");
    expect(childElements(element).map(({ name }) => name)).toEqual(["a", "b", "a"]);
  });

  test("are none where there are none", () => {
    expect(childElements(xml("iq"))).toEqual([]);
    expect(childElements(xml("iq", {}, "text"))).toEqual([]);
  });

  test("are not those further down", () => {
    expect(childElements(parse("<iq><a><b/></a></iq>")).map(({ name }) => name)).toEqual(["a"]);
  });
});

describe("languageOf", () => {
  const inner = (text: string) => {
    const stanza = parse(text);
    return stanza.getChild("query")?.getChild("identity") ?? stanza;
  };

  test("is the element's own", () => {
    expect(
      languageOf(inner('<iq xml:lang="en"><query xml:lang="fr"><identity xml:lang="de"/></query></iq>')),
    ).toBe("de");
  });

  test("is the nearest around it, where it has none of its own", () => {
    expect(languageOf(inner('<iq xml:lang="en"><query xml:lang="fr"><identity/></query></iq>'))).toBe("fr");
    expect(languageOf(inner('<iq xml:lang="en"><query><identity/></query></iq>'))).toBe("en");
  });

  test("is none where an element takes it back", () => {
    expect(languageOf(inner('<iq xml:lang="en"><query><identity xml:lang=""/></query></iq>'))).toBe("");
  });

  test("is undefined where nobody tells one", () => {
    expect(languageOf(inner("<iq><query><identity/></query></iq>"))).toBeUndefined();
    expect(languageOf(xml("identity"))).toBeUndefined();
  });

  test("is not a lang attribute without the prefix", () => {
    expect(languageOf(inner('<iq lang="en"><query><identity lang="de"/></query></iq>'))).toBeUndefined();
  });
});
