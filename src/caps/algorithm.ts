import type { Element } from "@xmpp/xml";
import { DiscoInfo } from "../disco/info.js";
import { DataForm, type FormField } from "../forms/data-form.js";
import { childElements } from "../xml/element.js";

/** What is wrong with an information that must not be believed, or cannot be hashed. */
export type Flaw =
  /** Something lacked a required attribute, so the hash cannot be that of what was understood. */
  | "incomplete"
  /** There is a character that XML cannot carry; such could pass for a separator. */
  | "invalid-character"
  /** XEP-0115 §5.4, 3.3 */
  | "duplicate-identity"
  /** XEP-0115 §5.4, 3.4 */
  | "duplicate-feature"
  /** XEP-0115 §5.4, 3.5 */
  | "duplicate-form-type"
  /** XEP-0115 §5.4, 3.5 */
  | "form-type-has-several-values"
  /** XEP-0390 §4.1, step 1 */
  | "unknown-child"
  /** XEP-0390 §4.1, step 2 */
  | "form-is-multi-item"
  /** XEP-0390 §4.1, step 3 */
  | "form-lacks-form-type"
  /** XEP-0390 §4.1, step 3 */
  | "form-type-not-hidden";

/** One hash that an entity announces. */
export interface AnnouncedHash {
  /** The name of the hash function, as announced. */
  readonly algorithm: string;
  /** The hash in base64, as announced. */
  readonly value: string;
  /** The node to ask who announces it. */
  readonly node: string;
  /** See {@link CapsAlgorithm.key}. */
  readonly key: string | undefined;
}

/**
 * How a disco#info is hashed: XEP-0115 or XEP-0390.
 *
 * All functions are pure. Those that take what peers send never throw on it.
 */
export interface CapsAlgorithm {
  /** The namespace of its `<c/>`. */
  readonly xmlns: string;

  /** The hash in base64. @throws RangeError when there is no such hash function */
  hash(info: DiscoInfo, algorithm?: string): string;

  /** Whether a peer's information is well-formed and has this hash; false for unknown hash functions. */
  verify(info: DiscoInfo, value: string, algorithm?: string): boolean;

  /** What is wrong with the information, or undefined where it is well-formed. */
  flaw(info: DiscoInfo): Flaw | undefined;

  /** Whether nothing is wrong with the information. */
  wellFormed(info: DiscoInfo): boolean;

  /**
   * Whether the information, once verified, may be believed of everybody who announces its hash.
   *
   * Less may be shared than verifies: what can be forged cannot be shared.
   */
  shareable(info: DiscoInfo): boolean;

  /**
   * What a hash vouches for: the information without all that the hash does not cover, or undefined where it does not
   * verify or is not to be shared. It belongs to nobody: see {@link DiscoInfo.withSource}.
   */
  vouched(info: DiscoInfo, value: string, algorithm?: string): DiscoInfo | undefined;

  /**
   * The hashes that an available presence or a `<stream:features/>` announces: empty where they are of no use,
   * undefined where it says nothing about the sender's capabilities.
   */
  announced(element: Element): readonly AnnouncedHash[] | undefined;

  /**
   * The key to store what has this hash under: the same for everyone who announces it. Undefined where the result is
   * not to be shared, as with an unknown hash function.
   */
  key(value: string, algorithm?: string): string | undefined;
}

/** Finds half of a character from U+10000 on. It costs nothing where all characters are those of Latin-1. */
export const SURROGATE = /[\ud800-\udfff]/;

/**
 * A text whose order by UTF-16 code unit, that of JavaScript, is the order of the given text by octet in UTF-8
 * (i;octet, RFC 4790 §9.3); {@link fromOctetKey} gives the text back, also where keys have been joined.
 *
 * The two orders differ in one point: surrogates, which stand for U+10000 and above, are less than U+E000 to U+FFFF.
 * In the key they change places. What is below U+D800 is as it was, separators among it.
 */
export function octetKey(text: string): string {
  return text.replace(/[\ud800-\uffff]/g, (unit) => {
    const code = unit.charCodeAt(0);
    return String.fromCharCode(code < 0xe000 ? code + 0x2000 : code - 0x800);
  });
}

/** The text that has this {@link octetKey}. */
export function fromOctetKey(key: string): string {
  return key.replace(/[\ud800-\uffff]/g, (unit) => {
    const code = unit.charCodeAt(0);
    return String.fromCharCode(code < 0xf800 ? code + 0x800 : code - 0x2000);
  });
}

/** The order of two texts by octet in UTF-8. */
export function compareOctets(a: string, b: string): number {
  return compareUnits(octetKey(a), octetKey(b));
}

/** The order of two texts by UTF-16 code unit: that of octets where there are no surrogates. */
export function compareUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** How often a text has a character. */
export function count(text: string, character: string): number {
  let found = 0;
  for (let at = text.indexOf(character); at !== -1; at = text.indexOf(character, at + 1)) found++;
  return found;
}

