import { Element } from "@xmpp/xml";
import type { Random } from "../support/random.ts";
import { DICTIONARY } from "./dictionary.ts";
import { allElements, readElement } from "./markup.ts";

/** Longer inputs are cut: they are for the table of times. */
const MAX_LENGTH = { xml: 10_000, text: 2_500 };

/** An input that is like another, and a little different. */
export function mutate(
  input: string,
  kind: "xml" | "text",
  others: readonly string[],
  random: Random,
): string {
  let mutated = input;
  for (let times = 1 + random.below(3); times > 0; times--) {
    const root = kind === "xml" && random.happens(0.75) ? readElement(mutated) : undefined;
    mutated = root === undefined ? mutateText(mutated, others, random) : mutateTree(root, others, random);
  }
  return mutated.slice(0, MAX_LENGTH[kind]);
}

function mutateText(text: string, others: readonly string[], random: Random): string {
  const at = random.below(text.length + 1);
  const end = Math.min(text.length, at + random.below(random.happens(0.8) ? 8 : 200));
  const [before, part, after] = [text.slice(0, at), text.slice(at, end), text.slice(end)];
  switch (random.below(8)) {
    case 0:
      return before + after;
    case 1:
      return before + part + part + after;
    case 2:
      return before + random.pick(DICTIONARY) + part + after;
    case 3:
      return before + random.pick(DICTIONARY) + after;
    case 4:
      return `${before}${String.fromCharCode(random.below(random.happens(0.7) ? 0x80 : 0x10000))}${after}`;
    case 5: {
      const other = others.length === 0 ? "" : random.pick(others);
      const from = random.below(other.length + 1);
      return before + other.slice(from, from + random.below(60)) + after;
    }
    case 6:
      return before + part.repeat(1 + random.below(40)) + after;
    default:
      return before + [...part].reverse().join("") + after;
  }
}

function mutateTree(root: Element, others: readonly string[], random: Random): string {
  const all = allElements(root);
  const element = random.pick(all);
  const parent = element === root ? undefined : element.parent;
  const names = Object.keys(element.attrs);
  switch (random.below(12)) {
    case 0:
      if (parent) parent.children.splice(parent.children.indexOf(element), 1);
      break;
    case 1:
      if (parent) {
        const copies = Array.from({ length: random.happens(0.9) ? 1 : 1 + random.below(60) }, () => element);
        parent.children.splice(parent.children.indexOf(element), 0, ...copies);
      }
      break;
    case 2:
      element.children.sort(() => random.next() - 0.5);
      break;
    case 3: {
      const donor = others.length === 0 ? undefined : readElement(random.pick(others));
      if (donor !== undefined) element.children.push(random.pick(allElements(donor)));
      break;
    }
    case 4:
      element.name = random.pick([
        "query",
        "feature",
        "identity",
        "x",
        "field",
        "value",
        "item",
        "set",
        "c",
        "a:x",
      ]);
      break;
    case 5:
      if (names.length > 0) delete element.attrs[random.pick(names)];
      break;
    case 6:
    case 7:
      if (names.length > 0) element.attrs[random.pick(names)] = random.pick(DICTIONARY);
      break;
    case 8: {
      const name = random.pick([
        "xmlns",
        "xml:lang",
        "var",
        "type",
        "node",
        "jid",
        "from",
        "name",
        "xmlns:a",
        "__proto__",
      ]);
      element.attrs[name] = random.pick(DICTIONARY);
      break;
    }
    case 9:
      element.children.push(random.pick(DICTIONARY));
      break;
    case 10:
      if (names.length > 0) {
        const name = random.pick(names);
        element.attrs[name] = mutateText(String(element.attrs[name]), [], random);
      }
      break;
    default: {
      // Deep: some parsers and writers go by recursion.
      const depth = random.happens(0.9) ? 1 : 1 + random.below(300);
      let inner = new Element(element.name, { ...element.attrs });
      inner.children = element.children;
      for (let level = 0; level < depth; level++) {
        const outer = new Element(element.name, { ...element.attrs });
        outer.children = [inner];
        inner = outer;
      }
      element.children = inner.children;
    }
  }
  return root.toString();
}
