import type { FeatureDocument } from "../../../src/cli/features.ts";

/** Where a document such as `XEP-0030` or `RFC 6121` can be read. */
export function addressOfDocument(document: string): string {
  const name = document.toLowerCase().replace(" ", "");
  return name.startsWith("rfc")
    ? `https://www.rfc-editor.org/rfc/${name}`
    : `https://xmpp.org/extensions/${name}.html`;
}

/** RFCs, then XEPs, by number; what has no document comes last. */
export function compareDocuments(a: FeatureDocument | undefined, b: FeatureDocument | undefined): number {
  return orderOf(a).localeCompare(orderOf(b));
}

function orderOf(document: FeatureDocument | undefined): string {
  return document?.document ?? "\uffff";
}
