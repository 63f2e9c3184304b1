import xml, { type Element } from "@xmpp/xml";
import type { DiscoInfo } from "../disco/info.js";
import type { DataForm } from "../forms/data-form.js";
import { childElements } from "../xml/element.js";
import {
  type AnnouncedHash,
  allFields,
  type CapsAlgorithm,
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
  SEPARATORS,
} from "./algorithm.js";
import { canonicalHash, findHashFunction, hashFunction } from "./digest.js";

/** Entity capabilities 2.0 (XEP-0390). */
export const NS_CAPS2 = "urn:xmpp:caps";

/** Hashes and their functions (XEP-0300). */
export const NS_HASHES = "urn:xmpp:hashes:2";

const NODE_PREFIX = `${NS_CAPS2}#`;

const { file: FILE, group: GROUP, record: RECORD, unit: UNIT } = SEPARATORS;

// What sorts by code unit otherwise than by octet, or before a separator that follows it.
const DELICATE = /[\t\n\r\ud800-\udfff]/;

/** Hashes in base64 by hash function: a capability hash set (§4.2). */
export type HashSet = Readonly<Record<string, string>>;

/** A hash and its function: a capability hash (§3). */
export interface CapabilityHash {
  /** The name of the hash function (XEP-0300). */
  readonly algorithm: string;
  /** In base64. */
  readonly value: string;
}

/** What `element` of {@link xep0390} makes a `<c/>` of. */
export interface Caps390Init {
  readonly info: DiscoInfo;
  /** @default ["sha-256"], which XEP-0414 demands of everybody */
  readonly algorithms?: readonly string[] | undefined;
}

/** There is no hash of an information by XEP-0390 (§4.1, steps 1 to 3). */
export class UnhashableInfo extends Error {
  override readonly name = "UnhashableInfo";
  /** What stands in the way. */
  readonly flaw: Flaw;

  constructor(flaw: Flaw) {
    super(`XEP-0390 has no hash for this information: ${flaw}`);
    this.flaw = flaw;
  }
}

/**
 * Entity capabilities of XEP-0390.
 *
 * An identity without a language of its own has that of the elements around it, {@link DiscoInfo.lang}.
 *
 * @example
 * xep0390.hash(info, "sha3-256"); // "79mdYAfU9rEdTOcWDO7UEAt6E56SUzk/g6TnqUeuD9Q="
 */
