import fc from "fast-check";
import { DiscoItems, MalformedResponse } from "../../../src/index.ts";
import { parseResultSet } from "../../../src/rsm/result-set.ts";
import { canonicalJid } from "../../../src/xml/jid.ts";
import { readElement, reread } from "../markup.ts";
import { itemsElement, replyElement, vectors, written } from "../structures.ts";
import { attempt, holds, mustReturn, same, type Target } from "../target.ts";
import { isPrintable } from "./info.ts";

/** Answers to disco#items. */
export const items: Target = {
  name: "items",
  about: "answers to disco#items",
  kind: "xml",
  share: 5,
  fresh: fc.oneof(
    { weight: 5, arbitrary: written(itemsElement) },
    { weight: 1, arbitrary: written(replyElement(itemsElement)) },
  ),
  seeds: [...vectors("disco-replies.json", /disco#items/), ...vectors("rsm-transcripts.json", /^<query/)],
  run(input) {
    const element = readElement(input);
    if (element === undefined) return "no XML";
    const result = attempt(
      () => DiscoItems.fromElement(element),
      (error): error is MalformedResponse => error instanceof MalformedResponse,
      "reading an answer to disco#items throws nothing but MalformedResponse",
    );
    if ("error" in result) return "malformed";
    const parsed = result.value;
    const json = mustReturn(() => parsed.toJSON(), "toJSON does not throw");
    const source = { jid: parsed.jid };
    const again = reread(parsed.toElement());
    holds(again !== undefined, "what items are written as can be read", () => String(parsed.toElement()));
    const second = DiscoItems.fromElement(again, source);
    same(
      [second.toJSON(), second.node],
      [json, parsed.node],
      "reading, writing and reading items is reading them",
    );
    for (const { jid } of parsed.items) {
      same(canonicalJid(jid), jid, "the JID of an item is one, and in its canonical form");
    }
    if (isPrintable([json, parsed.node])) {
      const fromJson = mustReturn(
        () => DiscoItems.fromJSON(JSON.parse(JSON.stringify(json)), { ...source, node: parsed.node }),
        "the JSON of items can be read",
      );
      same(fromJson.toJSON(), json, "writing and reading the JSON of items is the identity");
    }
    holds(
      Object.isFrozen(parsed) &&
        Object.isFrozen(parsed.items) &&
        parsed.items.every((one) => Object.isFrozen(one)),
      "items cannot be changed",
    );
    const query = parsed.element;
    const set = query && mustReturn(() => parseResultSet(query), "reading a set throws nothing");
    const dropped = (query?.getChildren("item").length ?? 0) > parsed.items.length;
    return `${Math.min(parsed.items.length, 3)} items${dropped ? ", some left out" : ""}${set ? ", a page" : ""}`;
  },
};
