/** The middle of some numbers. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [low = 0, high = 0] = [sorted[sorted.length - 1 - middle], sorted[middle]];
  return (low + high) / 2;
}

/**
 * How something grows: the exponent `e` of the power `n ** e` that fits best, 1 for linear growth, from the sizes of the
 * upper half, where what is there once no longer counts.
 */
export function exponent(points: readonly (readonly [n: number, value: number])[]): number {
  const upper = points.slice(Math.min(Math.floor(points.length / 2), points.length - 2));
  const logs = upper.map(([n, value]) => [Math.log(n), Math.log(value)] as const);
  const meanX = logs.reduce((sum, [x]) => sum + x, 0) / logs.length;
  const meanY = logs.reduce((sum, [, y]) => sum + y, 0) / logs.length;
  const covariance = logs.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0);
  return covariance / logs.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
}

/** A number in three digits, with k and M where it is large: 12.3 k. */
export function short(value: number): string {
  const [scaled, prefix] =
    value >= 1e6 ? [value / 1e6, " M"] : value >= 1e4 ? [value / 1e3, " k"] : [value, ""];
  const digits = scaled >= 100 ? 0 : scaled >= 10 ? 1 : 2;
  const text = scaled.toFixed(digits);
  return `${prefix === "" && scaled >= 1_000 ? Number(text).toLocaleString("en") : text}${prefix}`;
}
