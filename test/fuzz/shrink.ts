import { Element } from "@xmpp/xml";
import { allElements, readElement } from "./markup.ts";

/** How many smaller inputs are tried. */
const MAX_TRIES = 2_000;

/** The smallest input found of which the same is still true. */
export async function shrink(
  input: string,
  isStillTrue: (input: string) => Promise<boolean>,
): Promise<string> {
  let smallest = input;
  let tries = 0;
  for (let isSmaller = true; isSmaller && tries < MAX_TRIES; ) {
    isSmaller = false;
    for (const candidate of smaller(smallest)) {
      if (tries >= MAX_TRIES) break;
      tries += 1;
      if (candidate.length >= smallest.length || !(await isStillTrue(candidate))) continue;
      smallest = candidate;
      isSmaller = true;
      break;
    }
  }
  return smallest;
}

function* smaller(input: string): Generator<string> {
  const root = readElement(input);
  if (root !== undefined) yield* smallerTrees(root);
  for (
    let length = Math.ceil(input.length / 2);
    length > 0;
    length = length === 1 ? 0 : Math.ceil(length / 2)
  ) {
    for (let at = 0; at < input.length; at += length) yield input.slice(0, at) + input.slice(at + length);
  }
}

function* smallerTrees(root: Element): Generator<string> {
  for (const element of allElements(root)) {
    const { children, attrs } = element;
    for (let length = children.length; length > 0; length = Math.floor(length / 2)) {
      for (let at = 0; at < children.length; at += length) {
        element.children = [...children.slice(0, at), ...children.slice(at + length)];
        yield root.toString();
      }
    }
    for (const [at, child] of children.entries()) {
      // What is in the middle goes.
      if (!(child instanceof Element) || child.children.length === 0) continue;
      element.children = [...children.slice(0, at), ...child.children, ...children.slice(at + 1)];
      yield root.toString();
    }
    element.children = children;
    for (const name of Object.keys(attrs)) {
      const { [name]: value, ...rest } = attrs as Record<string, string>;
      element.attrs = rest;
      yield root.toString();
      if (value !== undefined && value.length > 1) {
        element.attrs = { ...attrs, [name]: "a" };
        yield root.toString();
      }
      element.attrs = attrs;
    }
  }
}
