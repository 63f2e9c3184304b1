/** Writes to the standard output; resolves when it is written, or never will be. */
export function write(text: string): Promise<void> {
  return new Promise((resolve) => {
    process.stdout.write(text, () => resolve());
  });
}
