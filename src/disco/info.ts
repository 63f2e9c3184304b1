import xml, { Element } from "@xmpp/xml";
import { DataForm, type DataFormJSON, NS_DATA_FORMS } from "../forms/data-form.js";
import { MalformedResponse } from "../iq/errors.js";
import { childElements, languageOf } from "../xml/element.js";
import { type Address, canonicalJid, show, toJid } from "../xml/jid.js";
import { copied, shared } from "../xml/keep.js";
import { toNonEmptyText, toOptionalText, toText } from "../xml/text.js";
import { toFeatures } from "./features.js";
import { NS_DISCO_INFO } from "./namespaces.js";

/** What an entity is: a category and type of the registry, with a name for people in one language (XEP-0030 §3.1). */
export interface Identity {
  /** What kind of thing it is, such as `client`. */
  readonly category: string;
  /** Which of that kind, such as `web`. */
  readonly type: string;
  /** The language of the name (`xml:lang`). */
  readonly lang?: string | undefined;
  /** For people. */
  readonly name?: string | undefined;
}

/** Whose information it is. */
export interface Source {
  /** The entity. */
  readonly jid?: Address | undefined;
  /** The node of it; the entity itself where it is left out. */
  readonly node?: string | null | undefined;
}

/** What a {@link DiscoInfo} is made of. */
export interface DiscoInfoInit extends Source {
  readonly identities?: readonly Identity[] | undefined;
  readonly features?: readonly string[] | undefined;
  readonly forms?: readonly DataForm[] | undefined;
  /** The language of identities that have none of their own. */
  readonly lang?: string | undefined;
}

/** A {@link DiscoInfo} as JSON, in the shape of capsdb. */
export interface DiscoInfoJSON {
  identities: { category: string; type: string; lang?: string; name?: string }[];
  features: string[];
  forms: DataFormJSON[];
  /** The language that identities without one inherit, where the answer had one. */
  lang?: string;
}

interface Parsed {
  readonly jid: string | undefined;
  readonly node: string | undefined;
  readonly identities: readonly Identity[];
  readonly features: readonly string[];
  readonly forms: readonly DataForm[];
  readonly lang: string | undefined;
  readonly [PARSED]: true;
}

/** Marks parts that need no check. */
const PARSED = Symbol("parsed");

/** Those where something without a required attribute was left out. */
const incomplete = new WeakSet<DiscoInfo>();

/** Those where children that disco#info does not define were left out. */
const foreign = new WeakSet<DiscoInfo>();

/** Those elements that say more than is read of them. The others are not kept: they are ten times the size. */
const keptElements = new WeakMap<DiscoInfo, Element>();

/**
 * What an entity, or a node of it, is and can do: identities, features and forms; immutable and shared.
 *
 * @example
 * const info = await disco.queryInfo("conference.example.org");
 * info.has("http://jabber.org/protocol/muc"); // true
 * info.name("de"); // "Räume"
 * info.form("http://jabber.org/network/serverinfo")?.get("abuse-addresses");
 */
export class DiscoInfo {
  /** The JID it was asked from or is set for; undefined where it is nobody's yet. */
  readonly jid: string | undefined;
  /** The node that was asked; undefined for the entity itself. */
  readonly node: string | undefined;
  /** What it is, once for each language of a name. */
  readonly identities: readonly Identity[];
  /** What it can do. As received, repetitions included. */
  readonly features: readonly string[];
  /** What features cannot say (XEP-0128): see {@link form}. */
  readonly forms: readonly DataForm[];
  /** The `xml:lang` around the identities, which those without one of their own inherit. */
  readonly lang: string | undefined;

  /** @throws TypeError when a part is not what it should be, or not text that XML can carry */
  constructor(init: DiscoInfoInit) {
    if (isParsed(init)) {
      this.jid = init.jid;
      this.node = init.node;
      this.identities = init.identities;
      this.features = init.features;
      this.forms = init.forms;
      this.lang = init.lang;
      Object.freeze(this);
      return;
    }
    const { jid, node, identities = [], features = [], forms = [] } = init;
    this.jid = jid === undefined ? undefined : toJid(jid);
    this.node = toOptionalText(node, "node");
    this.identities = Object.freeze(identities.map(toIdentity));
    this.features = toFeatures(features);
    for (const form of forms) {
      if (!(form instanceof DataForm))
        throw new TypeError(`forms has something else than a DataForm: ${show(form)}`);
    }
    this.forms = Object.freeze([...forms]);
    this.lang = toOptionalText(init.lang, "lang");
    Object.freeze(this);
  }

