import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HASH_FUNCTIONS, TRUSTED_HASH_FUNCTIONS } from "../../../src/caps/digest.js";
import { UnhashableInfo, xep0390 } from "../../../src/caps/xep0390.js";
import { DiscoInfo } from "../../../src/disco/info.js";
import { DataForm } from "../../../src/forms/data-form.js";
import { parse } from "../../support/xml.js";
import { info, meaning, shuffled } from "./arbitraries.js";

const NS = "http://jabber.org/protocol/disco#info";
const INFO = new DiscoInfo({
  identities: [{ category: "client", type: "pc", name: "Example", lang: "en" }],
  features: [NS, "urn:xmpp:caps"],
});
const SHA256 = "F1CNzhcCWF5tctQxRUu5VJodLjNStsPrQ0PfdriWeuw=";

const query = (children: string, attributes = "") =>
  DiscoInfo.fromElement(parse(`<query xmlns='${NS}' ${attributes}>${children}</query>`));
const form = (children: string, type = "result") =>
  `<x xmlns='jabber:x:data' type='${type}'><field var='FORM_TYPE' type='hidden'><value>f</value></field>${children}</x>`;

describe("the hash function input", () => {
  it("has features, identities and forms, each with their separators", () => {
    const info = new DiscoInfo({
      identities: [{ category: "client", type: "pc" }],
      features: ["b", "a"],
      forms: [new DataForm({ formType: "f", fields: { v: ["2", "1"] } })],
    });
    expect(xep0390.hashInput(info)).toBe(
      "a\u001fb\u001f\u001cclient\u001fpc\u001f\u001f\u001f\u001e\u001cFORM_TYPE\u001ff\u001f\u001ev\u001f1\u001f2\u001f\u001e\u001d\u001c",
    );
  });

  it("does not depend on the order of anything", () => {
    fc.assert(
      fc.property(
        info.chain((original) => fc.tuple(fc.constant(original), shuffled(original))),
        ([original, other]) => {
          expect(xep0390.hashInput(other)).toBe(xep0390.hashInput(original));
        },
      ),
    );
  });

  it("differs for different informations", () => {
    fc.assert(
      fc.property(info, info, (a, b) => {
        expect(xep0390.hashInput(a) === xep0390.hashInput(b)).toBe(meaning(a) === meaning(b));
      }),
    );
  });

  it("differs where one thing is moved, dropped or repeated", () => {
    fc.assert(
      fc.property(info, fc.nat(), ({ identities, features, forms }, at) => {
        fc.pre(features.length > 0);
        const i = at % features.length;
        const feature = features[i] ?? "";
        const original = xep0390.hashInput(new DiscoInfo({ identities, features, forms }));
        const others = [
          { identities, features: features.toSpliced(i, 1), forms },
          { identities, features: [...features, feature], forms },
          {
            identities,
            features: features.toSpliced(i, 1),
            forms: [...forms, new DataForm({ formType: feature, fields: {} })],
          },
          {
            identities: [...identities, { category: feature, type: feature }],
            features: features.toSpliced(i, 1),
            forms,
          },
        ];
        for (const other of others) expect(xep0390.hashInput(new DiscoInfo(other))).not.toBe(original);
      }),
    );
  });

  it("is the same for what went through XML or JSON", () => {
    fc.assert(
      fc.property(info, (original) => {
        const input = xep0390.hashInput(original);
        expect(xep0390.hashInput(DiscoInfo.fromJSON(original.toJSON()))).toBe(input);
        expect(xep0390.hashInput(DiscoInfo.fromElement(original.toElement()))).toBe(input);
      }),
    );
  });

  it.each([
    ["an element of another namespace", "<other xmlns='o'/>", "unknown-child"],
    ["an unknown element of disco#info", "<other/>", "unknown-child"],
    ["a result set", "<set xmlns='http://jabber.org/protocol/rsm'/>", "unknown-child"],
    ["something without a required attribute", "<feature/>", "incomplete"],
    ["a form of several items", form("<reported/>"), "form-is-multi-item"],
    ["a form without FORM_TYPE", "<x xmlns='jabber:x:data' type='result'/>", "form-lacks-form-type"],
    [
      "a FORM_TYPE without a value",
      "<x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE' type='hidden'/></x>",
      "form-lacks-form-type",
    ],
    [
      "a FORM_TYPE that is not hidden",
      "<x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE'><value>f</value></field></x>",
      "form-type-not-hidden",
    ],
    [
      "a second FORM_TYPE that is not hidden",
      form("<field var='FORM_TYPE'><value>f</value></field>"),
      "form-type-not-hidden",
    ],
    ["a unit separator in a feature", "<feature var='a\u001fb'/>", "invalid-character"],
    ["a record separator in a name", "<identity category='c' type='t' name='\u001e'/>", "invalid-character"],
    ["a group separator in the name of a field", form("<field var='\u001d'/>"), "invalid-character"],
    [
      "a file separator in a value",
      form("<field var='v'><value>\u001c</value></field>"),
      "invalid-character",
    ],
    ["half a character", "<feature var='\ud83d'/>", "invalid-character"],
  ])("is not there for %s", (_, children, flaw) => {
    const info = query(`<identity category='client' type='pc'/><feature var='a'/>${children}`);
    expect(xep0390.flaw(info)).toBe(flaw);
    expect(xep0390.wellFormed(info)).toBe(false);
    expect(() => xep0390.hashInput(info)).toThrow(UnhashableInfo);
    expect(() => xep0390.hash(info)).toThrow(`XEP-0390 has no hash for this information: ${flaw}`);
    expect(() => xep0390.element({ info })).toThrow(UnhashableInfo);
    expect(xep0390.verify(info, SHA256, "sha-256")).toBe(false);
    expect(xep0390.shareable(info)).toBe(false);
    expect(xep0390.vouched(info, SHA256, "sha-256")).toBeUndefined();
  });

  it("tells the flaw in the error", () => {
    try {
      xep0390.hashInput(query("<other xmlns='o'/>"));
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ name: "UnhashableInfo", flaw: "unknown-child" });
    }
  });
});

