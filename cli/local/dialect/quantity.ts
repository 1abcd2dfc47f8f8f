/** Kubernetes' own pattern (apimachinery, resource.ParseQuantity), as its message quotes it. */
export const quantityPattern = '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$';

const factors: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/** Reads a Kubernetes quantity (`64Mi`, `100m`, `1.5`, `2e6`) as a plain number: bytes or processors. `undefined` if it is none. */
export function parseQuantity(text: string): number | undefined {
  const match =
    /^(?<number>[+-]?(?:\d+\.?\d*|\.\d+))(?:(?<suffix>[numkMGTPE]|[KMGTPE]i)|[eE](?<exponent>[+-]?\d+))?$/.exec(text);
  if (match?.groups === undefined) return undefined;
  const { number, suffix, exponent } = match.groups;
  const factor = exponent === undefined ? factors[suffix ?? ''] : 10 ** Number(exponent);
  return factor === undefined ? undefined : Number(number) * factor;
}
