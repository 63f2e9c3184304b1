import xml, { type Element } from "@xmpp/xml";
import type { DiscoInfo, Identity } from "../disco/info.js";
import type { DataForm, FormField } from "../forms/data-form.js";
import {
  type AnnouncedHash,
  type CapsAlgorithm,
  compareOctets,
  compareUnits,
  count,
  covered,
  type Flaw,
  FORM_TYPE,
  findCaps,
  fromOctetKey,
  isAvailable,
  isCharacterData,
  isPlain,
  octetKey,
  repetition,
  SURROGATE,
  UNUSUAL,
} from "./algorithm.js";
import { findHashFunction, hashFunction } from "./digest.js";

/** Entity capabilities (XEP-0115). */
export const NS_CAPS = "http://jabber.org/protocol/caps";

const SEPARATOR = "<";

/** What a `<c xmlns="http://jabber.org/protocol/caps"/>` announces. */
export type Caps115 =
  /** A hash (§4): what to ask is `query`. */
  | {
      readonly kind: "hashed";
      /** The name of the hash function. */
      readonly hash: string;
      readonly node: string;
      readonly ver: string;
      /** The node to ask for, `node#ver` (§6.2). */
      readonly query: string;
    }
  /** The format before version 1.4, without a hash (§13): nothing to verify, and nothing to share. */
  | { readonly kind: "legacy"; readonly node: string; readonly ver: string; readonly ext: readonly string[] }
  /** One without a required attribute, or in a presence that is no available one. */
  | { readonly kind: "ignored" };

/** What `element` of {@link xep0115} makes a `<c/>` of. */
export interface Caps115Init {
  /** The address of the software, such as `https://my.app/`. */
  readonly node: string;
  readonly info: DiscoInfo;
  /** @default "sha-1", the only one that everybody knows */
  readonly algorithm?: string | undefined;
}

/**
 * Entity capabilities of XEP-0115.
 *
 * Its string drops the structure of what it was made from, so that its hash can be forged: see
 * {@link CapsAlgorithm.shareable}.
 *
 * @example
 * xep0115.verificationString(info); // "client/pc//Exodus 0.9.1<http://jabber.org/protocol/caps<…"
 * xep0115.hash(info); // "QgayPKawpkPSDYmwT/WM94uAlu0="
 */
export const xep0115 = Object.freeze({
  xmlns: NS_CAPS,

  /** The string S that is hashed (§5.1); a `<` in a part is `&lt;` in it, and all else as it is. */
  verificationString(info: DiscoInfo): string {
    return compose(info).text;
  },

  /** The hash of `verificationString` in base64. @throws RangeError when there is no such hash function */
  hash(info: DiscoInfo, algorithm = "sha-1"): string {
    return hashFunction(algorithm).digest(compose(info, isPlain(info)).text);
  },

  /** Whether a peer's information is well-formed (§5.4) and has this hash; false for unknown hash functions. */
  verify(info: DiscoInfo, ver: string, algorithm = "sha-1"): boolean {
    const composed = compose(info);
    return findHashFunction(algorithm)?.digest(composed.text) === ver && flawOf(info, composed) === undefined;
  },

  /** Which rule of §5.4, 3.3 to 3.5, the information breaks, or how else it cannot be believed. */
  flaw(info: DiscoInfo): Flaw | undefined {
    return flawOf(info, compose(info));
  },

  /** Whether the information is well-formed. */
  wellFormed(info: DiscoInfo): boolean {
    return xep0115.flaw(info) === undefined;
  },

  /**
   * Whether the information is well-formed, and there is no other to be shared with the same hash.
   *
   * There may be where a part has a `<`, on whose escaping implementations disagree; where an identity or a form could be
   * read as something else; and where a form has no FORM_TYPE and is left out of the hash.
   */
  shareable(info: DiscoInfo): boolean {
    const composed = compose(info);
    return !composed.escaped && flawOf(info, composed) === undefined && isUnambiguous(info);
  },

  /** See {@link CapsAlgorithm.vouched}. The language that identities inherit takes no part, and is gone. */
  vouched(info: DiscoInfo, ver: string, algorithm = "sha-1"): DiscoInfo | undefined {
    if (!findHashFunction(algorithm)?.trusted) return undefined;
    if (!xep0115.verify(info, ver, algorithm) || !xep0115.shareable(info)) return undefined;
    return covered(info, undefined);
  },

  /** What a presence or a `<stream:features/>` announces, or undefined where there is no `<c/>`. */
  parse(element: Element): Caps115 | undefined {
    const caps = findCaps(element, NS_CAPS);
    if (caps === undefined) return undefined;
    const { hash, node, ver, ext = "" } = caps.attrs as Record<string, string | undefined>;
    if (!node || !ver || !isAvailable(element)) return { kind: "ignored" };
    if (!hash) return { kind: "legacy", node, ver, ext: ext.split(/\s+/).filter(Boolean) };
    return { kind: "hashed", hash, node, ver, query: xep0115.node(node, ver) };
  },

  /** See {@link CapsAlgorithm.announced}: no more than one hash, also of an unknown function. */
  announced(element: Element): readonly AnnouncedHash[] | undefined {
    const caps = xep0115.parse(element);
    if (caps === undefined || !isAvailable(element)) return undefined;
    if (caps.kind !== "hashed") return [];
    const { hash: algorithm, ver: value, query: node } = caps;
    return [{ algorithm, value, node, key: xep0115.key(value, algorithm) }];
  },

  /** The node that has the information with this hash, `node#ver` (§6.2). */
  node(node: string, ver: string): string {
    return `${node}#${ver}`;
  },

  /** See {@link CapsAlgorithm.key}. */
  key(ver: string, algorithm = "sha-1"): string | undefined {
    const fn = findHashFunction(algorithm);
    return fn?.trusted ? `${NS_CAPS}#${fn.name}.${ver}` : undefined;
  },

  /** The `<c/>` that announces an information (§4). */
  element({ node, info, algorithm = "sha-1" }: Caps115Init): Element {
    const { name } = hashFunction(algorithm);
    return xml("c", { xmlns: NS_CAPS, hash: name, node, ver: xep0115.hash(info, name) });
  },
}) satisfies CapsAlgorithm;

