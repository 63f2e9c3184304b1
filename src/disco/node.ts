import { DataForm } from "../forms/data-form.js";
import { IsolatingEmitter } from "../services/emitter.js";
import { show } from "../xml/jid.js";
import { toNonEmptyText, toText } from "../xml/text.js";
import { sharedFeatures } from "./features.js";
import { DiscoInfo, type Identity, type Source, toIdentity } from "./info.js";
import { cutPage, type ItemPage, type PageStart } from "./item-page.js";
import { DiscoItems, type Item } from "./items.js";
import { NS_DISCO_INFO } from "./namespaces.js";

/** Who asks, so that a node may answer one differently from another. */
export interface DiscoRequest {
  /** The JID of who asks. */
  readonly from?: string | undefined;
  /** The JID that was asked. */
  readonly to?: string | undefined;
  /** The node that was asked. */
  readonly node?: string | undefined;
  /** The language that who asks would like (`xml:lang` of the stanza). */
  readonly lang?: string | undefined;
}

/** Names for people: one, or one for each language. */
export type Names = string | Readonly<Record<string, string>>;

/** What an `iter…` method gives, at once or over time. */
export type MaybeAsyncIterable<T> = Iterable<T> | AsyncIterable<T> | Promise<Iterable<T>>;

/** What a {@link DiscoNode} tells. */
export type DiscoNodeEvents = {
  /** Identities, features or forms are not what they were. */
  infoChanged: [];
  /** The items are not what they were. */
  itemsChanged: [];
};

interface IdentityEntry {
  readonly category: string;
  readonly type: string;
  names: Names | undefined;
}

/**
 * What one node of an entity tells about itself: identities, features and forms, and items where a subclass has them.
 *
 * A subclass may override the `iter…` methods, sync or async, and look at the request. Without one, all is visible.
 *
 * @example
 * class Admin extends DiscoNode {
 *   override *iterFeatures(request?: DiscoRequest) {
 *     yield* this.ownFeatures();
 *     if (request === undefined || isAdmin(request.from)) yield "urn:example:admin";
 *   }
 * }
 */
export class DiscoNode extends IsolatingEmitter<DiscoNodeEvents> {
  readonly #registered = new Set<string>();
  /** How many services hold a feature. */
  readonly #holds = new Map<string, number>();
  readonly #identities = new Map<string, IdentityEntry>();
  readonly #forms = new Map<string, DataForm>();
  #batches = 0;
  /** What was told last, where it is the same for everybody; until something changes. */
  #told: DiscoInfo | undefined;
  readonly #due = new Set<keyof DiscoNodeEvents>();

