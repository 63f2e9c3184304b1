import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  compareOctets,
  compareUnits,
  count,
  covered,
  fromOctetKey,
  isCharacterData,
  octetKey,
  repetition,
  SURROGATE,
} from "../../../src/caps/algorithm.js";
import { DiscoInfo } from "../../../src/disco/info.js";
import { DataForm } from "../../../src/forms/data-form.js";
import { parse } from "../../support/xml.js";
import { info } from "./arbitraries.js";

const anyText = fc.string({ unit: "binary" });

describe("the order by octet", () => {
  it("is that of the UTF-8 encodings", () => {
    fc.assert(
      fc.property(anyText, anyText, (a, b) => {
        const [left, right] = [a, b].map((text) => [...new TextEncoder().encode(text)]);
        const at = left?.findIndex((octet, index) => octet !== right?.[index]) ?? -1;
        const isLess = at === -1 ? a !== b : (left?.[at] ?? 0) < (right?.[at] ?? -1);
        expect(Math.sign(compareOctets(a, b))).toBe(a === b ? 0 : isLess ? -1 : 1);
      }),
    );
  });

  it("puts the upper BMP before what is above it, unlike that of JavaScript", () => {
    expect(["😀", "ａ", "z"].sort(compareOctets)).toEqual(["z", "ａ", "😀"]);
    expect(["😀", "ａ", "z"].sort(compareUnits)).toEqual(["z", "😀", "ａ"]);
  });

  it("is that of the keys, from which the texts come back, also where they were joined", () => {
    fc.assert(
      fc.property(fc.array(anyText), (texts) => {
        const keys = texts.map(octetKey).sort();
        expect(keys.map(fromOctetKey)).toEqual([...texts].sort(compareOctets));
        expect(fromOctetKey(keys.join("<"))).toBe([...texts].sort(compareOctets).join("<"));
      }),
    );
  });

  it("puts a prefix first", () => {
    expect(["ab", "a", "", "a#"].sort(compareOctets)).toEqual(["", "a", "a#", "ab"]);
  });

  it("is that of code units where there are no surrogates", () => {
    fc.assert(
      fc.property(anyText, anyText, (a, b) => {
        fc.pre(!SURROGATE.test(a + b));
        expect(Math.sign(compareOctets(a, b))).toBe(compareUnits(a, b));
      }),
    );
  });
});

describe("counting a character", () => {
  it("finds each one", () => {
    expect(count("<a<<b", "<")).toBe(3);
    expect(count("", "<")).toBe(0);
  });
});

describe("what XML can carry", () => {
  it.each(["", "plain", "tab\tbreak\r\n", "Ψ 😀 \u{10ffff}", "\u007f\u0085\ufffd"])("takes %j", (text) => {
    expect(isCharacterData(text)).toBe(true);
  });

  it.each([
    "\u0000",
    "a\u0008",
    "\u001b",
    "\ufffe",
    "\uffff",
    "\ud83d",
    "\ude00",
    "\ude00\ud83d",
    "😀\ud83d",
  ])("refuses %j", (text) => {
    expect(isCharacterData(text)).toBe(false);
  });

  it("takes separators in the number expected only", () => {
    expect(isCharacterData("a\u001fb\u001e\u001d\u001c", 4)).toBe(true);
    expect(isCharacterData("a\u001fb\u001e\u001d\u001c", 3)).toBe(false);
    expect(isCharacterData("a\u001fb")).toBe(false);
  });
});

describe("repetitions", () => {
  const form = (formType: string, field = "a") => new DataForm({ formType, fields: { [field]: "1" } });

  it("are none in an information without any", () => {
    const identities = [
      { category: "client", type: "pc", name: "A" },
      { category: "client", type: "pc", name: "A", lang: "en" },
      { category: "client", type: "pc", name: "B" },
    ];
    const forms = [
      form("one"),
      form("two"),
      new DataForm({ fields: { a: "1" } }),
      new DataForm({ fields: { a: "1" } }),
    ];
    expect(repetition(new DiscoInfo({ identities, features: ["a", "b"], forms }))).toBeUndefined();
  });

  it("count an absent name as an empty one", () => {
    const identities = [
      { category: "client", type: "pc", name: "" },
      { category: "client", type: "pc" },
    ];
    expect(repetition(new DiscoInfo({ identities }))).toBe("duplicate-identity");
  });

  it("count the language that an identity inherits where that takes part", () => {
    const identities = [
      { category: "client", type: "pc" },
      { category: "client", type: "pc", lang: "en" },
    ];
    expect(repetition(new DiscoInfo({ identities }))).toBeUndefined();
    expect(repetition(new DiscoInfo({ identities }), "en")).toBe("duplicate-identity");
  });

  it("allow a FORM_TYPE with the same value twice, and no other", () => {
    const typed = (...values: string[]) =>
      new DiscoInfo({ forms: [new DataForm({ fields: [{ var: "FORM_TYPE", type: "hidden", values }] })] });
    expect(repetition(typed("a", "a"))).toBeUndefined();
    expect(repetition(typed("a", "b"))).toBe("form-type-has-several-values");
  });

  it("are found in a second FORM_TYPE field too", () => {
    const fields = ["a", "b"].map((value) => ({ var: "FORM_TYPE", type: "hidden", values: [value] }));
    expect(repetition(new DiscoInfo({ forms: [new DataForm({ fields })] }))).toBe(
      "form-type-has-several-values",
    );
  });
});

describe("what the hashes cover", () => {
  it("leaves out labels, types, the element, whose it is and foreign children", () => {
    const info = DiscoInfo.fromElement(
      parse(`<iq xmlns='jabber:client' type='result' from='romeo@montague.example/orchard' xml:lang='de'>
        <query xmlns='http://jabber.org/protocol/disco#info' node='n'>
          <identity category='client' type='pc' name='A'/><feature var='a'/><feature var='a'/><other xmlns='o'/>
          <x xmlns='jabber:x:data' type='form'><field var='FORM_TYPE' type='hidden'><value>f</value></field>
          <field var='v' type='jid-multi' label='Click here'><value>2</value><value>1</value></field></x>
        </query></iq>`),
    );
    const rest = covered(info, undefined);
    expect(rest.toJSON()).toEqual({
      identities: [{ category: "client", type: "pc", name: "A" }],
      features: ["a", "a"],
      forms: [{ formType: "f", fields: [{ var: "v", values: ["2", "1"] }] }],
    });
    expect([rest.jid, rest.node, rest.lang, rest.element, rest.foreign]).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
      false,
    ]);
  });

  it("has the inherited language in identities without one of their own, where that takes part", () => {
    const identities = [
      { category: "client", type: "pc" },
      { category: "client", type: "pc", lang: "" },
      { category: "client", type: "pc", lang: "en" },
    ];
    expect(covered(new DiscoInfo({ identities }), "de").identities.map(({ lang }) => lang)).toEqual([
      "de",
      "",
      "en",
    ]);
  });

  it("survives JSON", () => {
    fc.assert(
      fc.property(info, (original) => {
        const rest = covered(original, undefined);
        expect(DiscoInfo.fromJSON(JSON.parse(JSON.stringify(rest)))).toEqual(rest);
      }),
    );
  });
});