export const xep0390 = Object.freeze({
  xmlns: NS_CAPS2,

  /** The hash function input (§4.1), to be hashed in UTF-8. @throws UnhashableInfo when the information has none */
  hashInput(info: DiscoInfo): string {
    const input = compose(info, info.lang);
    if (typeof input === "object") throw new UnhashableInfo(input.flaw);
    return input;
  },

  /** The hash in base64. @throws RangeError when there is no such hash function; UnhashableInfo when there is no hash */
  hash(info: DiscoInfo, algorithm = "sha-256"): string {
    return hashFunction(algorithm).digest(xep0390.hashInput(info));
  },

  /**
   * Whether a peer's information has this hash, or every hash of a set whose function is known, and there is one (§4.4).
   *
   * Hashes are compared as octets. Where the inherited language does not give the hash, it is left out: servers put
   * languages of their own on what they route.
   */
  verify(info: DiscoInfo, hashes: string | HashSet, algorithm = "sha-256"): boolean {
    return reading(info, hashes, algorithm) !== undefined;
  },

  /** Why the information has no hash (§4.1, steps 1 to 3), or undefined where it has. Repetitions are no reason. */
  flaw(info: DiscoInfo): Flaw | undefined {
    const input = compose(info, info.lang);
    return typeof input === "object" ? input.flaw : undefined;
  },

  /** Whether the information has a hash. */
  wellFormed(info: DiscoInfo): boolean {
    return xep0390.flaw(info) === undefined;
  },

  /** Whether it has a hash and is well-formed by the rules of XEP-0115 §5.4 against repetition. */
  shareable(info: DiscoInfo): boolean {
    return xep0390.wellFormed(info) && repetition(info, info.lang) === undefined;
  },

  /** See {@link CapsAlgorithm.vouched}. The language that identities inherit is made explicit, as §6.2.1 demands. */
  vouched(info: DiscoInfo, value: string, algorithm = "sha-256"): DiscoInfo | undefined {
    if (!findHashFunction(algorithm)?.trusted) return undefined;
    const found = reading(info, value, algorithm);
    return found === undefined || repetition(info, found.lang) !== undefined
      ? undefined
      : covered(info, found.lang);
  },

  /** The hashes that an available presence or a `<stream:features/>` has; undefined where there is no `<c/>`. */
  parse(element: Element): readonly CapabilityHash[] | undefined {
    const caps = isAvailable(element) ? findCaps(element, NS_CAPS2) : undefined;
    if (caps === undefined) return undefined;
    return childElements(caps)
      .filter((child) => child.is("hash", NS_HASHES))
      .map((child) => ({ algorithm: child.attrs["algo"] ?? "", value: child.getText().replace(/\s+/g, "") }));
  },

  /** Of what `parse` reads the hashes that can be verified, one a function. */
  announced(element: Element): readonly AnnouncedHash[] | undefined {
    const usable = new Map<string, AnnouncedHash>();
    const announced = xep0390.parse(element);
    for (const { algorithm, value } of announced ?? []) {
      const fn = findHashFunction(algorithm);
      if (fn === undefined || usable.has(fn.name) || canonicalHash(fn, value) === undefined) continue;
      const node = xep0390.node({ algorithm, value });
      usable.set(fn.name, { algorithm, value, node, key: xep0390.key(value, algorithm) });
    }
    return announced && [...usable.values()];
  },

  /** The capability hash node, `urn:xmpp:caps#<algorithm>.<value>` (§4.3). */
  node({ algorithm, value }: CapabilityHash): string {
    return `${NODE_PREFIX}${algorithm}.${value}`;
  },

  /** The parts of a capability hash node (§4.3), or undefined where it is none. */
  splitNode(node: string): CapabilityHash | undefined {
    if (!node.startsWith(NODE_PREFIX)) return undefined;
    // "From the end of the string, start searching for the FULL STOP": a function's name may have one, base64 has none.
    const stop = node.lastIndexOf(".");
    const algorithm = node.slice(NODE_PREFIX.length, Math.max(NODE_PREFIX.length, stop));
    const value = node.slice(stop + 1);
    return algorithm === "" || value === "" ? undefined : { algorithm, value };
  },

  /** See {@link CapsAlgorithm.key}: the node, but of the canonical name and base64. */
  key(value: string, algorithm = "sha-256"): string | undefined {
    const fn = findHashFunction(algorithm);
    const canonical = fn?.trusted ? canonicalHash(fn, value) : undefined;
    return fn === undefined || canonical === undefined
      ? undefined
      : xep0390.node({ algorithm: fn.name, value: canonical });
  },

  /** The hashes of an information under several functions (§4.2). @throws as `hash` does */
  hashSet(info: DiscoInfo, algorithms: readonly string[] = ["sha-256"]): CapabilityHash[] {
    const functions = new Set(algorithms.map(hashFunction));
    const input = xep0390.hashInput(info);
    return [...functions].map((fn) => ({ algorithm: fn.name, value: fn.digest(input) }));
  },

  /** The `<c/>` that announces an information (§5.4). @throws as `hash` does */
  element({ info, algorithms }: Caps390Init): Element {
    const hashes = xep0390.hashSet(info, algorithms);
    return xml(
      "c",
      { xmlns: NS_CAPS2 },
      ...hashes.map(({ algorithm, value }) => xml("hash", { xmlns: NS_HASHES, algo: algorithm }, value)),
    );
  },
}) satisfies CapsAlgorithm;

