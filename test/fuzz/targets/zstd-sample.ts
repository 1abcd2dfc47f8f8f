/** A small layer, made with `zstd -19 --check`: Node 20 has no zstd of its own. */
export const zstdSample: Uint8Array = Buffer.from(
  [
    'KLUv/WQAIUUGABLJHBlwbw7s89O07cNI/f91i8loyVZm1E//7gkyLrpJpaeArKItu269NGoAASEEnlKi7MxrAlANhiO21u4/VAts',
    'ouhkGjEPS8pwlZNkrbIk2Zf7eP2ee08pUYNGzf47MVStFi4/9/e54dEefwebvwxh/L/GVKscIAAtiJJCKQ79V6rAmKoDMQDFXVgF',
    'UOqax4CGIshdBQGENkbNO/2WeIDyRoY4JBU8lOPr0kW009dgVKPT08kDrEFSFIAhgEknkDoBRMB1eAJaVWuw0g==',
  ].join(''),
  'base64',
);
