import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import xml, { type Element } from "@xmpp/xml";
import fc, { type Arbitrary } from "fast-check";
import {
  NS_CAPS,
  NS_CAPS2,
  NS_DATA_FORMS,
  NS_DISCO_INFO,
  NS_DISCO_ITEMS,
  NS_HASHES,
  NS_RSM,
} from "../../src/index.ts";
import { DICTIONARY } from "./dictionary.ts";

/** A text: mostly one that means something, now and then any. */
export const anyText: Arbitrary<string> = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...DICTIONARY) },
  { weight: 2, arbitrary: fc.string({ maxLength: 8 }) },
  { weight: 1, arbitrary: fc.string({ maxLength: 4, unit: "binary" }) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom(...DICTIONARY), fc.constantFrom(...DICTIONARY))
      .map((pair) => pair.join("")),
  },
);

/** A text of few, so that many are equal. */
const plain = fc.constantFrom(
  "a",
  "b",
  "a/b",
  "client",
  "pc",
  "software",
  "os",
  "urn:xmpp:dataforms:softwareinfo",
  "",
);
const text = fc.oneof({ weight: 3, arbitrary: plain }, { weight: 2, arbitrary: anyText });
const maybe = <T>(arbitrary: Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 2 });
const rarely = <T>(arbitrary: Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 8 });

const identity = fc
  .record({ category: text, type: text, name: maybe(text), "xml:lang": maybe(text) })
  .map((attrs) => xml("identity", attrs));

const feature = text.map((name) => xml("feature", { var: name }));

const value = fc.oneof(
  { weight: 9, arbitrary: text.map((content) => xml("value", {}, content)) },
  { weight: 1, arbitrary: fc.constant(xml("value")) },
);

const field = fc
  .record({
    name: maybe(fc.constantFrom("FORM_TYPE", "software", "os", "max-file-size", "a", "")),
    other: text,
    type: maybe(fc.constantFrom("hidden", "text-single", "list-multi", "")),
    label: rarely(text),
    values: fc.array(value, { maxLength: 4 }),
  })
  .map(({ name, other, type, label, values }) =>
    xml("field", { var: name ?? other, type, label }, ...values.map((element) => copy(element))),
  );

const formType = fc
  .constantFrom(
    "urn:xmpp:dataforms:softwareinfo",
    "http://jabber.org/network/serverinfo",
    "urn:xmpp:http:upload:0",
    "urn:example",
  )
  .map((name) => xml("field", { var: "FORM_TYPE", type: "hidden" }, xml("value", {}, name)));

/** Forms whose fields are known, so that their hash is one to be shared. */
const KNOWN_FORMS = [
  ["urn:xmpp:dataforms:softwareinfo", ["os", "software", "software_version"]],
  ["http://jabber.org/network/serverinfo", ["abuse-addresses", "admin-addresses"]],
  ["urn:xmpp:http:upload:0", ["max-file-size"]],
] as const;

const knownForm = fc
  .constantFrom(...KNOWN_FORMS)
  .chain(([name, names]) =>
    fc.tuple(
      fc.constant(name),
      fc.array(
        fc.tuple(
          fc.constantFrom(...names),
          fc.array(fc.constantFrom("a", "b", ...KNOWN_FORMS.flatMap(([type, fields]) => [type, ...fields])), {
            maxLength: 3,
          }),
        ),
        { maxLength: 3 },
      ),
    ),
  )
  .map(([name, fields]) =>
    xml(
      "x",
      { xmlns: NS_DATA_FORMS, type: "result" },
      xml("field", { var: "FORM_TYPE", type: "hidden" }, xml("value", {}, name)),
      ...fields.map(([field, values]) =>
        xml("field", { var: field }, ...values.map((value) => xml("value", {}, value))),
      ),
    ),
  );

const otherForm: Arbitrary<Element> = fc
  .record({
    type: fc.oneof({ weight: 4, arbitrary: fc.constant("result") }, { weight: 1, arbitrary: maybe(anyText) }),
    head: fc.option(formType, { nil: undefined, freq: 5 }),
    fields: fc.array(field, { maxLength: 5 }),
    extra: rarely(fc.constantFrom("reported", "item", "instructions", "title")),
  })
  .map(({ type, head, fields, extra }) =>
    xml(
      "x",
      { xmlns: NS_DATA_FORMS, type },
      ...(head === undefined ? [] : [copy(head)]),
      ...fields,
      ...(extra === undefined ? [] : [xml(extra)]),
    ),
  );

/** A data form. */
export const formElement: Arbitrary<Element> = fc.oneof(
  { weight: 3, arbitrary: otherForm },
  { weight: 1, arbitrary: knownForm },
);

/** An answer to disco#info. */
export const infoElement: Arbitrary<Element> = fc
  .record({
    node: rarely(text),
    lang: rarely(text),
    identities: fc.array(identity, { maxLength: 3 }),
    features: fc.array(feature, { maxLength: 6 }),
    forms: fc.array(formElement, { maxLength: 2 }),
    foreign: rarely(text),
  })
  .map(({ node, lang, identities, features, forms, foreign }) =>
    xml(
      "query",
      { xmlns: NS_DISCO_INFO, node, "xml:lang": lang },
      ...identities,
      ...features,
      ...forms,
      ...(foreign === undefined ? [] : [xml("foreign", { xmlns: foreign || "urn:example" })]),
    ),
  );

