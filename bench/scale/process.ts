// The process of one variant: `process.ts <scenario> <variant> <options>`; writes what it has shown as JSON.
import type { Variant, VariantOptions } from "./figures.ts";

const [scenario = "", name = "", options = "{}"] = process.argv.slice(2);
const file = (await import(`./${scenario}.ts`)) as { variants: Record<string, Variant | undefined> };
const variant = file.variants[name];
if (variant === undefined) throw new Error(`${scenario} has no ${name}`);
const shown = await variant(JSON.parse(options) as VariantOptions);
process.stdout.write(JSON.stringify(shown), () => process.exit());