describe("verifying", () => {
  it("takes the right hash of any function there is", () => {
    for (const name of HASH_FUNCTIONS) {
      expect(xep0390.verify(INFO, xep0390.hash(INFO, name), name), name).toBe(true);
    }
    expect(xep0390.verify(INFO, SHA256)).toBe(true);
    expect(xep0390.verify(INFO, SHA256, "SHA-256")).toBe(true);
  });

  it("compares octets, not spellings", () => {
    expect(xep0390.verify(INFO, ` ${SHA256.slice(0, 20)}\n${SHA256.slice(20, -1)}`)).toBe(true);
  });

  it.each([
    ["another hash", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "sha-256"],
    ["the beginning of the hash", "F1CNzhcC", "sha-256"],
    ["no hash", "", "sha-256"],
    ["what is not base64", "<!>", "sha-256"],
    ["an unknown function", SHA256, "x-rot13"],
    ["the hash of another function", SHA256, "sha3-256"],
  ])("refuses %s", (_, value, algorithm) => {
    expect(xep0390.verify(INFO, value, algorithm)).toBe(false);
  });

  it("takes a set where all known hashes are right, and there is one", () => {
    const sha3 = xep0390.hash(INFO, "sha3-256");
    expect(xep0390.verify(INFO, { "sha-256": SHA256, "sha3-256": sha3, "x-rot13": "AAAA" })).toBe(true);
    expect(xep0390.verify(INFO, { "sha-256": SHA256, "sha3-256": SHA256 })).toBe(false);
    expect(xep0390.verify(INFO, { "x-rot13": "AAAA" })).toBe(false);
    expect(xep0390.verify(INFO, {})).toBe(false);
  });

  it("never throws, whatever a peer sends", () => {
    fc.assert(
      fc.property(info, fc.string({ unit: "binary" }), fc.string(), (original, value, algorithm) => {
        expect(xep0390.verify(original, value, algorithm)).toBe(false);
        expect(xep0390.verify(original, { [algorithm]: value })).toBe(false);
      }),
    );
  });
});