  /** Adds a feature. @throws Error when it is registered already or is disco#info, which is always there */
  registerFeature(feature: string): void {
    const name = toFeature(feature);
    if (this.#registered.has(name)) throw new Error(`the feature ${show(name)} is registered already`);
    const isNew = !this.#holds.has(name);
    this.#registered.add(name);
    if (isNew) this.notify("infoChanged");
  }

  /** Takes a feature back that was registered here. @throws Error when it was not */
  unregisterFeature(feature: string): void {
    const name = toFeature(feature);
    if (!this.#registered.delete(name)) {
      const why = this.#holds.has(name) ? "held by services, and goes with them" : "not registered";
      throw new Error(`the feature ${show(name)} is ${why}`);
    }
    if (!this.#holds.has(name)) this.notify("infoChanged");
  }

  /** Holds a feature for a service; returns what lets go of it. @internal */
  holdFeature(feature: string): () => void {
    const name = toFeature(feature);
    const isNew = !this.#registered.has(name) && !this.#holds.has(name);
    this.#holds.set(name, (this.#holds.get(name) ?? 0) + 1);
    if (isNew) this.notify("infoChanged");
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      const left = (this.#holds.get(name) ?? 1) - 1;
      if (left > 0) {
        this.#holds.set(name, left);
        return;
      }
      this.#holds.delete(name);
      if (!this.#registered.has(name)) this.notify("infoChanged");
    };
  }

  /**
   * Adds an identity, with a name or a name for each language.
   *
   * @throws Error when one of this category and type is registered already
   * @example
   * node.registerIdentity("automation", "command-list", { en: "Commands", de: "Befehle" });
   */
  registerIdentity(category: string, type: string, names?: Names): void {
    const key = identityKey(category, type);
    if (this.#identities.has(key)) throw new Error(`the identity ${category}/${type} is registered already`);
    this.#identities.set(key, { category, type, names: toNames(names) });
    this.notify("infoChanged");
  }

  /** Replaces the names of an identity. @throws Error when it is not registered */
  setIdentityNames(category: string, type: string, names?: Names): void {
    const entry = this.#identities.get(identityKey(category, type));
    if (entry === undefined) throw new Error(`the identity ${category}/${type} is not registered`);
    entry.names = toNames(names);
    this.notify("infoChanged");
  }

  /** Removes an identity. @throws Error when it is not registered, or the last: an entity has one at least */
  unregisterIdentity(category: string, type: string): void {
    const key = identityKey(category, type);
    if (!this.#identities.has(key)) throw new Error(`the identity ${category}/${type} is not registered`);
    if (this.#identities.size === 1) {
      throw new Error(`${category}/${type} is the last identity: register another before it is removed`);
    }
    this.#identities.delete(key);
    this.notify("infoChanged");
  }

  /** Adds a form in place of the one of its FORM_TYPE (XEP-0128). @throws TypeError when it has no FORM_TYPE */
  registerForm(form: DataForm): void {
    this.#forms.set(toTypedForm(form).formType, form);
    this.notify("infoChanged");
  }

  /** Removes the form of a FORM_TYPE. @throws Error when there is none */
  unregisterForm(formType: string): void {
    if (!this.#forms.delete(formType))
      throw new Error(`no form of FORM_TYPE ${show(formType)} is registered`);
    this.notify("infoChanged");
  }

  /** What is registered here and not held by services. @internal */
  registeredFeatures(): string[] {
    return [...this.#registered];
  }

  /** Registers these features and no others. @internal */
  replaceFeatures(features: Iterable<string>): void {
    const names = [...features].map((feature) => toNonEmptyText(feature, "feature"));
    this.#registered.clear();
    for (const name of names) if (name !== NS_DISCO_INFO) this.#registered.add(name);
    this.notify("infoChanged");
  }

  /** What is registered here. @internal */
  registeredIdentities(): Identity[] {
    return this.ownIdentities();
  }

  /** Registers these identities and no others; those that differ in language only are one. @internal */
  replaceIdentities(identities: Iterable<Identity>): void {
    const entries = new Map<string, IdentityEntry>();
    for (const { category, type, lang = "", name } of [...identities].map(toIdentity)) {
      const key = identityKey(category, type);
      const entry = entries.get(key) ?? { category, type, names: undefined };
      if (name !== undefined)
        entry.names = { ...(entry.names as Record<string, string> | undefined), [lang]: name };
      entries.set(key, entry);
    }
    this.#identities.clear();
    for (const [key, entry] of entries) this.#identities.set(key, entry);
    this.notify("infoChanged");
  }

  /** What is registered here. @internal */
  registeredForms(): DataForm[] {
    return this.ownForms();
  }

  /** Registers these forms and no others, the last of each FORM_TYPE. @internal */
  replaceForms(forms: Iterable<DataForm>): void {
    const list = [...forms].map(toTypedForm);
    this.#forms.clear();
    for (const form of list) this.#forms.set(form.formType, form);
    this.notify("infoChanged");
  }

  /** The features, disco#info among them. */
  iterFeatures(_request?: DiscoRequest): MaybeAsyncIterable<string> {
    return this.ownFeatures();
  }

  /** The identities, one for each language of their names. */
  iterIdentities(_request?: DiscoRequest): MaybeAsyncIterable<Identity> {
    return this.ownIdentities();
  }

  /** The forms. */
  iterForms(_request?: DiscoRequest): MaybeAsyncIterable<DataForm> {
    return this.ownForms();
  }

  /** The items; a plain node has none. */
  iterItems(_request?: DiscoRequest): MaybeAsyncIterable<Item> {
    return [];
  }

  /** The registered features, disco#info among them: what an override starts from. */
  protected ownFeatures(): string[] {
    return [NS_DISCO_INFO, ...new Set([...this.#registered, ...this.#holds.keys()])];
  }

  /** The registered identities: what an override starts from. */
  protected ownIdentities(): Identity[] {
    const identities: Identity[] = [];
    for (const { category, type, names } of this.#identities.values()) {
      if (names === undefined) identities.push({ category, type });
      else if (typeof names === "string") identities.push({ category, type, name: names });
      else {
        for (const [lang, name] of Object.entries(names)) {
          identities.push(lang === "" ? { category, type, name } : { category, type, lang, name });
        }
      }
    }
    return identities;
  }

  /** The registered forms: what an override starts from. */
  protected ownForms(): DataForm[] {
    return [...this.#forms.values()];
  }

  /** All that the node tells who asks; without a request, all there is. Rejects with what an `iter…` method throws. */
  async toInfo(request?: DiscoRequest): Promise<DiscoInfo> {
    return this.tellInfo(request);
  }

  /** Like {@link toInfo}, and at once where no `iter…` method is async. @internal */
  tellInfo(request?: DiscoRequest): DiscoInfo | Promise<DiscoInfo> {
    const source = { jid: request?.to, node: request?.node };
    const known = this.#told;
    if (known !== undefined && this.tellsOwnOnly()) {
      return known.jid === source.jid && known.node === source.node ? known : known.withSource(source);
    }
    const told = this.#collectInfo(source, request);
    // What does not depend on who asks is the same until it changes.
    this.#told = told instanceof DiscoInfo && this.tellsOwnOnly() ? told : undefined;
    return told;
  }

  /** Whether what is registered is all that is told, whoever asks. */
  protected tellsOwnOnly(): boolean {
    return (
      this.iterIdentities === DiscoNode.prototype.iterIdentities &&
      this.iterFeatures === DiscoNode.prototype.iterFeatures &&
      this.iterForms === DiscoNode.prototype.iterForms
    );
  }

  #collectInfo(source: Source, request: DiscoRequest | undefined): DiscoInfo | Promise<DiscoInfo> {
    const identities = collect(this.iterIdentities(request));
    const features = collect(this.iterFeatures(request));
    const forms = collect(this.iterForms(request));
    if (Array.isArray(identities) && Array.isArray(features) && Array.isArray(forms)) {
      return new DiscoInfo({
        ...source,
        identities,
        features: sharedFeatures(withOwnFeature(features)),
        forms,
      });
    }
    return Promise.all([identities, features, forms]).then(
      ([identities, features, forms]) =>
        new DiscoInfo({ ...source, identities, features: withOwnFeature(features), forms }),
    );
  }

  /**
   * A page of the items (XEP-0059). As it is, it goes through {@link iterItems} once and holds no more than the page;
   * a node that can find its items by place or UID overrides it. The UID of an item is its JID, followed by a line feed
   * and the node where it has one.
   *
   * @throws IqError `item-not-found` when there is no such page
   */
  pageItems(start: PageStart, request?: DiscoRequest): ItemPage | Promise<ItemPage> {
    return cutPage(this.iterItems(request), start);
  }

  /** All items that the node tells who asks; without a request, all there are. */
  async toItems(request?: DiscoRequest): Promise<DiscoItems> {
    return new DiscoItems({
      jid: request?.to,
      node: request?.node,
      items: await collect(this.iterItems(request)),
    });
  }

  /**
   * Makes many changes into one: `infoChanged` and `itemsChanged` are emitted once at most, when `change` has
   * returned or the promise it returned is settled. Returns what `change` returned.
   */
  batch<T>(change: () => T): T {
    this.#batches += 1;
    let result: T;
    try {
      result = change();
    } catch (error) {
      this.#endBatch();
      throw error;
    }
    if (result instanceof Promise) {
      // The same promise goes to the caller, who sees its rejection there.
      result.then(
        () => this.#endBatch(),
        () => this.#endBatch(),
      );
    } else {
      this.#endBatch();
    }
    return result;
  }

  #endBatch(): void {
    this.#batches -= 1;
    if (this.#batches > 0) return;
    const due = [...this.#due];
    this.#due.clear();
    for (const event of due) this.emit(event);
  }

  /** Tells of a change, at once or at the end of the batch; for subclasses that keep data of their own. */
  protected notify(event: keyof DiscoNodeEvents): void {
    if (event === "infoChanged") this.#told = undefined;
    if (this.#batches > 0) this.#due.add(event);
    else this.emit(event);
  }
}

/** What an `iter…` method gave, as a list: at once where it can be. @throws TypeError when it gave no such thing */
export function collect<T>(items: MaybeAsyncIterable<T>): T[] | Promise<T[]> {
  if (typeof items !== "object" || items === null) throw notIterable(items);
  if (Symbol.iterator in items) return [...items];
  if (!(Symbol.asyncIterator in items || "then" in items)) throw notIterable(items);
  const list = collectOverTime(items);
  // It may reject while another part of the same answer throws, and nobody looks at it any more.
  list.catch(() => {});
  return list;
}

async function collectOverTime<T>(items: AsyncIterable<T> | Promise<Iterable<T>>): Promise<T[]> {
  if (!(Symbol.asyncIterator in items)) return collect(await items);
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

function notIterable(value: unknown): TypeError {
  return new TypeError(`an iter… method gives an iterable, not ${show(value)}`);
}

/** Who answers supports disco#info, also where an override leaves it out. */
function withOwnFeature(features: string[]): string[] {
  return features.includes(NS_DISCO_INFO) ? features : [NS_DISCO_INFO, ...features];
}

/** A form with a FORM_TYPE. @throws TypeError when it has none */
export function toTypedForm(form: DataForm): DataForm & { readonly formType: string } {
  if (!(form instanceof DataForm)) throw new TypeError(`form is no DataForm: ${show(form)}`);
  if (form.formType === undefined) throw new TypeError("the form has no FORM_TYPE, which XEP-0128 asks for");
  return form as DataForm & { readonly formType: string };
}

function toFeature(feature: string): string {
  const name = toNonEmptyText(feature, "feature");
  if (name === NS_DISCO_INFO) throw new Error(`the feature ${show(name)} is always there`);
  return name;
}

function identityKey(category: string, type: string): string {
  // No text of XML has the separator in it.
  return `${toNonEmptyText(category, "category")}\0${toNonEmptyText(type, "type")}`;
}

function toNames(names: Names | undefined): Names | undefined {
  if (names === undefined) return undefined;
  if (typeof names === "string") return toText(names, "name");
  if (typeof names !== "object" || names === null) {
    throw new TypeError(`names are a text, or texts by language, not ${show(names)}`);
  }
  const entries = Object.entries(names);
  if (entries.length === 0) return undefined;
  return Object.fromEntries(
    entries.map(([lang, name]) => [
      toText(lang, "language"),
      toText(name, `name in the language ${show(lang)}`),
    ]),
  );
}
