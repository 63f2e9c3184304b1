import { Announcements } from "../../../src/caps/announcements.ts";
import { NS_CAPS, NS_CAPS2, xep0115, xep0390 } from "../../../src/index.ts";
import { readElement } from "../markup.ts";
import { presenceElement, vectors, written } from "../structures.ts";
import { holds, mustReturn, same, type Target } from "../target.ts";

const announcements = new Announcements([xep0390, xep0115], 1_000);

/** What presences announce. */
export const presence: Target = {
  name: "presence",
  about: "presences and stream features with capabilities (XEP-0115, XEP-0390)",
  kind: "xml",
  share: 10,
  fresh: written(presenceElement),
  seeds: [
    ...vectors("caps-elements.json", /<(presence|stream)/),
    ...vectors("caps-scenarios.json", /^<presence/),
  ],
  run(input) {
    const element = readElement(input);
    if (element === undefined) return "no XML";
    const words: string[] = [];
    for (const caps of [xep0115, xep0390]) {
      const announced = mustReturn(
        () => caps.announced(element),
        `${caps.xmlns}: reading a presence throws nothing`,
      );
      for (const { algorithm, value, node, key } of announced ?? []) {
        holds(
          node.length > 0 && value.length > 0,
          `${caps.xmlns}: what is announced has a hash and a node to ask`,
        );
        same(
          caps.key(value, algorithm),
          key,
          `${caps.xmlns}: the key of an announced hash is that of the hash`,
        );
        holds(
          key === undefined || key.startsWith(`${caps === xep0115 ? NS_CAPS : NS_CAPS2}#`),
          `${caps.xmlns}: each algorithm has keys of its own`,
        );
        words.push(key === undefined ? "unknown" : algorithm.toLowerCase());
      }
      if (announced !== undefined) words.push(announced.length === 0 ? "nothing of use" : "a hash");
    }
    const parsed = mustReturn(() => xep0115.parse(element), "XEP-0115: parsing a presence throws nothing");
    for (const hash of mustReturn(
      () => xep0390.parse(element),
      "XEP-0390: parsing a presence throws nothing",
    ) ?? []) {
      const node = xep0390.node(hash);
      if (hash.algorithm === "" || hash.value === "" || hash.value.includes(".")) continue;
      same(xep0390.splitNode(node), hash, "XEP-0390: the parts of a node are those it was made of");
    }
    const read = mustReturn(
      () => announcements.read(element, () => true),
      "reading what is announced throws nothing",
    );
    if (read !== undefined) {
      const again = announcements.read(element, () => true);
      same(again?.text, read.text, "who announces the same announces the same");
      const own = [xep0390, xep0115]
        .flatMap((caps) => caps.announced(element) ?? [])
        .filter(({ key }) => key !== undefined);
      // Another presence with the same text must not have left something else.
      if (read.text !== undefined) {
        same(
          read.capabilities.map(({ key, node, value, algorithm }) => [key, node, value, algorithm]),
          own.map(({ key, node, value, algorithm }) => [key, node, value, algorithm]),
          "what an announcement is recognized by tells it from all others",
        );
      }
    }
    return `${parsed?.kind ?? "none"} ${words.join(" ")}`;
  },
};
