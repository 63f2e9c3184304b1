/**
 * Texts that outlive the stanza they came in.
 *
 * A text that a parser cuts out of what it read keeps all of that alive, and equal ones are as many texts as stanzas. What
 * is kept for long goes through here.
 */

/** How many texts are known. When there are more, it starts anew. */
const MAX_KNOWN = 10_000;

/** The longest that is worth knowing. */
const MAX_LENGTH = 256;

/** V8 copies shorter ones at once. */
const MIN_CUT = 13;

const known = new Map<string, string>();

/** The one text that equals this: for what many entities have, such as features. */
export function shared(text: string): string {
  const same = known.get(text);
  if (same !== undefined) return same;
  const copy = copied(text);
  if (text.length > MAX_LENGTH) return copy;
  if (known.size >= MAX_KNOWN) known.clear();
  known.set(copy, copy);
  return copy;
}

/** A text that keeps nothing else alive: for what each entity has its own of, such as names. */
export function copied(text: string): string {
  return text.length < MIN_CUT ? text : detached(text);
}

/** Plain data whose texts keep nothing else alive. */
export function detached<T>(value: T): T {
  // All other ways to copy a text, such as concatenating and cutting, give one that refers to the first.
  return JSON.parse(JSON.stringify(value)) as T;
}
