import { Element } from "@xmpp/xml";
import { LRUCache } from "lru-cache";
import type { DiscoInfo } from "./info.js";

/** How many lists of features are kept as they were written. */
const MAX_WRITTEN = 1_000;

/** When there are more, one of so many gets in: what is told often does soon, and the others cost nothing. */
const ADMITTED = 16;

/** An element that is written as it was when it was made: its parts are for who reads it in this process. */
class WrittenElement extends Element {
  readonly #text: string;

  constructor({ attrs, children }: Element, text: string) {
    super("query", attrs);
    this.children = children;
    this.#text = text;
  }

  override write(writer: (text: string) => void): void {
    writer(this.#text);
  }
}

/** The part of an answer that most entities share. */
interface Features {
  readonly elements: readonly Element[];
  readonly text: string;
  /** The whole answer that was made last. */
  last: { readonly info: DiscoInfo; readonly element: Element } | undefined;
}

/**
 * Makes answers out of informations, and what is told again but once: an information does not change, and most peers are
 * told the same.
 */
export class AnswerWriter {
  /** By the list itself, which copies of an information for other JIDs share. */
  readonly #features = new LRUCache<readonly string[], Features>({ max: MAX_WRITTEN });
  readonly #told = new WeakSet<readonly string[]>();
  #refused = 0;

  /** The `<query/>` that tells it; not to be changed. */
  write(info: DiscoInfo): Element {
    const known = this.#features.get(info.features);
    if (known?.last !== undefined && isSame(known.last.info, info)) return known.last.element;
    if (known === undefined && !this.#isWorthIt(info.features)) return info.toElement();
    const features = known ?? this.#keep(info.features);
    const whole = info.toElementWith(features.elements);
    const { length } = info.identities;
    const [before, after] = [
      whole.children.slice(0, length),
      whole.children.slice(length + features.elements.length),
    ];
    const tag = new Element("query", whole.attrs).toString().slice(0, -"/>".length);
    const content = `${before.join("")}${features.text}${after.join("")}`;
    const element = new WrittenElement(whole, content === "" ? `${tag}/>` : `${tag}>${content}</query>`);
    features.last = { info, element };
    return element;
  }

  #keep(list: readonly string[]): Features {
    const elements = list.map((feature) => new Element("feature", { var: feature }));
    const features = { elements, text: elements.join(""), last: undefined };
    this.#features.set(list, features);
    return features;
  }

  #isWorthIt(features: readonly string[]): boolean {
    if (!this.#told.has(features)) {
      this.#told.add(features);
      return false;
    }
    if (this.#features.size < MAX_WRITTEN) return true;
    this.#refused = (this.#refused + 1) % ADMITTED;
    return this.#refused === 0;
  }
}

function isSame(a: DiscoInfo, b: DiscoInfo): boolean {
  return a.identities === b.identities && a.forms === b.forms && a.node === b.node && a.lang === b.lang;
}
