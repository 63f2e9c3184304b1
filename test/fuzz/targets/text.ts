import fc from "fast-check";
import stringWidth from "string-width";
import { describeFeature } from "../../../src/cli/features.ts";
import { changeLines, infoSections, itemSection, summary } from "../../../src/cli/print.ts";
import { columns, safe, toJson, truncate, visible } from "../../../src/cli/text.ts";
import { DataForm, DiscoInfo } from "../../../src/index.ts";
import { anyText } from "../structures.ts";
import { holds, mustReturn, same, seedOf, type Target } from "../target.ts";

// Controls of either set, marks of direction, line and paragraph separators, halves of characters.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const OBEYED = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]|\p{Cs}/u;

/** What is taken for a text of a peer, on a terminal. */
export const text: Target = {
  name: "text",
  about: "feature names and other texts of peers, on a terminal",
  kind: "text",
  share: 5,
  fresh: fc.array(anyText, { maxLength: 4 }).map((parts) => parts.join("")),
  seeds: [
    "http://jabber.org/protocol/muc#user",
    "urn:xmpp:carbons:2+notify",
    "\u001b[2J",
    "e\u0301".repeat(300),
  ],
  run(input) {
    const shown = mustReturn(() => safe(input), "making a text safe throws nothing");
    holds(!OBEYED.test(shown), "nothing in a text that is shown is obeyed", () => JSON.stringify(shown));
    holds(stringWidth(shown) <= 161, "a text that is shown is not endless", () => String(stringWidth(shown)));
    holds(!OBEYED.test(visible(input)), "nothing in a text that is made visible is obeyed");
    same(visible(visible(input)), visible(input), "what is visible stays as it is");
    for (const width of [1, 2, 10]) {
      const cut = truncate(visible(input.slice(0, 200)), width);
      holds(
        stringWidth(cut) <= width,
        "a text is cut to its width",
        () => `${JSON.stringify(cut)} in ${width}`,
      );
    }
    const json = toJson({ [input]: input });
    holds(!OBEYED.test(json), "nothing in JSON that is shown is obeyed");
    same(JSON.parse(json), { [input]: input }, "JSON that is shown says what it is made of");
    for (const line of columns([
      [shown, "a"],
      ["b", shown],
    ]))
      holds(!OBEYED.test(line), "columns are lines");
    const known = mustReturn(() => describeFeature(input), "looking a feature up throws nothing");
    const filled = input === "" ? "a" : input;
    // It takes ten times as long as all of the above.
    const told = seedOf(input) % 8 === 0 ? toInfo(filled) : undefined;
    if (told !== undefined) {
      const lines = [
        ...infoSections(told, ["identities", "features", "forms"]),
        ...itemSection([{ jid: "a.example", node: filled, name: filled }]),
        ...changeLines([filled], []),
        summary(told),
      ];
      for (const line of lines)
        holds(!OBEYED.test(line), "nothing that is printed is obeyed", () => JSON.stringify(line));
    }
    return `${known?.document ?? "unknown"}, ${shown === input ? "as it is" : "changed"}`.replace(/\d+/, "");
  },
};

function toInfo(name: string): DiscoInfo | undefined {
  try {
    return new DiscoInfo({
      identities: [{ category: name, type: name, lang: name, name }],
      features: [name],
      forms: [new DataForm({ formType: name, fields: { [name]: [name, name] } })],
    });
  } catch {
    // XML cannot carry it.
    return undefined;
  }
}