  /** Whether something without a required attribute was left out. @internal */
  get incomplete(): boolean {
    return incomplete.has(this);
  }

  /** Whether there were children that disco#info does not define; they were left out. @internal */
  get foreign(): boolean {
    return foreign.has(this);
  }

  /**
   * The `<query/>` it came in, where it came over the wire: as it came where it has more than identities, features and
   * forms, else made anew.
   */
  get element(): Element | undefined {
    return undefined;
  }

  /**
   * Whether the entity has a feature.
   *
   * Who answers supports disco#info, also where it does not say so (XEP-0030 §3.1).
   */
  has(feature: string): boolean {
    return feature === NS_DISCO_INFO || this.features.includes(feature);
  }

  /** Whether the entity has an identity of this category and, where given, this type. */
  hasIdentity(category: string, type?: string): boolean {
    return this.identities.some(
      (identity) => identity.category === category && (type === undefined || identity.type === type),
    );
  }

  /**
   * The entity's name for people, in this language where there is one.
   *
   * A tag matches as RFC 4647 §3.4 looks it up: `de-AT` finds `de`. Failing that it is a name without a
   * language, at last any.
   */
  name(lang?: string): string | undefined {
    const named = this.identities.filter((identity) => identity.name);
    for (
      let range = lang?.toLowerCase();
      range;
      range = range.slice(0, Math.max(0, range.lastIndexOf("-")))
    ) {
      const match = named.find((identity) => (identity.lang ?? this.lang)?.toLowerCase() === range);
      if (match !== undefined) return match.name;
    }
    return (named.find((identity) => identity.lang === undefined) ?? named[0])?.name;
  }

  /** The form of this FORM_TYPE (XEP-0128). */
  form(formType: string): DataForm | undefined {
    return this.forms.find((form) => form.formType === formType);
  }

  /**
   * Reads a `<query xmlns="http://jabber.org/protocol/disco#info"/>`, or the `<iq/>` around it.
   *
   * What lacks a required attribute is left out. `source` says whose it is where the element does not.
   *
   * @throws MalformedResponse when there is no such query
   */
  static fromElement(element: Element, source: Source = {}): DiscoInfo {
    const query = findQuery(element, NS_DISCO_INFO);
    const identities: Identity[] = [];
    const features: string[] = [];
    const forms: DataForm[] = [];
    let isIncomplete = false;
    let isForeign = false;
    let hasMore = hasOther(query.attrs, QUERY_ATTRIBUTES);
    // Without a prefix, that of a child need not be looked up.
    const inherits = query.name === "query";
    for (const child of query.children) {
      if (!(child instanceof Element)) continue;
      const { attrs } = child;
      // What there is most of.
      const isFeature = inherits && child.name === "feature" && attrs.xmlns === undefined;
      const own = isFeature ? NS_DISCO_INFO : child.getNS();
      const name = isFeature ? "feature" : child.getName();
      if (own === NS_DISCO_INFO && name === "feature") {
        if (attrs.var) features.push(attrs.var);
        else isIncomplete = true;
        hasMore ||= child.children.length > 0 || hasOther(attrs, FEATURE_ATTRIBUTES);
      } else if (own === NS_DISCO_INFO && name === "identity") {
        if (attrs.category && attrs.type) identities.push(parseIdentity(attrs));
        else isIncomplete = true;
        hasMore ||= child.children.length > 0 || hasOther(attrs, IDENTITY_ATTRIBUTES);
      } else if (own === NS_DATA_FORMS && name === "x") {
        forms.push(DataForm.fromElement(child));
        hasMore ||= !isPlainForm(child);
      } else {
        isForeign = true;
      }
    }
    const ownNode = query.attrs.node || undefined;
    const node = toOptionalText(source.node, "node") ?? ownNode;
    const info = new ReceivedInfo({
      jid: sourceJid(element, source),
      node,
      identities: Object.freeze(identities),
      features: Object.freeze(features),
      forms: Object.freeze(forms),
      // An empty one says that there is none.
      lang: languageOf(query) || undefined,
      [PARSED]: true,
    } as Parsed);
    if (isIncomplete) incomplete.add(info);
    if (isForeign) foreign.add(info);
    if (hasMore || isForeign || isIncomplete || node !== ownNode) keptElements.set(info, query);
    return info;
  }

