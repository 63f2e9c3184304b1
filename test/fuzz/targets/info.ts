import { Element } from "@xmpp/xml";
import fc from "fast-check";
import { allFields, type CapsAlgorithm, covered, SEPARATORS } from "../../../src/caps/algorithm.ts";
import {
  DataForm,
  DiscoInfo,
  type Identity,
  MalformedResponse,
  xep0115,
  xep0390,
} from "../../../src/index.ts";
import { Random } from "../../support/random.ts";
import { readElement, reread } from "../markup.ts";
import { infoElement, replyElement, vectors, written } from "../structures.ts";
import { attempt, holds, isXmlText, mustReturn, same, seedOf, type Target } from "../target.ts";

/** How many hashes are remembered, to find two informations that share one. */
const MAX_SEEN = 100_000;

const ALGORITHMS: readonly CapsAlgorithm[] = [xep0115, xep0390];

/** What each hash that may be shared stands for. */
const seen = new Map<string, string>();

/** Answers to disco#info, and their hashes. */
export const info: Target = {
  name: "info",
  about: "answers to disco#info, and their hashes by XEP-0115 and XEP-0390",
  kind: "xml",
  share: 10,
  fresh: fc.oneof(
    { weight: 5, arbitrary: written(infoElement) },
    { weight: 1, arbitrary: written(replyElement(infoElement)) },
  ),
  seeds: [
    ...vectors("disco-replies.json", /<query xmlns=.http:\/\/jabber.org\/protocol\/disco#info/),
    ...vectors("caps115-edge.json", /^<query/),
    ...vectors("caps390-edge.json", /^<query/),
    ...vectors("caps115-collisions.json", /^<query/),
  ],
  run(input) {
    const element = readElement(input);
    if (element === undefined) return "no XML";
    const result = attempt(
      () => DiscoInfo.fromElement(element),
      (error): error is MalformedResponse => error instanceof MalformedResponse,
      "reading an answer to disco#info throws nothing but MalformedResponse",
    );
    if ("error" in result) return "malformed";
    const parsed = result.value;
    checkSerialising(parsed);
    const random = new Random(seedOf(input));
    const shuffled = DiscoInfo.fromElement(shuffledQuery(element, random));
    const verdicts = ALGORITHMS.map((caps) => checkHash(parsed, shuffled, caps));
    checkReadings(parsed, random);
    checkReversible(parsed);
    return `${verdicts.join(", ")}${parsed.incomplete ? ", incomplete" : ""}${parsed.foreign ? ", foreign" : ""}`;
  },
};

/** Whether all texts of an information are ones that XML can carry. */
export function isPrintable(value: unknown): boolean {
  if (typeof value === "string") return isXmlText(value);
  return typeof value !== "object" || value === null || Object.values(value).every(isPrintable);
}

function checkSerialising(parsed: DiscoInfo): void {
  const json = mustReturn(() => parsed.toJSON(), "toJSON does not throw");
  const source = { jid: parsed.jid };
  const element = mustReturn(() => parsed.toElement(), "toElement does not throw");
  const again = reread(element);
  // A lenient parser lets in what a strict one does not, and what is written is as it came.
  holds(again !== undefined, "what an information is written as can be read", () => element.toString());
  const second = DiscoInfo.fromElement(again, source);
  same(second.toJSON(), json, "reading, writing and reading an information is reading it");
  same(second.node, parsed.node, "the node of an information is read and written");
  const kept = mustReturn(() => parsed.element, "the element of an information does not throw");
  holds(kept !== undefined, "what was received has its element");
  const third = DiscoInfo.fromElement(kept, source);
  same(
    [third.toJSON(), third.node, third.incomplete, third.foreign],
    [json, parsed.node, parsed.incomplete, parsed.foreign],
    "the element of an information says all that was read",
  );
  if (isPrintable([json, parsed.node])) {
    const fromJson = mustReturn(
      () => DiscoInfo.fromJSON(JSON.parse(JSON.stringify(json)), { ...source, node: parsed.node }),
      "the JSON of an information can be read",
    );
    same(fromJson.toJSON(), json, "writing and reading the JSON of an information is the identity");
    same(
      String(fromJson.toElement()),
      String(element),
      "an information from JSON is written as the same XML",
    );
  }
  holds(isFrozen(parsed), "an information cannot be changed");
}

function isFrozen(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return true;
  return Object.isFrozen(value) && Object.values(value).every(isFrozen);
}

/** The same query with all that has no order in another order. */
function shuffledQuery(element: Element, random: Random): Element {
  const copy = new Element(element.name, { ...element.attrs });
  copy.parent = element.parent;
  const isOrdered = !["iq", "query", "x", "field"].includes(element.getName());
  const children = isOrdered ? [...element.children] : shuffled(element.children, random);
  // Which of several queries counts is a matter of order.
  const ordered = element.getName() === "iq" ? [...element.children] : children;
  for (const child of ordered) {
    const isDeep =
      child instanceof Element && !["value", "item", "reported", "foreign"].includes(child.getName());
    const moved = isDeep ? shuffledQuery(child, random) : child;
    copy.children.push(moved);
    if (moved instanceof Element && isDeep) moved.parent = copy;
  }
  return copy;
}

function shuffled<T>(list: readonly T[], random: Random): T[] {
  return list
    .map((one) => ({ one, place: random.next() }))
    .sort((a, b) => a.place - b.place)
    .map(({ one }) => one);
}

function checkHash(parsed: DiscoInfo, shuffledOne: DiscoInfo, caps: CapsAlgorithm): string {
  const isWellFormed = mustReturn(() => caps.wellFormed(parsed), "wellFormed does not throw");
  const isShareable = mustReturn(() => caps.shareable(parsed), "shareable does not throw");
  same(
    caps.wellFormed(shuffledOne),
    isWellFormed,
    `${caps.xmlns}: order does not decide what is well-formed`,
  );
  same(caps.shareable(shuffledOne), isShareable, `${caps.xmlns}: order does not decide what is shareable`);
  holds(isWellFormed || !isShareable, `${caps.xmlns}: what is shareable is well-formed`);
  mustReturn(() => caps.verify(parsed, "wrong"), `${caps.xmlns}: verify does not throw`);
  holds(!caps.verify(parsed, "wrong"), `${caps.xmlns}: a wrong hash does not verify`);
  if (!isWellFormed) return caps.flaw(parsed) ?? "no flaw";
  const hash = mustReturn(() => caps.hash(parsed), `${caps.xmlns}: what is well-formed has a hash`);
  same(caps.hash(shuffledOne), hash, `${caps.xmlns}: the hash is the same whatever the order`);
  holds(caps.verify(parsed, hash), `${caps.xmlns}: what is well-formed verifies with its hash`);
  const vouched = mustReturn(() => caps.vouched(parsed, hash), `${caps.xmlns}: vouched does not throw`);
  same(vouched !== undefined, isShareable, `${caps.xmlns}: a hash vouches for what is shareable`);
  if (vouched === undefined) return "not shared";
  same(
    canonical(vouched),
    canonical(caps.vouched(vouched, hash)),
    `${caps.xmlns}: what is vouched for is so again`,
  );
  const kept = DiscoInfo.fromJSON(JSON.parse(JSON.stringify(vouched)));
  same(
    canonical(caps.vouched(kept, hash)),
    canonical(vouched),
    `${caps.xmlns}: what is kept is what is read`,
  );
  const key = `${caps.xmlns}#${hash}`;
  const text = canonical(vouched);
  const other = seen.get(key) ?? text;
  same(text, other, `${caps.xmlns}: two different informations do not share an entry`);
  if (seen.size >= MAX_SEEN) seen.clear();
  seen.set(key, text);
  return "shared";
}

/** What a hash covers of an information, as sets: equal texts for equal informations. */
export function canonical(told: DiscoInfo | undefined): string {
  if (told === undefined) return "nothing";
  const { identities, features, forms } = told;
  return JSON.stringify([
    identities
      .map(({ category, type, lang = "", name = "" }) => JSON.stringify([category, type, lang, name]))
      .sort(),
    [...features].sort(),
    forms
      .map((form) =>
        JSON.stringify(
          allFields(form)
            .map((field) => JSON.stringify([field.var, ...[...field.values].sort()]))
            .sort(),
        ),
      )
      .sort(),
  ]);
}

/** Reads the text that XEP-0115 hashes in other ways: no two that differ may be shared. */
function checkReadings(parsed: DiscoInfo, random: Random): void {
  if (!xep0115.shareable(parsed)) return;
  const text = xep0115.verificationString(parsed);
  const parts = text.split("<").slice(0, -1);
  const own = canonical(covered(parsed, undefined));
  for (let times = 0; times < 4; times++) {
    const other = anotherReading(parts, random);
    if (other === undefined || xep0115.verificationString(other) !== text) continue;
    if (canonical(other) === own || !xep0115.shareable(other)) continue;
    holds(
      false,
      "XEP-0115: no two informations with one text are shareable",
      () => `${canonical(other)}\n${own}`,
    );
  }
}

/** An information whose text by XEP-0115 may have these parts. */
function anotherReading(parts: readonly string[], random: Random): DiscoInfo | undefined {
  const rest = [...parts];
  const identities: Identity[] = [];
  while (rest.length > 0 && random.happens(0.6)) {
    const pieces = rest[0]?.split("/") ?? [];
    if (pieces.length < 4) break;
    // Slashes may stand anywhere.
    const cuts = shuffled(
      Array.from({ length: pieces.length - 1 }, (_, at) => at + 1),
      random,
    )
      .slice(0, 3)
      .sort((a, b) => a - b);
    const [a = 1, b = 2, c = 3] = cuts;
    const [category, type, lang, name] = [
      pieces.slice(0, a),
      pieces.slice(a, b),
      pieces.slice(b, c),
      pieces.slice(c),
    ].map((some) => some.join("/"));
    if (!category || !type) break;
    identities.push({ category, type, ...(lang ? { lang } : {}), ...(name ? { name } : {}) });
    rest.shift();
  }
  const features = rest.splice(0, random.below(rest.length + 1)).filter(Boolean);
  const forms: DataForm[] = [];
  while (rest.length > 0) {
    const formType = rest.shift();
    const fields: { var: string; values: string[] }[] = [];
    while (rest.length > 0 && random.happens(0.8)) {
      fields.push({ var: rest.shift() ?? "", values: rest.splice(0, random.below(3)) });
    }
    if (!formType) return undefined;
    forms.push(
      new DataForm({
        formType,
        fields: [{ var: "FORM_TYPE", type: "hidden", values: [formType] }, ...fields],
      }),
    );
  }
  return new DiscoInfo({ identities, features, forms });
}

/** Reads back the text that XEP-0390 hashes: it has all that it was made of, so that no other has it. */
function checkReversible(parsed: DiscoInfo): void {
  if (!xep0390.wellFormed(parsed)) return;
  const { file, group, record, unit } = SEPARATORS;
  const cut = (text: string, separator: string) => text.split(separator).slice(0, -1);
  const [features = "", identities = "", forms = ""] = xep0390.hashInput(parsed).split(file);
  const read = JSON.stringify([
    cut(identities, record)
      .map((one) => JSON.stringify(cut(one, unit)))
      .sort(),
    cut(features, unit).sort(),
    cut(forms, group)
      .map((form) =>
        JSON.stringify(
          cut(form, record)
            .map((field) => {
              const [name = "", ...values] = cut(field, unit);
              return JSON.stringify([name, ...values.sort()]);
            })
            .sort(),
        ),
      )
      .sort(),
  ]);
  same(
    read,
    canonical(covered(parsed, parsed.lang)),
    "XEP-0390: what is hashed says all that it was made of",
  );
}
