// What the unit tests take from node:fs, for a browser: they read the vectors.
/** What Vite makes of it; its own types for it would go for all files. */
declare global {
  interface ImportMeta {
    glob(pattern: string, options: { query: string; import: string; eager: true }): Record<string, string>;
  }
}

const VECTORS = import.meta.glob("../../vectors/*", {
  query: "?raw",
  import: "default",
  eager: true,
});

/** The text of a vector file, by its name. */
export function readFileSync(path: string | URL): string {
  const name = String(path)
    .replace(/[?#].*$/, "")
    .replace(/^.*\//, "");
  const text = VECTORS[`../../vectors/${name}`];
  if (text === undefined) throw new Error(`no vectors at ${path}`);
  return text;
}