  /** The `<query/>` that tells it. */
  toElement(): Element {
    return this.toElementWith(this.features.map((feature) => xml("feature", { var: feature })));
  }

  /** The `<query/>` with features that are elements already. @internal */
  toElementWith(features: readonly Element[]): Element {
    const query = xml("query", { xmlns: NS_DISCO_INFO, node: this.node, "xml:lang": this.lang });
    for (const { category, type, lang, name } of this.identities) {
      query.append(xml("identity", { category, type, "xml:lang": lang, name }));
    }
    for (const feature of features) query.append(feature);
    for (const form of this.forms) query.append(form.toElement());
    return query;
  }

  /** Identities, features and forms as plain data, from which {@link fromJSON} makes the same. */
  toJSON(): DiscoInfoJSON {
    return {
      identities: this.identities.map(({ category, type, lang, name }) => ({
        category,
        type,
        ...(lang === undefined ? {} : { lang }),
        ...(name === undefined ? {} : { name }),
      })),
      features: [...this.features],
      forms: this.forms.map((form) => form.toJSON()),
      ...(this.lang === undefined ? {} : { lang: this.lang }),
    };
  }

  /**
   * Reads what {@link toJSON} wrote, or an entry of capsdb, whose forms are a map from FORM_TYPE to values by field.
   *
   * @throws TypeError when it is neither
   */
  static fromJSON(json: unknown, source: Source = {}): DiscoInfo {
    if (typeof json !== "object" || json === null)
      throw new TypeError(`not the JSON of a DiscoInfo: ${show(json)}`);
    const { identities = [], features = [], forms = [], lang } = json as Record<string, unknown>;
    if (
      !Array.isArray(identities) ||
      !Array.isArray(features) ||
      typeof forms !== "object" ||
      forms === null
    ) {
      throw new TypeError(
        "not the JSON of a DiscoInfo: identities and features are lists, forms a list or a map",
      );
    }
    return new DiscoInfo({
      ...source,
      identities,
      features,
      forms: Array.isArray(forms)
        ? forms.map(DataForm.fromJSON)
        : Object.entries(forms).map(([formType, fields]) => DataForm.fromJSON({ formType, fields })),
      lang: lang === undefined ? undefined : toText(lang, "lang"),
    });
  }

  /** The same information to be kept for long: it keeps nothing alive of what it was read from. @internal */
  kept(): DiscoInfo {
    const identities = this.identities.map(({ category, type, lang, name }) =>
      Object.freeze({
        category: shared(category),
        type: shared(type),
        ...(lang === undefined ? {} : { lang: shared(lang) }),
        ...(name === undefined ? {} : { name: copied(name) }),
      }),
    );
    return this.#copy({
      jid: this.jid,
      node: this.node === undefined ? undefined : copied(this.node),
      identities: Object.freeze(identities),
      features: Object.freeze(this.features.map(shared)),
      forms: Object.freeze(this.forms.map((form) => form.kept())),
      lang: this.lang === undefined ? undefined : shared(this.lang),
      [PARSED]: true,
    });
  }

  /** The same information as another entity's or node's. */
  withSource(source: Source): DiscoInfo {
    return this.#copy({
      jid: source.jid === undefined ? undefined : toJid(source.jid),
      node: toOptionalText(source.node, "node"),
      identities: this.identities,
      features: this.features,
      forms: this.forms,
      lang: this.lang,
      [PARSED]: true,
    });
  }

  #copy(parsed: Parsed): DiscoInfo {
    const info = this instanceof ReceivedInfo ? new ReceivedInfo(parsed) : new DiscoInfo(parsed);
    if (this.incomplete) incomplete.add(info);
    if (this.foreign) foreign.add(info);
    const element = keptElements.get(this);
    if (element !== undefined) keptElements.set(info, element);
    return info;
  }
}

