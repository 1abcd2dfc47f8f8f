import * as v from 'valibot';

export const partNames = [
  'engine',
  'buildx',
  'registry',
  'emulation-arm64',
  'emulation-arm',
  'bases',
  'crane',
  'actionlint',
] as const;

const nameSchema = v.picklist(partNames);

export const partSchema = v.variant('available', [
  v.object({ name: nameSchema, available: v.literal(true), version: v.string() }),
  v.object({ name: nameSchema, available: v.literal(false), reason: v.string() }),
]);

export type PartName = v.InferOutput<typeof nameSchema>;

/** A real part of the bed, with its version, or the reason why it cannot run here. */
export type Part = Readonly<v.InferOutput<typeof partSchema>>;

export function isAvailable(parts: readonly Part[], name: PartName): boolean {
  return parts.some((part) => part.name === name && part.available);
}
