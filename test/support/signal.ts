/** Counts from now on the listeners that come and go. */
export function countListeners(signal: AbortSignal): { added: number; removed: number } {
  const count = { added: 0, removed: 0 };
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args: unknown[]) => {
    count.added += 1;
    Reflect.apply(addEventListener, signal, args);
  };
  signal.removeEventListener = (...args: unknown[]) => {
    count.removed += 1;
    Reflect.apply(removeEventListener, signal, args);
  };
  return count;
}