/** In which language the identities without one must be read for the information to have these hashes, if any. */
function reading(
  info: DiscoInfo,
  hashes: string | HashSet,
  algorithm: string,
): { lang: string | undefined } | undefined {
  const entries = typeof hashes === "string" ? [[algorithm, hashes] as const] : Object.entries(hashes);
  const known = entries.flatMap(([name, value]) => {
    const fn = findHashFunction(name);
    return fn === undefined ? [] : { fn, value: canonicalHash(fn, value) };
  });
  if (known.length === 0) return undefined;
  const inherits = info.lang !== undefined && info.identities.some((identity) => identity.lang === undefined);
  for (const lang of inherits ? [info.lang, undefined] : [undefined]) {
    const input = compose(info, lang);
    if (typeof input === "object") return undefined;
    if (known.every(({ fn, value }) => fn.digest(input) === value)) return { lang };
  }
  return undefined;
}

/** The hash function input, where identities without a language have `lang`; or why there is none. */
function compose(info: DiscoInfo, lang: string | undefined): string | { flaw: Flaw } {
  if (info.incomplete) return { flaw: "incomplete" };
  // "If the <query/> element contains any elements except <identity/>, <feature/> […] or […] data forms, abort with an
  // error." https://xmpp.org/extensions/xep-0390.html#algorithm-input
  if (info.foreign) return { flaw: "unknown-child" };
  for (const form of info.forms) {
    const flaw = flawOf(form);
    if (flaw !== undefined) return { flaw };
  }
  const { text, separators } = join(info, lang, false);
  if (isPlain(info)) return text;
  if (!isCharacterData(text, separators)) return { flaw: "invalid-character" };
  return DELICATE.test(text) ? join(info, lang, true).text : text;
}

function flawOf(form: DataForm): Flaw | undefined {
  if (form.multiItem) return "form-is-multi-item";
  const formTypes = allFields(form).filter((field) => field.var === FORM_TYPE);
  if (!formTypes.some((field) => field.values.length > 0)) return "form-lacks-form-type";
  // Only what is submitted may leave the type out (XEP-0068).
  const hidden = form.type === "submit" || formTypes.every((field) => field.type === "hidden");
  return hidden ? undefined : "form-type-not-hidden";
}

/**
 * The hash function input, and how many separators were put in; right where no part has a surrogate, a tab or a line
 * break, which is several times as fast, or `exact`.
 */
function join(info: DiscoInfo, lang = "", exact: boolean): { text: string; separators: number } {
  const { identities, features, forms } = info;
  let separators = 3 + features.length + 5 * identities.length + forms.length;
  const part = (text: string) => (exact ? octetKey(text) : text);
  // "Encode the character data […] and append an octet of value 0x1f […]. Join the resulting octet strings together,
  // ordered from lesser to greater": a tab or a line break sorts before the separator, all else behind it.
  const units = (texts: readonly string[]) => {
    if (exact) return sorted(texts.map((text) => part(text) + UNIT));
    return texts.length === 0 ? "" : `${texts.map(part).sort().join(UNIT)}${UNIT}`;
  };
  const identityTexts = identities.map(
    (it) =>
      `${part(it.category)}${UNIT}${part(it.type)}${UNIT}${part(it.lang ?? lang)}${UNIT}${part(it.name ?? "")}${UNIT}${RECORD}`,
  );
  const formTexts = forms.map((form) => {
    const fields = allFields(form).map((field) => {
      separators += 2 + field.values.length;
      return `${part(field.var)}${UNIT}${units(field.values)}${RECORD}`;
    });
    return `${sorted(fields)}${GROUP}`;
  });
  const text = `${units(features)}${FILE}${sorted(identityTexts)}${FILE}${sorted(formTexts)}${FILE}`;
  return { text: exact ? fromOctetKey(text) : text, separators };
}

/** Texts that are complete with their separators, joined in order. */
function sorted(texts: string[]): string {
  return texts.sort().join("");
}
