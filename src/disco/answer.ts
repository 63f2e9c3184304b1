import { Element } from "@xmpp/xml";
import { LRUCache } from "lru-cache";
import type { DiscoInfo } from "./info.js";

/** How many answers are kept as they were written. */
const MAX_WRITTEN = 1_000;

/** When there are more, one of so many gets in: what is asked often does soon, and the others cost nothing. */
const ADMITTED = 16;

/** An element that is written as it was when it was made: its parts are for who reads it in this process. */
class WrittenElement extends Element {
  readonly #text: string;

  constructor(element: Element) {
    super(element.name, element.attrs);
    this.append(...element.children);
    this.#text = element.toString();
  }

  override write(writer: (text: string) => void): void {
    writer(this.#text);
  }
}

interface Written {
  readonly info: DiscoInfo;
  readonly element: Element;
}

/**
 * Makes answers out of informations, and those once that are told again: an information does not change, and most peers
 * are told the same.
 */
export class AnswerWriter {
  /** By the list of features, which copies of an information for other JIDs share. */
  readonly #written = new LRUCache<readonly string[], Written>({ max: MAX_WRITTEN });
  readonly #told = new WeakSet<readonly string[]>();
  #refused = 0;

  /** The `<query/>` that tells it; not to be changed. */
  write(info: DiscoInfo): Element {
    const known = this.#written.get(info.features);
    if (known !== undefined && isSame(known.info, info)) return known.element;
    const element = info.toElement();
    if (!this.#isWorthIt(info.features)) return element;
    const written = new WrittenElement(element);
    this.#written.set(info.features, { info, element: written });
    return written;
  }

  #isWorthIt(features: readonly string[]): boolean {
    if (!this.#told.has(features)) {
      this.#told.add(features);
      return false;
    }
    if (this.#written.size < MAX_WRITTEN || this.#written.has(features)) return true;
    this.#refused = (this.#refused + 1) % ADMITTED;
    return this.#refused === 0;
  }
}

function isSame(a: DiscoInfo, b: DiscoInfo): boolean {
  return a.identities === b.identities && a.forms === b.forms && a.node === b.node && a.lang === b.lang;
}
