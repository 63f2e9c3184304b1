// What the tests use of Node.js besides the library: where a browser has it under another name.

const channel = new MessageChannel();
const due: (() => void)[] = [];
channel.port1.onmessage = () => due.shift()?.();

type Listener = (reason: unknown) => void;

const listeners = new Map<Listener, (event: Event) => void>();

/** The name of the event that tells it in a browser. */
const EVENTS: Readonly<Record<string, string>> = {
  unhandledRejection: "unhandledrejection",
  uncaughtExceptionMonitor: "error",
};

Object.assign(globalThis, {
  setImmediate: (run: () => void) => {
    due.push(run);
    channel.port2.postMessage(undefined);
  },
  process: {
    ...globalThis.process,
    cpuUsage: (since?: { user: number }) => ({
      user: performance.now() * 1_000 - (since?.user ?? 0),
      system: 0,
    }),
    on: (name: string, listener: Listener) => {
      const event = EVENTS[name];
      if (event === undefined) return;
      const own = (given: Event) => listener("reason" in given ? given.reason : given);
      listeners.set(listener, own);
      addEventListener(event, own);
    },
    off: (name: string, listener: Listener) => {
      const own = listeners.get(listener);
      const event = EVENTS[name];
      if (own !== undefined && event !== undefined) removeEventListener(event, own);
      listeners.delete(listener);
    },
  },
});
