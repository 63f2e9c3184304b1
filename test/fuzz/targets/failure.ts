import xml from "@xmpp/xml";
import fc from "fast-check";
import { IqError } from "../../../src/index.ts";
import { readElement } from "../markup.ts";
import { anyText, vectors, written } from "../structures.ts";
import { holds, isXmlText, mustReturn, same, type Target } from "../target.ts";

const NS_STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";

const part = fc
  .record({
    name: fc.oneof(
      fc.constantFrom("item-not-found", "gone", "text", "undefined-condition", "a", "a:text", "constructor"),
      anyText.filter((name) => /^[a-z][a-z-]*$/.test(name)),
    ),
    xmlns: fc.constantFrom(NS_STANZAS, NS_STANZAS, "urn:example", undefined),
    content: anyText,
  })
  .map(({ name, xmlns, content }) => xml(name, { xmlns }, content));

const failed = fc
  .record({
    type: fc.oneof(fc.constantFrom("auth", "cancel", "continue", "modify", "wait"), anyText),
    code: fc.option(fc.oneof(fc.constantFrom("404", "500", "302"), anyText), { nil: undefined }),
    by: fc.option(anyText, { nil: undefined }),
    parts: fc.array(part, { maxLength: 3 }),
    legacy: fc.option(anyText, { nil: undefined }),
    from: fc.option(anyText, { nil: undefined }),
  })
  .map(({ parts, legacy, from, ...attrs }) =>
    xml(
      "iq",
      { type: "error", from },
      xml("error", attrs, ...parts, ...(legacy === undefined ? [] : [legacy])),
    ),
  );

/** Errors that peers answer with. */
export const failure: Target = {
  name: "error",
  about: "stanza errors (RFC 6120, XEP-0086)",
  kind: "xml",
  share: 4,
  fresh: written(failed),
  seeds: vectors("disco-replies.json", /<error/),
  run(input) {
    const element = readElement(input);
    if (element === undefined) return "no XML";
    const error = mustReturn(() => IqError.fromElement(element), "reading an error throws nothing");
    holds(/^[a-z][a-z-]*$/.test(error.condition), "a condition can be the name of an element");
    const again = readElement(
      xml(
        "iq",
        { type: "error" },
        mustReturn(() => error.toElement(), "it can be written"),
      ).toString(),
    );
    holds(again !== undefined, "what an error is written as can be read");
    const second = IqError.fromElement(again);
    same(
      [second.condition, second.type],
      [error.condition, error.type],
      "reading, writing and reading an error is reading it",
    );
    if (error.text === undefined || isXmlText(error.text)) {
      same(second.text, error.text, "the text of an error is read and written");
    }
    return [
      error.condition === "undefined-condition",
      error.type,
      error.text !== undefined,
      error.application !== undefined,
      error.code !== undefined,
    ].join(" ");
  },
};