const number = fc.oneof(fc.nat(20).map(String), anyText);

/** A set of XEP-0059, of those who ask and of those who answer. */
export const setElement: Arbitrary<Element> = fc
  .record({
    first: maybe(text),
    index: maybe(number),
    last: maybe(text),
    count: maybe(number),
    max: maybe(number),
    after: maybe(text),
    before: maybe(text),
    at: maybe(number),
  })
  .map(({ first, index, last, count, max, after, before, at }) =>
    xml(
      "set",
      { xmlns: NS_RSM },
      ...(max === undefined ? [] : [xml("max", {}, max)]),
      ...(after === undefined ? [] : [xml("after", {}, after)]),
      ...(before === undefined ? [] : [xml("before", {}, before)]),
      ...(at === undefined ? [] : [xml("index", {}, at)]),
      ...(first === undefined ? [] : [xml("first", { index }, first)]),
      ...(last === undefined ? [] : [xml("last", {}, last)]),
      ...(count === undefined ? [] : [xml("count", {}, count)]),
    ),
  );

/** An address, or what could be taken for one. */
export const jidText: Arbitrary<string> = fc.oneof(
  { weight: 2, arbitrary: fc.constantFrom("a.example", "romeo@montague.example", "a@b.example/c") },
  {
    weight: 2,
    arbitrary: fc
      .tuple(rarely(anyText), fc.oneof(plain, anyText), maybe(anyText))
      .map(
        ([local, domain, resource]) =>
          `${local === undefined ? "" : `${local}@`}${domain}${resource === undefined ? "" : `/${resource}`}`,
      ),
  },
  { weight: 1, arbitrary: anyText },
);

const item = fc
  .record({ jid: rarely(jidText), node: maybe(text), name: maybe(text) })
  .map(({ jid, node, name }) => xml("item", { jid: jid ?? "a.example", node, name }));

/** An answer to disco#items. */
export const itemsElement: Arbitrary<Element> = fc
  .record({ node: rarely(text), items: fc.array(item, { maxLength: 6 }), set: maybe(setElement) })
  .map(({ node, items, set }) =>
    xml("query", { xmlns: NS_DISCO_ITEMS, node }, ...items, ...(set === undefined ? [] : [set])),
  );

const caps115 = fc
  .record({ hash: maybe(text), node: maybe(text), ver: maybe(text), ext: rarely(text) })
  .map((attrs) => xml("c", { xmlns: NS_CAPS, ...attrs }));

const caps390 = fc
  .array(fc.tuple(text, text), { maxLength: 3 })
  .map((hashes) =>
    xml(
      "c",
      { xmlns: NS_CAPS2 },
      ...hashes.map(([algo, hash]) => xml("hash", { xmlns: NS_HASHES, algo }, hash)),
    ),
  );

/** A presence with capabilities, of XEP-0115 and XEP-0390. */
export const presenceElement: Arbitrary<Element> = fc
  .record({
    from: maybe(jidText),
    type: rarely(fc.constantFrom("unavailable", "error", "subscribe", "probe", "")),
    caps: fc.array(fc.oneof(caps115, caps390), { maxLength: 3 }),
  })
  .map(({ from, type, caps }) => xml("presence", { from, type }, ...caps));

/** A stanza that answers a request. */
export const replyElement = (query: Arbitrary<Element>): Arbitrary<Element> =>
  fc
    .record({
      type: fc.oneof(
        { weight: 6, arbitrary: fc.constant("result") },
        { weight: 1, arbitrary: fc.constantFrom("error", "get", "set", "") },
      ),
      from: rarely(jidText),
      lang: rarely(text),
      query: fc.option(query, { freq: 10 }),
      error: fc.option(
        fc.tuple(text, fc.constantFrom("item-not-found", "forbidden", "gone", "wait", "text", "x:y")),
        { nil: undefined, freq: 8 },
      ),
    })
    .map(({ type, from, lang, query: payload, error }) =>
      xml(
        "iq",
        { type, from, "xml:lang": lang },
        ...(payload === null ? [] : [payload]),
        ...(error === undefined
          ? []
          : [xml("error", { type: error[0] }, xml(error[1], "urn:ietf:params:xml:ns:xmpp-stanzas"))]),
      ),
    );

/** Elements as the text that they are on the wire. */
export const written = (element: Arbitrary<Element>): Arbitrary<string> => element.map(String);

function copy(element: Element): Element {
  return xml(element.name, element.attrs, ...element.children);
}

/** The texts of the worked examples of `test/vectors` that have a pattern. */
export function vectors(file: string, pattern: RegExp): string[] {
  const text = readFileSync(fileURLToPath(new URL(`../vectors/${file}`, import.meta.url)), "utf8");
  const json: unknown[] = file.endsWith(".jsonl")
    ? text
        .split("\n")
        .filter(Boolean)
        .map((line) => JSON.parse(line) as unknown)
    : [JSON.parse(text)];
  const found = new Set<string>();
  const visit = (value: unknown): void => {
    if (typeof value === "string" && pattern.test(value)) found.add(value);
    else if (typeof value === "object" && value !== null)
      for (const part of Object.values(value)) visit(part);
  };
  visit(json);
  return [...found].filter((one) => one.startsWith("<") && one.length < 4_000);
}
