import { toNonEmptyText } from "../xml/text.js";

/** How many lists are known. When there are more, it starts anew. */
const MAX_LISTS = 1_000;

/** The longest list that is worth knowing. */
const MAX_LENGTH = 1_000;

const known = new Map<string, readonly string[]>();
const checked = new WeakSet<readonly string[]>();

/** A frozen copy of a list of features. @throws TypeError when one is empty, or not text that XML can carry */
export function toFeatures(features: readonly string[]): readonly string[] {
  if (checked.has(features)) return features;
  return Object.freeze(features.map((feature) => toNonEmptyText(feature, "feature")));
}

/** The one list that equals this, checked and frozen: the JIDs of a component mostly have the same features. */
export function sharedFeatures(features: readonly string[]): readonly string[] {
  if (features.length > MAX_LENGTH) return toFeatures(features);
  const key = features.join("\n");
  const same = known.get(key);
  // A feature may have a line feed in it.
  if (same?.length === features.length && same.every((feature, index) => feature === features[index])) {
    return same;
  }
  const list = toFeatures(features);
  checked.add(list);
  if (known.size >= MAX_LISTS) known.clear();
  known.set(key, list);
  return list;
}
