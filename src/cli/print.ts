import colors from "picocolors";
import type { DataForm, DiscoInfo, Item } from "../index.js";
import { describeFeature } from "./features.js";
import { columns, safe } from "./text.js";

/** What an entity is: one line for each identity. */
export function identityLines(info: DiscoInfo): string[] {
  if (info.identities.length === 0) return [colors.dim("no identity")];
  return columns(
    [...info.identities]
      .sort((a, b) => compare(`${a.category}/${a.type}`, `${b.category}/${b.type}`))
      .map(({ category, type, lang, name }) => [
        colors.cyan(safe(`${category}/${type}`)),
        name === undefined ? "" : safe(name),
        lang === undefined ? "" : colors.dim(safe(lang)),
      ]),
  );
}

/** What an entity can do: one line for each feature, with the XEP that defines it. */
export function featureLines(features: readonly string[]): string[] {
  return columns(
    [...new Set(features)].sort(compare).map((feature) => {
      const known = describeFeature(feature);
      if (known === undefined) return [safe(feature), "", ""];
      const document = typeof known.xep === "number" ? `XEP-${String(known.xep).padStart(4, "0")}` : "";
      return [safe(feature), colors.cyan(document), colors.dim(known.title)];
    }),
  );
}

/** The forms of an entity: one line for each field. */
export function formLines(forms: readonly DataForm[]): string[] {
  return forms.flatMap((form) => [
    safe(form.formType ?? "a form without FORM_TYPE"),
    ...columns(
      form.fields.map(({ var: name, label, values }) => [
        `  ${safe(label ?? name)}`,
        values.map(safe).join(colors.dim(" | ")),
      ]),
    ),
  ]);
}

/** What an entity has: one line for each item. */
export function itemLines(items: readonly Item[]): string[] {
  return columns(
    [...items]
      .sort((a, b) => compare(a.jid, b.jid) || compare(a.node ?? "", b.node ?? ""))
      .map(({ jid, node, name }) => [
        safe(jid),
        node === undefined ? "" : colors.dim(safe(node)),
        name === undefined ? "" : safe(name),
      ]),
  );
}

/** A heading and what is under it; nothing where that is nothing. */
export function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [colors.bold(title), ...lines.map((line) => `  ${line}`), ""];
}

/** A name for an entity, and what it is, on one line. */
export function summary(info: DiscoInfo): string {
  const kinds = [...new Set(info.identities.map(({ category, type }) => safe(`${category}/${type}`)))];
  const name = info.name(process.env.LANG?.replace(/[_.].*/, ""));
  return [name === undefined ? "" : safe(name), colors.cyan(kinds.join(", "))].filter(Boolean).join("  ");
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