/** The separators of XEP-0390 (§4.1). XML can carry none of them. */
export const SEPARATORS = Object.freeze({
  file: "\u001c",
  group: "\u001d",
  record: "\u001e",
  unit: "\u001f",
});

// What the Char production of XML leaves out, but for the separators. https://www.w3.org/TR/xml/#charsets
// The first is several times as fast, and takes all surrogates for lone ones.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const SUSPICIOUS = /[\x00-\x08\x0b\x0c\x0e-\x1b\ud800-\udfff\ufffe\uffff]/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const NOT_IN_XML = /[\x00-\x08\x0b\x0c\x0e-\x1b\p{Cs}\ufffe\uffff]/u;

/**
 * Whether a text, apart from so many separators of XEP-0390, is one that XML can carry: a lenient parser lets control
 * characters and lone surrogates in.
 */
export function isCharacterData(text: string, separators = 0): boolean {
  let found = 0;
  for (const separator of Object.values(SEPARATORS)) found += count(text, separator);
  return found === separators && (!SUSPICIOUS.test(text) || !NOT_IN_XML.test(text));
}

/** Finds what XML cannot carry or parsers change, separators of XEP-0390, and what sorts otherwise by octet. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
export const UNUSUAL = /[\x00-\x1f\ud800-\udfff\ufffe\uffff]/;

const plain = new WeakMap<DiscoInfo, boolean>();

/** Whether all texts that hashes cover are such that they need no further check; found out once. */
export function isPlain(info: DiscoInfo): boolean {
  let known = plain.get(info);
  if (known === undefined) {
    const text = textOf(info);
    known = !UNUSUAL.test(text) && !text.includes("<");
    plain.set(info, known);
  }
  return known;
}

function textOf({ identities, features, forms, lang = "" }: DiscoInfo): string {
  let text = lang + features.join("");
  for (const { category, type, lang = "", name = "" } of identities) text += category + type + lang + name;
  for (const form of forms) {
    text += form.formType ?? "";
    for (const { var: name, values } of form.fields) text += name + values.join("");
  }
  return text;
}

/**
 * Which of the rules against repetition an information breaks (XEP-0115 §5.4, 3.3 to 3.5), if any.
 *
 * `lang` is the language of identities that have none of their own; whether a feature is repeated may be known.
 */
export function repetition(
  info: DiscoInfo,
  lang = "",
  repeatsFeature = new Set(info.features).size !== info.features.length,
): Flaw | undefined {
  const { identities, forms } = info;
  if (repeatsFeature) return "duplicate-feature";
  if (identities.length > 1) {
    const distinct = new Set(
      identities.map((it) => [it.category, it.type, it.lang ?? lang, it.name].join("\0")),
    );
    if (distinct.size !== identities.length) return "duplicate-identity";
  }
  const formTypes = new Set<string>();
  for (const form of forms) {
    // "If the response includes an extended service discovery information form where the FORM_TYPE field is not of
    // type "hidden" or the form does not include a FORM_TYPE field, ignore the form but continue processing."
    // https://xmpp.org/extensions/xep-0115.html#ver-proc
    if (form.formType === undefined) continue;
    if (formTypeValues(form).some((value) => value !== form.formType)) return "form-type-has-several-values";
    if (formTypes.has(form.formType)) return "duplicate-form-type";
    formTypes.add(form.formType);
  }
  return undefined;
}

/** The name of the field that says what a form is about (XEP-0068). */
export const FORM_TYPE = "FORM_TYPE";

/** The fields of a form with FORM_TYPE among them, also where {@link DataForm.fields} leaves it out. */
export function allFields(form: DataForm): readonly FormField[] {
  const { formType, fields } = form;
  if (formType === undefined || fields.some((field) => field.var === FORM_TYPE)) return fields;
  return [{ var: FORM_TYPE, type: "hidden", values: [formType] }, ...fields];
}

function formTypeValues(form: DataForm): readonly string[] {
  return form.fields.filter((field) => field.var === FORM_TYPE).flatMap((field) => field.values);
}

/**
 * What the hashes cover of an information, and nothing else: no labels, no types of fields, no element.
 *
 * `lang` is the language of identities that have none of their own; it is made explicit.
 */
export function covered(info: DiscoInfo, lang: string | undefined): DiscoInfo {
  return new DiscoInfo({
    identities: info.identities.map((identity) => ({ ...identity, lang: identity.lang ?? lang })),
    features: info.features,
    forms: info.forms.map(
      (form) =>
        new DataForm({
          fields: allFields(form).map(({ var: name, values }) => ({
            var: name,
            ...(name === FORM_TYPE ? { type: "hidden" } : {}),
            values,
          })),
        }),
    ),
  });
}

/** The `<c/>` of a namespace in a presence or a `<stream:features/>`. */
export function findCaps(element: Element, xmlns: string): Element | undefined {
  return childElements(element).find((child) => child.is("c", xmlns));
}

/** Whether an element tells what its sender can do: presence that is no available one does not, an error least of all. */
export function isAvailable(element: Element): boolean {
  // An error brings back what we sent ourselves.
  return element.getName() !== "presence" || element.attrs["type"] === undefined;
}