/** One that came over the wire. */
class ReceivedInfo extends DiscoInfo {
  override get element(): Element {
    return keptElements.get(this) ?? this.toElement();
  }
}

// To its users it is none of another class.
Object.defineProperty(ReceivedInfo.prototype, "constructor", { value: DiscoInfo });

function isParsed(init: DiscoInfoInit): init is Parsed {
  return PARSED in init;
}

const QUERY_ATTRIBUTES: ReadonlySet<string> = new Set(["xmlns", "node", "xml:lang"]);
const FEATURE_ATTRIBUTES: ReadonlySet<string> = new Set(["xmlns", "var"]);
const IDENTITY_ATTRIBUTES: ReadonlySet<string> = new Set(["xmlns", "category", "type", "name", "xml:lang"]);
const FORM_ATTRIBUTES: ReadonlySet<string> = new Set(["xmlns", "type"]);
const FIELD_ATTRIBUTES: ReadonlySet<string> = new Set(["xmlns", "var", "type", "label"]);

function hasOther(attrs: object, known: ReadonlySet<string>): boolean {
  for (const name in attrs) if (!known.has(name)) return true;
  return false;
}

/** Whether a form has nothing but fields with values, so that it can be made anew of what was read. */
function isPlainForm(form: Element): boolean {
  return (
    !hasOther(form.attrs, FORM_ATTRIBUTES) &&
    childElements(form).every(
      (field) =>
        field.is("field", NS_DATA_FORMS) &&
        field.attrs.var !== undefined &&
        !hasOther(field.attrs, FIELD_ATTRIBUTES) &&
        childElements(field).every(
          (value) => value.is("value", NS_DATA_FORMS) && childElements(value).length === 0,
        ),
    )
  );
}

function parseIdentity(attrs: Record<string, string | undefined>): Identity {
  const { category = "", type = "", name, "xml:lang": lang } = attrs;
  return Object.freeze({
    category,
    type,
    ...(lang === undefined ? {} : { lang }),
    ...(name === undefined ? {} : { name }),
  });
}

/** An identity to look for; what is left out does not matter. */
export interface IdentityQuery {
  readonly category: string;
  readonly type?: string | undefined;
  readonly lang?: string | undefined;
}

/** Whether an information has an identity like this; languages are compared without regard to case. */
export function hasIdentity(info: DiscoInfo, { category, type, lang }: IdentityQuery): boolean {
  return info.identities.some(
    (identity) =>
      identity.category === category &&
      (type === undefined || identity.type === type) &&
      (lang === undefined || (identity.lang ?? info.lang)?.toLowerCase() === lang.toLowerCase()),
  );
}

/** A peer that refuses so has no such thing, and no fault. */
export const NO_SUCH_THING: ReadonlySet<string> = new Set([
  "item-not-found",
  "service-unavailable",
  "feature-not-implemented",
]);

/** An identity that a caller gave, copied. @throws TypeError when it is none */
export function toIdentity(identity: Identity): Identity {
  const { lang, name } = identity ?? {};
  return Object.freeze({
    category: toNonEmptyText(identity?.category, "category of the identity"),
    type: toNonEmptyText(identity?.type, "type of the identity"),
    ...(lang === undefined ? {} : { lang: toText(lang, "language of the identity") }),
    ...(name === undefined ? {} : { name: toText(name, "name of the identity") }),
  });
}

/** The `<query/>` of a namespace: the element itself, or the child of an `<iq/>`. */
export function findQuery(element: Element, xmlns: string): Element {
  if (!(element instanceof Element)) throw new TypeError(`not an Element of @xmpp/xml: ${show(element)}`);
  const candidates = element.getName() === "iq" ? childElements(element) : [element];
  const query = candidates.find((candidate) => candidate.is("query", xmlns));
  if (query === undefined)
    throw new MalformedResponse(`there is no <query xmlns="${xmlns}"/> in the answer`, element);
  return query;
}

/** Whose answer an element is: as the caller says, else as the `from` of the stanza says. */
export function sourceJid(element: Element, source: Source): string | undefined {
  if (source.jid !== undefined) return toJid(source.jid);
  return element.getName() === "iq" ? canonicalJid(element.attrs.from) : undefined;
}