/** What is to be known of an information that is hashed. */
interface Composed {
  /** The string S. */
  readonly text: string;
  /** Whether all in it but the separators is plain. */
  readonly isPlain: boolean;
  /** Whether a part has the separator in it. */
  readonly escaped: boolean;
  /** Whether a feature is there more than once. */
  readonly repeats: boolean;
}

function flawOf(info: DiscoInfo, { text, isPlain, repeats }: Composed): Flaw | undefined {
  if (info.incomplete) return "incomplete";
  if (!isPlain && !isCharacterData(text)) return "invalid-character";
  return repetition(info, "", repeats);
}

/** Makes the string S; it need not be looked at where all parts are known to be plain. */
function compose(info: DiscoInfo, isKnownPlain = false): Composed {
  const { text, parts, repeats } = join(info, asItIs);
  const escaped = !isKnownPlain && count(text, SEPARATOR) !== parts;
  const isPlain = isKnownPlain || (!escaped && !UNUSUAL.test(text));
  const isExact = isPlain || !(escaped || SURROGATE.test(text));
  return { text: isExact ? text : fromOctetKey(join(info, exact).text), isPlain, escaped, repeats };
}

// Will do where no part has a `<` or a surrogate, and is several times as fast.
const asItIs = (text: string) => text;

// "All sort operations MUST be performed using "i;octet" collation"
// https://xmpp.org/extensions/xep-0115.html#ver-gen
const exact = (text: string) => octetKey(text.replaceAll("<", "&lt;"));

/** The string S of parts that are first put through `part`, how many there are, and whether a feature is repeated. */
function join({ identities, features, forms }: DiscoInfo, part: (text: string) => string) {
  let text = "";
  let parts = identities.length + features.length;
  for (const identity of identities.length < 2 ? identities : sortIdentities(identities, part)) {
    const { category, type, lang = "", name = "" } = identity;
    text += `${part(`${category}/${type}/${lang}/${name}`)}<`;
  }
  let repeats = false;
  if (features.length > 0) {
    const sorted = inOrder(features.map(part));
    repeats = hasRepetition(sorted);
    text += `${sorted.join("<")}<`;
  }
  const counted = forms.filter((form) => form.formType !== undefined);
  if (counted.length > 1)
    counted.sort((a, b) => compareUnits(part(a.formType ?? ""), part(b.formType ?? "")));
  for (const { formType = "", fields } of counted) {
    text += `${part(formType)}<`;
    parts++;
    const sorted = fields
      .filter((field) => field.var !== FORM_TYPE)
      // By values too where a name is repeated, so that there is one order.
      .sort(
        (a, b) =>
          compareUnits(part(a.var), part(b.var)) || compareUnits(joinValues(a, part), joinValues(b, part)),
      );
    for (const field of sorted) {
      text += `${part(field.var)}<${joinValues(field, part)}`;
      parts += 1 + field.values.length;
    }
  }
  return { text, parts, repeats };
}

