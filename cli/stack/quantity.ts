/** Whether a text is one of Kubernetes' quantities (apimachinery, resource.Quantity) never negative: 128Mi, 0.5, 100m, 1e3. */
export function isQuantity(text: string): boolean {
  return /^\+?(?:\d+\.?\d*|\.\d+)(?:[numkMGTPE]|[KMGTPE]i|[eE][+-]?\d+)?$/.test(text);
}

/** What somebody may have meant who wrote `text`, as the end of a sentence: `128MB` gives `128Mi`. */
export function suggestQuantity(text: string): string {
  const match = /^(?<number>\d+(?:\.\d+)?)\s*(?<unit>[kmgt])(?<binary>i)?b?$/i.exec(text.trim());
  if (match?.groups === undefined) return '128Mi, 1Gi, 0.5 or 100m';
  const unit = match.groups['unit']?.toUpperCase();
  return `${match.groups['number']}${unit}i`;
}

/** The number that a quantity stands for: bytes, or processors. NaN for what is none. */
export function quantityOf(text: string): number {
  if (!isQuantity(text)) return Number.NaN;
  const { number, unit } = /^(?<number>\+?[\d.]+(?:[eE][+-]?\d+)?)(?<unit>[a-zA-Z]*)$/.exec(text)?.groups ?? {};
  const power = unit?.endsWith('i') ? 'KMGTPE'.indexOf(unit.slice(0, 1)) + 1 : 'num kMGTPE'.indexOf(unit || ' ') - 3;
  return Number(number) * (unit?.endsWith('i') ? 1024 : 1000) ** power;
}
