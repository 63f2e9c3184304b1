/// <reference types="vite/client" />

// Not with node:fs: the unit tests run in a browser too.
const files = import.meta.glob<string>("../vectors/*.json*", {
  query: "?raw",
  import: "default",
  eager: true,
});

/** The text of a file of `test/vectors`. */
export function readVectors(file: string): string {
  const text = files[`../vectors/${file}`];
  if (text === undefined) throw new Error(`there is no test/vectors/${file}`);
  return text;
}
