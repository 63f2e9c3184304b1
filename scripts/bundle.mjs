// Node.js needs half a millisecond for each module it loads. It gets the library's own as one file, dist/bundle.js.
// Bundlers get them one by one, since they leave out whole modules more surely than parts of one.
import { fileURLToPath } from "node:url";
import { build } from "vite";

await build({
  configFile: false,
  envDir: false,
  publicDir: false,
  root: fileURLToPath(new URL("..", import.meta.url)),
  logLevel: "warn",
  // What it depends on stays outside.
  ssr: { external: true },
  build: {
    ssr: "src/index.ts",
    outDir: "dist",
    // tsc has written there before.
    emptyOutDir: false,
    target: "es2022",
    minify: false,
    sourcemap: true,
    rolldownOptions: {
      // The package has the sources themselves.
      output: { entryFileNames: "bundle.js", sourcemapExcludeSources: true },
    },
  },
});