describe("the language around the identities", () => {
  const identity = "<identity category='client' type='pc' name='Example'/>";
  const stamped = query(identity, "xml:lang='de'");
  const plain = query(identity);
  const explicit = query(identity.replace("/>", " xml:lang='de'/>"));

  it("counts for identities without one of their own", () => {
    expect(xep0390.hash(stamped)).toBe(xep0390.hash(explicit));
    expect(xep0390.hash(stamped)).not.toBe(xep0390.hash(plain));
    expect(xep0390.hash(query(identity.replace("/>", " xml:lang=''/>"), "xml:lang='de'"))).toBe(
      xep0390.hash(plain),
    );
  });

  it("is left out in verifying where the hash is not with it: servers put it on what they route", () => {
    expect(xep0390.verify(stamped, xep0390.hash(explicit))).toBe(true);
    expect(xep0390.verify(stamped, xep0390.hash(plain))).toBe(true);
    expect(xep0390.verify(explicit, xep0390.hash(plain))).toBe(false);
  });

  it("is, in what is shared, as the hash has it", () => {
    expect(xep0390.vouched(stamped, xep0390.hash(explicit))?.identities[0]?.lang).toBe("de");
    expect(xep0390.vouched(stamped, xep0390.hash(plain))?.identities[0]?.lang).toBeUndefined();
    expect(xep0390.vouched(stamped, xep0390.hash(plain))?.lang).toBeUndefined();
  });

  it("is one for all hashes of a set", () => {
    const hashes = {
      "sha-256": xep0390.hash(plain, "sha-256"),
      "sha3-256": xep0390.hash(explicit, "sha3-256"),
    };
    expect(xep0390.verify(stamped, hashes)).toBe(false);
  });
});

describe("sharing with everybody who announces the same hash", () => {
  it("is for whatever verifies, forms of any type and < included", () => {
    const info = new DiscoInfo({
      features: ["a<b"],
      forms: [new DataForm({ formType: "urn:xmpp:omemo:2", fields: {} })],
    });
    expect(xep0390.shareable(info)).toBe(true);
    expect(xep0390.vouched(info, xep0390.hash(info))).toEqual(info);
  });

  it("has what the hash covers and no more, and verifies again when it is read from a store", () => {
    fc.assert(
      fc.property(info, fc.constantFrom(...TRUSTED_HASH_FUNCTIONS), (original, algorithm) => {
        const hash = xep0390.hash(original, algorithm);
        const vouched = xep0390.vouched(original, hash, algorithm);
        expect(vouched !== undefined).toBe(xep0390.shareable(original));
        fc.pre(vouched !== undefined);
        expect(xep0390.verify(DiscoInfo.fromJSON(vouched?.toJSON()), hash, algorithm)).toBe(true);
      }),
    );
  });

  it("is not for repetitions, though the hash covers them", () => {
    const info = query("<feature var='a'/><feature var='a'/>");
    expect(xep0390.verify(info, xep0390.hash(info))).toBe(true);
    expect(xep0390.shareable(info)).toBe(false);
    expect(xep0390.vouched(info, xep0390.hash(info))).toBeUndefined();
  });

  it("is not for identities that are the same once the inherited language is in them", () => {
    const info = query(
      "<identity category='c' type='t'/><identity category='c' type='t' xml:lang='en'/>",
      "xml:lang='en'",
    );
    expect(xep0390.shareable(info)).toBe(false);
    expect(xep0390.vouched(info, xep0390.hash(info))).toBeUndefined();
  });

  it("is not for MD5", () => {
    const hash = xep0390.hash(INFO, "md5");
    expect(xep0390.verify(INFO, hash, "md5")).toBe(true);
    expect(xep0390.vouched(INFO, hash, "md5")).toBeUndefined();
    expect(xep0390.key(hash, "md5")).toBeUndefined();
  });
});

describe("capability hash nodes", () => {
  const base64 = fc.base64String({ minLength: 4 });

  it("split into what they were composed of, also where the function has a full stop in its name", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), base64, (algorithm, value) => {
        expect(xep0390.splitNode(xep0390.node({ algorithm, value }))).toEqual({ algorithm, value });
      }),
    );
  });

  it.each([
    "urn:xmpp:caps#.AAAA",
    "urn:xmpp:caps.AAAA",
    "urn:xmpp:caps#sha-256",
    "URN:XMPP:CAPS#sha-256.AAAA",
  ])("are not like %j", (text) => {
    expect(xep0390.splitNode(text)).toBeUndefined();
  });
});

