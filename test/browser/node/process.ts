// What the unit tests take from `process`, for a browser: whether a rejection was left unhandled.
type Listener = (reason: unknown) => void;

const handlers = new Map<Listener, (event: PromiseRejectionEvent) => void>();

const process = {
  env: {},
  on(event: string, listener: Listener) {
    if (event !== "unhandledRejection") return process;
    const handler = (rejection: PromiseRejectionEvent) => {
      rejection.preventDefault();
      listener(rejection.reason);
    };
    handlers.set(listener, handler);
    addEventListener("unhandledrejection", handler);
    return process;
  },
  off(_event: string, listener: Listener) {
    const handler = handlers.get(listener);
    if (handler !== undefined) removeEventListener("unhandledrejection", handler);
    handlers.delete(listener);
    return process;
  },
};

// A stand-in with less than Node.js has must not be taken for it by the code under test.
const known = (globalThis as { process?: object }).process;
if (known === undefined) Object.assign(globalThis, { process });
else Object.assign(known, { on: process.on, off: process.off });
