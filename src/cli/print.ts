import type { DataForm, DiscoInfo, Item } from "../index.js";
import { colors } from "./colors.js";
import { describeFeature } from "./features.js";
import { columns, safe } from "./text.js";

/** The parts of what an entity is and can do. */
export type Part = "identities" | "features" | "forms";

/** What an entity is and can do, under headings; forms only where there are any. */
export function infoSections(info: DiscoInfo, parts: readonly Part[]): string[] {
  const lines: string[] = [];
  if (parts.includes("identities")) lines.push(...section("Identities", identityLines(info)));
  if (parts.includes("features")) {
    const features = featureLines(info.features);
    lines.push(...section(`Features (${features.length})`, features));
  }
  if (parts.includes("forms") && info.forms.length > 0)
    lines.push(...section("Forms", formLines(info.forms)));
  return lines;
}

/** What an entity has, under a heading. */
export function itemSection(items: readonly Item[]): string[] {
  return section(`Items (${items.length})`, itemLines(items));
}

/** What an entity is: one line for each identity. */
export function identityLines(info: DiscoInfo): string[] {
  return columns(
    [...info.identities]
      .sort((a, b) => compare(`${a.category}/${a.type}`, `${b.category}/${b.type}`) || compareLang(a, b))
      .map(({ category, type, lang, name }) => [
        colors.cyan(safe(`${category}/${type}`)),
        name === undefined ? "" : safe(name),
        lang === undefined ? "" : colors.dim(safe(lang)),
      ]),
  );
}

/** What an entity can do: one line for each feature, with the document that defines it. */
export function featureLines(features: readonly string[]): string[] {
  return columns([...new Set(features)].sort(compare).map(featureCells));
}

/** What changed: one line for each feature that is new or gone. */
export function changeLines(before: readonly string[], after: readonly string[]): string[] {
  const [had, has] = [new Set(before), new Set(after)];
  return columns(
    [...new Set([...before, ...after])]
      .filter((feature) => had.has(feature) !== has.has(feature))
      .sort(compare)
      .map((feature) => {
        const [name = "", ...rest] = featureCells(feature);
        return [`${has.has(feature) ? colors.green("+") : colors.red("-")} ${name}`, ...rest];
      }),
  );
}

function featureCells(feature: string): string[] {
  const known = describeFeature(feature);
  return known === undefined
    ? [safe(feature), "", ""]
    : [safe(feature), colors.cyan(known.document), colors.dim(known.title)];
}

/** The forms of an entity: one line for each value of a field. */
export function formLines(forms: readonly DataForm[]): string[] {
  return [...forms]
    .sort((a, b) => compare(a.formType ?? "", b.formType ?? ""))
    .flatMap((form) => [
      form.formType === undefined ? colors.dim("a form without FORM_TYPE") : safe(form.formType),
      ...columns(
        [...form.fields]
          .sort((a, b) => compare(a.var, b.var))
          .flatMap(({ var: name, values }) =>
            (values.length === 0 ? [""] : values).map((value, at) => [
              at === 0 ? `  ${safe(name)}` : "  ",
              value === "" ? colors.dim("(empty)") : safe(value),
            ]),
          ),
      ),
    ]);
}

/** What an entity has: one line for each item. */
export function itemLines(items: readonly Item[]): string[] {
  return columns(
    [...items]
      .sort(compareItems)
      .map(({ jid, node, name }) => [
        safe(jid),
        node === undefined ? "" : colors.cyan(safe(node)),
        name === undefined ? "" : safe(name),
      ]),
  );
}

/** A heading and what is under it. */
export function section(title: string, lines: readonly string[]): string[] {
  const shown = lines.length === 0 ? [colors.dim("none")] : lines;
  return [colors.bold(title), ...shown.map((line) => `  ${line}`), ""];
}

/** A name for an entity, and what it is. */
export function summaryCells(info: DiscoInfo): [name: string, kinds: string] {
  const kinds = [...new Set(info.identities.map(({ category, type }) => `${category}/${type}`))].sort(
    compare,
  );
  return [
    safe(info.name(ownLanguage(process.env)) ?? ""),
    kinds.length === 0 ? "" : colors.cyan(safe(kinds.join(", "))),
  ];
}

/** A name for an entity, and what it is, on one line. */
export function summary(info: DiscoInfo): string {
  return summaryCells(info).filter(Boolean).join("  ");
}

/** The language of who reads, such as `de-AT`; undefined where they have said none. */
export function ownLanguage(env: Readonly<Record<string, string | undefined>>): string | undefined {
  const locale = env["LC_ALL"] || env["LC_MESSAGES"] || env["LANG"] || "";
  const [name = ""] = locale.split(/[.@]/);
  return /^[a-z]{2,3}(_[A-Za-z0-9]+)*$/.test(name) ? name.replaceAll("_", "-") : undefined;
}

function compareItems(a: Item, b: Item): number {
  return compare(a.jid, b.jid) || compare(a.node ?? "", b.node ?? "");
}

function compareLang(a: { lang?: string | undefined }, b: { lang?: string | undefined }): number {
  return compare(a.lang ?? "", b.lang ?? "");
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
