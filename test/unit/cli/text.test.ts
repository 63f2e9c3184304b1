import stringWidth from "string-width";
import { describe, expect, test } from "vitest";
import { columns, safe, toJson, truncate, visible } from "../../../src/cli/text.ts";

describe("a text of a peer", () => {
  test.each([
    ["an escape sequence", "\u001b[31mred", "\\u{1b}[31mred"],
    ["an escape sequence in one character", "\u009b31mred", "\\u{9b}31mred"],
    ["the title of the window", "\u001b]0;title\u0007", "\\u{1b}]0;title\\u{7}"],
    ["a line break", "a\r\nb", "a\\u{d}\\u{a}b"],
    ["marks of direction", "a\u202eb\u200f\u2066", "a\\u{202e}b\\u{200f}\\u{2066}"],
    ["separators of lines", "a\u2028b\u2029", "a\\u{2028}b\\u{2029}"],
    ["what takes no room", "a\u200bb\ufeff\u00ad", "a\\u{200b}b\\u{feff}\\u{ad}"],
    ["half a character", "a\ud83d", "a\\u{d83d}"],
  ])("shows %s and does not obey it", (_what, text, shown) => {
    expect(safe(text)).toBe(shown);
  });

  test.each(["Räume", "日本語", "שלום", "👩‍👩‍👧‍👦", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "क्ष", "می‌خواهم", "e\u0301"])(
    "is %s as it is",
    (text) => {
      expect(safe(text)).toBe(text);
    },
  );

  test("is cut where it is endless", () => {
    const shown = safe("x".repeat(1_000_000));
    expect(shown).toHaveLength(160);
    expect(shown.endsWith("…")).toBe(true);
  });

  test("is no wider than that when all of it has to be escaped", () => {
    expect(stringWidth(safe("\u009b".repeat(80)))).toBe(160);
  });

  test("is short in memory also where nothing of it takes room", () => {
    const shown = safe(`e${"\u0301".repeat(1_000_000)}`);
    expect(shown.length).toBeLessThan(1_000);
    expect(shown.endsWith("…")).toBe(true);
  });
});

test("a message keeps its length", () => {
  expect(visible(`${"x".repeat(500)}\u009b`)).toBe(`${"x".repeat(500)}\\u{9b}`);
});

describe("cut to a width", () => {
  test("what fits stays", () => {
    expect(truncate("日本", 4)).toBe("日本");
  });

  test("wide characters are not cut in two", () => {
    expect(truncate("日本語", 4)).toBe("日…");
  });

  test("an emoji of many characters is kept or left out whole", () => {
    expect(truncate("👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦", 5)).toBe("👩‍👩‍👧‍👦👩‍👩‍👧‍👦…");
  });
});

describe("columns", () => {
  test("are as wide as their widest cells", () => {
    expect(
      columns([
        ["a", "b"],
        ["ccc", "d"],
      ]),
    ).toEqual(["a    b", "ccc  d"]);
  });

  test("count wide characters and emoji as two", () => {
    expect(
      columns([
        ["日本", "x"],
        ["abcd", "x"],
        ["🤖", "x"],
      ]),
    ).toEqual(["日本  x", "abcd  x", "🤖    x"]);
  });

  test("do not count colours", () => {
    expect(
      columns([
        ["\u001b[31mab\u001b[39m", "x"],
        ["abc", "x"],
      ]),
    ).toEqual(["\u001b[31mab\u001b[39m   x", "abc  x"]);
  });

  test("take no room where they are empty", () => {
    expect(
      columns([
        ["a", "", "b"],
        ["c", "", "d"],
      ]),
    ).toEqual(["a  b", "c  d"]);
  });

  test("have no blanks at the end", () => {
    expect(
      columns([
        ["a", ""],
        ["b", "c"],
      ]),
    ).toEqual(["a", "b  c"]);
  });

  test("do not follow a cell that is wider than most of a terminal", () => {
    const wide = "x".repeat(100);
    expect(
      columns([
        ["a", "b"],
        [wide, "c"],
      ]),
    ).toEqual(["a  b", `${wide}  c`]);
  });

  test("are quick for 100,000 rows", () => {
    const rows = Array.from({ length: 100_000 }, (_, at) => [`room${at}@rooms.example.org`, "日本🤖"]);
    expect(columns(rows)).toHaveLength(100_000);
  });
});

describe("JSON", () => {
  test("is the same value, and has no character that a terminal obeys", () => {
    const value = { name: 'a\u001b\u009b\u202e\ufeff\u2028"\n\\', list: ["🤖", "日本"] };
    const text = toJson(value, 2);
    expect(JSON.parse(text)).toEqual(value);
    expect(text.replaceAll("\n", "")).toBe(visible(text.replaceAll("\n", "")));
  });

  test("is on one line where it is a line of many", () => {
    expect(toJson({ a: [1, 2] })).toBe('{"a":[1,2]}');
  });
});
