// What the unit tests take from node:events, for a browser.
// The npm package of that name, and not the module of Node.js.
// biome-ignore lint/style/useNodejsImportProtocol: see above
import { EventEmitter } from "events";

export { EventEmitter };

/** As `once` of Node.js, without its options. */
export function once(emitter: EventEmitter, event: string): Promise<unknown[]> {
  return new Promise((resolve, reject) => {
    const onError = (error: unknown) => reject(error);
    emitter.once(event, (...args: unknown[]) => {
      emitter.removeListener("error", onError);
      resolve(args);
    });
    if (event !== "error") emitter.once("error", onError);
  });
}
