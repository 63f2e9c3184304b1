import xml from "@xmpp/xml";
import {
  pageRequestElement,
  parsePageRequest,
  parseResultSet,
  resultSetElement,
} from "../../../src/rsm/result-set.ts";
import { readElement, reread } from "../markup.ts";
import { setElement, written } from "../structures.ts";
import { attempt, holds, mustReturn, same, type Target } from "../target.ts";
import { isPrintable } from "./info.ts";

/** Sets of result set management. */
export const rsm: Target = {
  name: "rsm",
  about: "sets of result set management, asked and answered (XEP-0059)",
  kind: "xml",
  share: 5,
  fresh: written(setElement.map((set) => xml("query", {}, set))),
  seeds: [
    '<query><set xmlns="http://jabber.org/protocol/rsm"><max>10</max><after>a</after></set></query>',
    '<query><set xmlns="http://jabber.org/protocol/rsm"><max>1</max><before/></set></query>',
    '<query><set xmlns="http://jabber.org/protocol/rsm"><first index="0">a</first><last>b</last><count>2</count></set></query>',
  ],
  run(input) {
    const element = readElement(input);
    if (element === undefined) return "no XML";
    const set = mustReturn(() => parseResultSet(element), "reading the set of an answer throws nothing");
    if (set !== undefined) {
      for (const number of [set.index, set.count]) {
        holds(
          number === undefined || (Number.isSafeInteger(number) && number >= 0),
          "what counts is a whole number",
        );
      }
      const again = reread(xml("query", {}, resultSetElement(set)));
      holds(again !== undefined, "what a set is written as can be read");
      // The place is that of the first one, where there is one.
      const expected = { ...set, index: set.first === undefined ? undefined : set.index };
      same(
        parseResultSet(again),
        expected,
        "reading, writing and reading the set of an answer is reading it",
      );
    }
    const result = attempt(
      () => parsePageRequest(element),
      (error): error is RangeError => error instanceof RangeError,
      "reading the set of a request throws nothing but RangeError",
    );
    if ("error" in result) return `no number${set === undefined ? "" : ", a set"}`;
    const page = result.value;
    if (page === undefined) return "no set";
    if (isPrintable(page)) {
      const request = mustReturn(() => pageRequestElement(page), "what was asked can be asked again");
      const again = reread(xml("query", {}, request));
      holds(again !== undefined, "what a request is written as can be read");
      same(parsePageRequest(again), page, "reading, writing and reading the set of a request is reading it");
    }
    return Object.entries({ ...page, ...set })
      .filter(([, value]) => value !== undefined)
      .map(([name]) => name)
      .sort()
      .join(" ");
  },
};
