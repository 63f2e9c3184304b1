import colors from "picocolors";
import { type DiscoInfo, type FormField, IqError } from "xmpp-disco";
import type { Found } from "./discover.ts";

/** How many parts of one protocol, such as pubsub's, are named. */
const SHOWN_PARTS = 4;

/** Prints what was found as a tree: an entity a branch, with what it is, can do and has. */
export function printTree(found: Found): void {
  console.log(title(found, undefined));
  printBelow(found, "");
  console.log();
}

function printBelow(found: Found, indent: string): void {
  const lines: { readonly text: string; readonly child?: Found }[] = [
    ...(found.info instanceof Error ? [] : facts(found.info).map((text) => ({ text }))),
    ...found.below.map((child) => ({ text: title(child, found.item.jid), child })),
    ...(found.more > 0 ? [{ text: colors.dim(`and ${found.more} more`) }] : []),
  ];
  for (const [index, { text, child }] of lines.entries()) {
    const last = index === lines.length - 1;
    console.log(`${indent}${colors.dim(last ? "└─" : "├─")} ${text}`);
    if (child !== undefined) printBelow(child, `${indent}${last ? "   " : colors.dim("│  ")}`);
  }
}

function title({ item, info }: Found, parent: string | undefined): string {
  const { jid, node, name } = item;
  const label = [jid === parent && node !== undefined ? "" : jid, node].filter(Boolean).join(" ");
  const said = info instanceof Error ? name : (name ?? info.name("en"));
  const what = info instanceof Error ? colors.yellow(reason(info)) : colors.cyan(kinds(info));
  return [colors.bold(printable(label)), said && `“${printable(said)}”`, what].filter(Boolean).join("  ");
}

function kinds(info: DiscoInfo): string {
  return [...new Set(info.identities.map(({ category, type }) => `${category}/${type}`))]
    .map(printable)
    .join(", ");
}

function reason(error: Error): string {
  return error instanceof IqError ? error.condition : error.message;
}

function facts(info: DiscoInfo): string[] {
  return [
    ...featureLines(info.features).map((line) => colors.dim(printable(line))),
    ...info.forms.map(
      (form) => `${printable(form.formType ?? "form")}: ${form.fields.map(field).join(", ")}`,
    ),
  ];
}

/** A feature a line; where a protocol has many parts, one line for them all. */
function featureLines(features: readonly string[]): string[] {
  const parts = new Map<string, string[]>();
  for (const feature of [...new Set(features)].sort()) {
    const protocol = feature.replace(/#.*/, "#");
    parts.set(protocol, [...(parts.get(protocol) ?? []), feature]);
  }
  return [...parts].flatMap(([protocol, names]) => {
    if (names.length <= SHOWN_PARTS) return names;
    const shown = names.slice(0, SHOWN_PARTS).map((name) => name.slice(protocol.length));
    return [`${protocol}… ${shown.join(", ")} and ${names.length - SHOWN_PARTS} more`];
  });
}

function field({ var: name, values }: FormField): string {
  return `${printable(name)} = ${values.map(printable).join(" | ")}`;
}

/** What a peer sent, without what a terminal would obey. */
function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}]/gu, "�");
}
