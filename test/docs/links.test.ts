import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

const PAGES = [
  ...readdirSync(ROOT).filter((file) => file.endsWith(".md")),
  ...readdirSync(join(ROOT, "docs")).flatMap((file) => (file.endsWith(".md") ? [`docs/${file}`] : [])),
  ...readdirSync(join(ROOT, "docs/guides")).map((file) => `docs/guides/${file}`),
  ...readdirSync(join(ROOT, "examples")).map((name) => `examples/${name}/README.md`),
];

const read = (path: string) => readFileSync(join(ROOT, path), "utf8");

/** The anchors of a page's headings, as GitHub makes them. */
function anchors(markdown: string): string[] {
  return [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, title = ""]) =>
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

/** The links of a page that lead nowhere in the repository. */
function brokenLinks(page: string): string[] {
  const links = [...read(page).matchAll(/\]\((?!https?:|mailto:)([^)\s]*)\)/g)].map(([, link = ""]) => link);
  return links.filter((link) => {
    const [path = "", anchor] = link.split("#", 2);
    const target = path === "" ? page : join(dirname(page), path);
    if (!existsSync(join(ROOT, target))) return true;
    return anchor !== undefined && !anchors(read(target)).includes(anchor);
  });
}

describe.each(PAGES.map((page) => [page]))("%s", (page) => {
  test("has no link that leads nowhere", () => {
    expect(brokenLinks(page)).toEqual([]);
  });

  test("names no test that is not there", () => {
    const cited = [...read(page).matchAll(/`(test\/[^`]+\.test\.ts)`(?: "([^"]+)")?/g)];
    const missing = cited.filter(
      ([, file = "", name]) => !existsSync(join(ROOT, file)) || !read(file).includes(name ?? ""),
    );
    expect(missing.map(([text]) => text)).toEqual([]);
  });
});

test("docs/README.md leads to every guide", () => {
  const contents = read("docs/README.md");
  const guides = readdirSync(join(ROOT, "docs/guides"));
  expect(guides.filter((file) => !contents.includes(`(guides/${file})`))).toEqual([]);
});