/** Sorts texts, of which many senders have done that already. */
function inOrder(texts: string[]): string[] {
  let [last = ""] = texts;
  for (const text of texts) {
    if (text < last) return texts.sort();
    last = text;
  }
  return texts;
}

function hasRepetition(sorted: readonly string[]): boolean {
  for (let index = 1; index < sorted.length; index += 1) {
    if (sorted[index] === sorted[index - 1]) return true;
  }
  return false;
}

function joinValues({ values }: FormField, part: (text: string) => string): string {
  const [first] = values;
  if (first === undefined) return "";
  return values.length === 1 ? `${part(first)}<` : `${values.map(part).sort().join("<")}<`;
}

/** Identities by category, type, language and, which XEP-0115 leaves open, name. */
function sortIdentities(identities: readonly Identity[], part: (text: string) => string): Identity[] {
  return identities
    .map((identity) => {
      const { category, type, lang = "", name = "" } = identity;
      return { identity, keys: [part(category), part(type), part(lang), part(name)] as const };
    })
    .sort(
      ({ keys: a }, { keys: b }) =>
        compareUnits(a[0], b[0]) ||
        compareUnits(a[1], b[1]) ||
        compareUnits(a[2], b[2]) ||
        compareUnits(a[3], b[3]),
    )
    .map(({ identity }) => identity);
}

/** A feature with the shape of `category/type/lang/name`. A URL has no such: its second part is empty. */
const LIKE_AN_IDENTITY = /^[^/]+\/[^/]+\/[^/]*\//;

/** The forms that entities with capabilities have, and their fields. */
const KNOWN_FORMS: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  // XEP-0232, and ip_version from the example of XEP-0115 §5.3
  [
    "urn:xmpp:dataforms:softwareinfo",
    new Set(["icon", "ip_version", "os", "os_version", "software", "software_version"]),
  ],
  // XEP-0157 and XEP-0485
  [
    "http://jabber.org/network/serverinfo",
    new Set([
      "abuse-addresses",
      "admin-addresses",
      "feedback-addresses",
      "sales-addresses",
      "security-addresses",
      "serverinfo-pubsub-node",
      "status-addresses",
      "support-addresses",
    ]),
  ],
  // XEP-0363
  ["urn:xmpp:http:upload:0", new Set(["max-file-size"])],
]);

const FIELD_NAMES: ReadonlySet<string> = new Set([...KNOWN_FORMS.values()].flatMap((names) => [...names]));

/**
 * Whether S can be read in one way only, the way it was made.
 *
 * In S all stand in a row: identities, features, and of each form FORM_TYPE, then names and values. A form with
 * features in it instead of fields has the S of who has these features. So a part must show by itself what it is: an
 * identity by its slashes, which no feature has like that; FORM_TYPE and the names of fields by being known ones, which
 * no value and, but for FORM_TYPE, no feature is. `urn:xmpp:http:upload:0` is both; what follows tells it apart.
 *
 * Other registered forms, such as `http://jabber.org/protocol/muc#roominfo`, are those of rooms and nodes. They differ
 * from one to the next and are not worth sharing.
 */
function isUnambiguous({ identities, features, forms }: DiscoInfo): boolean {
  return (
    identities.every(({ category, type, lang = "" }) => !`${category}${type}${lang}`.includes("/")) &&
    features.every((feature) => !LIKE_AN_IDENTITY.test(feature) && !FIELD_NAMES.has(feature)) &&
    forms.every((form) => isKnownForm(form, features))
  );
}

function isKnownForm({ formType, fields }: DataForm, features: readonly string[]): boolean {
  const names = formType === undefined ? undefined : KNOWN_FORMS.get(formType);
  if (formType === undefined || names === undefined) return false;
  // ejabberd has a form without fields. Its FORM_TYPE was no feature if it comes after one that sorts behind it.
  if (fields.length === 0) return features.some((feature) => compareOctets(feature, formType) > 0);
  return fields.every(
    ({ var: name, values }) =>
      names.has(name) && values.every((value) => !FIELD_NAMES.has(value) && !KNOWN_FORMS.has(value)),
  );
}
