import pico from "picocolors";

/** Whether what is written to a stream is to be coloured: only where that is a terminal. See https://no-color.org */
export function isColored(
  stream: { readonly isTTY?: boolean | undefined },
  env: Readonly<Record<string, string | undefined>>,
): boolean {
  return stream.isTTY === true && !env["NO_COLOR"] && env["TERM"] !== "dumb";
}

/** For what goes to the standard output. */
export const colors = pico.createColors(isColored(process.stdout, process.env));

/** For what goes to the standard error. */
export const errorColors = pico.createColors(isColored(process.stderr, process.env));
