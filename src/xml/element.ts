import { Element } from "@xmpp/xml";

/** The children of an element that are elements, in order. */
export function childElements(element: Element): Element[] {
  return element.children.filter((child): child is Element => child instanceof Element);
}

/** The `xml:lang` in force at an element: its own, or the nearest one around it. */
export function languageOf(element: Element): string | undefined {
  for (let at: Element | null | undefined = element; at; at = at.parent) {
    const lang: unknown = at.attrs["xml:lang"];
    if (typeof lang === "string") return lang;
  }
  return undefined;
}

/** A copy of an element and all below it. */
export function cloneElement(element: Element): Element {
  const copy = new Element(element.name, element.attrs);
  for (const child of element.children) copy.append(child instanceof Element ? cloneElement(child) : child);
  return copy;
}
