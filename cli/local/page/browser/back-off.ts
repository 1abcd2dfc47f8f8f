const first = 500;
const longest = 10_000;

/** Milliseconds before the next try after so many failed ones in a row: doubling from 0.5 s to 10 s, a quarter of it by chance (`chance` is 0 to 1). */
export function backOff(failures: number, chance: number): number {
  const whole = Math.min(longest, first * 2 ** Math.min(failures - 1, 20));
  return Math.round(whole * (0.75 + chance / 4));
}