describe("keys", () => {
  it("are the same for all spellings of a hash", () => {
    const key = `urn:xmpp:caps#sha-256.${SHA256}`;
    expect(xep0390.key(SHA256)).toBe(key);
    expect(xep0390.key(` ${SHA256.slice(0, -1)}`, "SHA-256")).toBe(key);
  });

  it("are not there for what is no hash", () => {
    expect(xep0390.key("AAAA")).toBeUndefined();
    expect(xep0390.key(SHA256, "x-rot13")).toBeUndefined();
  });
});

describe("announcing", () => {
  const presence = (children: string, attributes = "") =>
    parse(`<presence xmlns='jabber:client' ${attributes}>${children}</presence>`);
  const caps = (hashes: string) => `<c xmlns='urn:xmpp:caps'>${hashes}</c>`;
  const hash = (algo: string, value: string) =>
    `<hash xmlns='urn:xmpp:hashes:2' algo='${algo}'>${value}</hash>`;

  it("is a <c/> with a hash for each function, which reads as what it was made of", () => {
    const element = xep0390.element({ info: INFO, algorithms: ["sha-256", "SHA3-256", "sha-256"] });
    expect(element.toString()).toBe(
      `<c xmlns="urn:xmpp:caps"><hash xmlns="urn:xmpp:hashes:2" algo="sha-256">${SHA256}</hash><hash xmlns="urn:xmpp:hashes:2" algo="sha3-256">t3oPHfupOAtGfjnIMbxfxmjMnQsdI0wv7ET4YgMi1Xs=</hash></c>`,
    );
    expect(xep0390.parse(presence(element.toString()))).toEqual(
      xep0390.hashSet(INFO, ["sha-256", "sha3-256"]),
    );
  });

  it("has SHA-256 unless told otherwise", () => {
    expect(xep0390.hashSet(INFO)).toEqual([{ algorithm: "sha-256", value: SHA256 }]);
    expect(() => xep0390.element({ info: INFO, algorithms: ["x-rot13"] })).toThrow(RangeError);
  });

  it("tells the node to ask as the peer spells it, and the key as everybody does", () => {
    expect(xep0390.announced(presence(caps(hash("SHA-256", ` ${SHA256}\n`))))).toEqual([
      {
        algorithm: "SHA-256",
        value: SHA256,
        node: `urn:xmpp:caps#SHA-256.${SHA256}`,
        key: `urn:xmpp:caps#sha-256.${SHA256}`,
      },
    ]);
  });

  it("leaves out what cannot be verified, and what is said twice", () => {
    const children = [
      hash("x-rot13", "AAAA"),
      hash("sha-256", "AAAA"),
      "<hash xmlns='urn:xmpp:hashes:2'>AAAA</hash>",
      "<hash xmlns='urn:other' algo='sha-256'>AAAA</hash>",
      hash("sha-256", SHA256),
      hash("SHA-256", "A".repeat(43)),
    ].join("");
    expect(xep0390.announced(presence(caps(children)))?.map(({ value }) => value)).toEqual([SHA256]);
    expect(xep0390.parse(presence(caps(children)))).toHaveLength(5);
  });

  it("happens in the features of a stream too", () => {
    const features = parse(
      `<stream:features xmlns:stream='http://etherx.jabber.org/streams' xmlns='jabber:client'>${caps(hash("sha-256", SHA256))}</stream:features>`,
    );
    expect(xep0390.announced(features)).toHaveLength(1);
  });

  it.each(["unavailable", "error", "subscribe", "probe"])(
    "does not happen in presence of type %s",
    (type) => {
      expect(xep0390.announced(presence(caps(hash("sha-256", SHA256)), `type='${type}'`))).toBeUndefined();
    },
  );

  it("says nothing where there is no <c/>, and nothing of use in an empty one", () => {
    expect(xep0390.announced(presence(""))).toBeUndefined();
    expect(xep0390.announced(presence(caps("")))).toEqual([]);
  });
});
