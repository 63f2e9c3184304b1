import { Parser } from "@xmpp/xml";
import { describe, expect, test } from "vitest";
import { toNonEmptyText, toOptionalText, toText } from "../../../src/xml/text.ts";
import { fc } from "./property.ts";

// What the Char production leaves out: https://www.w3.org/TR/xml/#charsets
const NOT_IN_XML: [name: string, character: string][] = [
  ["NUL", "\0"],
  ["U+0001", "\x01"],
  ["a backspace", "\b"],
  ["a vertical tab", "\v"],
  ["a form feed", "\f"],
  ["an escape", "\x1b"],
  ["U+001F", "\x1f"],
  ["a lone high surrogate", "\ud83d"],
  ["a lone low surrogate", "\ude42"],
  ["surrogates in the wrong order", "\ude42\ud83d"],
  ["U+FFFE", "\ufffe"],
  ["U+FFFF", "\uffff"],
];

const IN_XML: [name: string, character: string][] = [
  ["a tab", "\t"],
  ["a line feed", "\n"],
  ["a carriage return", "\r"],
  ["a space", " "],
  ["DEL", "\x7f"],
  ["U+0085", "\x85"],
  ["U+009F", "\x9f"],
  ["U+D7FF", "\ud7ff"],
  ["U+E000", "\ue000"],
  ["U+FFFD", "\ufffd"],
  ["a pair of surrogates", "🙂"],
  ["the last character of all", "\u{10ffff}"],
  ["markup, which is escaped", "<&>\"'"],
];

const NO_TEXT: [value: unknown, shown: string][] = [
  [5, "5"],
  [true, "true"],
  [{}, "an object of class Object"],
  [["text"], "an object of class Array"],
  [Symbol("s"), "Symbol(s)"],
];

/** Whether XML 1.0 has the character, by the letter of the production. */
function isChar(code: number): boolean {
  return (
    code === 0x9 ||
    code === 0xa ||
    code === 0xd ||
    (code >= 0x20 && code <= 0xd7ff) ||
    (code >= 0xe000 && code <= 0xfffd) ||
    code >= 0x10000
  );
}

describe.each([
  ["toText", toText],
  ["toNonEmptyText", toNonEmptyText],
  ["toOptionalText", toOptionalText],
] as const)("%s", (_name, convert) => {
  test.each(IN_XML)("takes %s", (_what, character) => {
    expect(convert(`a${character}b`, "name")).toBe(`a${character}b`);
    expect(convert(character, "name")).toBe(character);
  });

  test.each(NOT_IN_XML)("does not take %s, which would close the stream", (_what, character) => {
    for (const text of [character, `a${character}`, `${character}b`, `a${character}b`]) {
      expect(() => convert(text, "name")).toThrow(TypeError);
      expect(() => convert(text, "name")).toThrow(/^name has a character that XML cannot carry: "/);
    }
  });

  test.each(NO_TEXT)("does not take %o, and names it", (value, shown) => {
    expect(() => convert(value, "name")).toThrow(new TypeError(`name is no string: ${shown}`));
  });

  test("takes what XML takes, character for character", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", minLength: 1 }), (text) => {
        const fits = [...text].every((character) => isChar(character.codePointAt(0) ?? 0));
        if (fits) expect(convert(text, "name")).toBe(text);
        else expect(() => convert(text, "name")).toThrow(TypeError);
      }),
    );
  });

  test("is quick about a long text", () => {
    const text = "ü".repeat(1_000_000);
    const start = performance.now();
    expect(convert(text, "name")).toBe(text);
    expect(performance.now() - start).toBeLessThan(2_000);
  });

  test("does not repeat a long text in its error", () => {
    expect(() => convert(`${"a".repeat(5000)}\0`, "name")).toThrow(/^.{0,140}$/);
  });
});

test("toText takes the characters of XML and no others", () => {
  const isTaken = (code: number) => {
    try {
      return toText(String.fromCharCode(code), "name") !== "";
    } catch {
      return false;
    }
  };
  const wrong: string[] = [];
  for (let code = 0; code <= 0xffff; code += 1) {
    if (isTaken(code) !== isChar(code)) wrong.push(`U+${code.toString(16)}`);
  }
  expect(wrong).toEqual([]);
});

describe("nothing", () => {
  test("is a text for toText", () => {
    expect(toText("", "name")).toBe("");
  });

  test("is an error for toNonEmptyText", () => {
    expect(() => toNonEmptyText("", "name")).toThrow(new TypeError("name is empty"));
  });

  test.each([undefined, null, ""])("is undefined for toOptionalText: %j", (value) => {
    expect(toOptionalText(value, "name")).toBeUndefined();
  });

  test.each([undefined, null])("of a kind that is no text is an error for the others: %j", (value) => {
    expect(() => toText(value, "name")).toThrow(new TypeError(`name is no string: ${value}`));
    expect(() => toNonEmptyText(value, "name")).toThrow(new TypeError(`name is no string: ${value}`));
  });
});

test("what is taken comes back from a stream as it was", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", minLength: 1 }), (text) => {
      const escaped = toText(text, "text").replace(/[&<>]/g, (match) => `&#${match.charCodeAt(0)};`);
      let back: string | undefined;
      const parser = new Parser();
      parser.on("element", (element: { getText(): string }) => {
        back = element.getText();
      });
      parser.write(`<stream><x>${escaped}</x>`);
      expect(back).toBe(text);
    }),
  );
});
