// The least that can be done, without a library for discovery.
import * as crypto from "node:crypto";
import { Element } from "@xmpp/xml";

export interface FloorInfo {
  readonly identities: readonly Readonly<Record<string, string>>[];
  readonly features: readonly string[];
  /** FORM_TYPE, and values by field. */
  readonly forms: readonly (readonly [
    formType: string,
    fields: readonly (readonly [string, readonly string[]])[],
  ])[];
}

/** What an element says, taken at its word. */
export function read(query: Element): FloorInfo {
  const identities: Record<string, string>[] = [];
  const features: string[] = [];
  const forms: [string, [string, string[]][]][] = [];
  for (const child of query.children) {
    if (!(child instanceof Element)) continue;
    if (child.name === "feature") features.push(child.attrs["var"]);
    else if (child.name === "identity") identities.push(child.attrs);
    else {
      let formType = "";
      const fields: [string, string[]][] = [];
      for (const field of child.getChildren("field")) {
        const values = field.getChildren("value").map((value) => value.getText());
        if (field.attrs["var"] === "FORM_TYPE") formType = values[0] ?? "";
        else fields.push([field.attrs["var"], values]);
      }
      forms.push([formType, fields]);
    }
  }
  return { identities, features, forms };
}

type Hash = (algorithm: string, text: string, encoding: "base64") => string;

const oneShot = (crypto as unknown as { hash?: Hash }).hash;

const digest: Hash =
  oneShot ?? ((name, text, encoding) => crypto.createHash(name).update(text).digest(encoding));

/** XEP-0115: sort, join, hash. */
export function hash115({ identities, features, forms }: FloorInfo): string {
  let text = identities
    .map((it) => `${it["category"]}/${it["type"]}/${it["xml:lang"] ?? ""}/${it["name"] ?? ""}<`)
    .sort()
    .join("");
  text += `${features.slice().sort().join("<")}<`;
  for (const [formType, fields] of forms.slice().sort(byName)) {
    text += `${formType}<`;
    for (const [name, values] of fields.slice().sort(byName))
      text += `${name}<${values.slice().sort().join("<")}<`;
  }
  return digest("sha1", text, "base64");
}

/** XEP-0390: the same with other separators. */
export function hash390({ identities, features, forms }: FloorInfo): string {
  let text = `${features.slice().sort().join("\x1f")}\x1f\x1c`;
  text += identities
    .map(
      (it) => `${it["category"]}\x1f${it["type"]}\x1f${it["xml:lang"] ?? ""}\x1f${it["name"] ?? ""}\x1f\x1e`,
    )
    .sort()
    .join("");
  text += "\x1c";
  for (const [formType, fields] of forms) {
    text += [["FORM_TYPE", [formType]] as const, ...fields]
      .map(
        ([name, values]) =>
          `${name}\x1f${values
            .map((value) => `${value}\x1f`)
            .sort()
            .join("")}\x1e`,
      )
      .sort()
      .join("");
    text += "\x1d";
  }
  return digest("sha256", `${text}\x1c`, "base64");
}

function byName(a: readonly [string, unknown], b: readonly [string, unknown]): number {
  return a[0] < b[0] ? -1 : 1;
}
