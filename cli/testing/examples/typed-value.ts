import type { YamlNode, YamlScalar } from '../../stack/document.ts';

/**
 * The value of a YAML node as JSON knows it: plain words are numbers, truth values and null as in YAML's core schema (YAML 1.2,
 * section 10.3.2), quoted ones and blocks are text. The stack file's reader keeps all of them as text, as Go does.
 */
export function typedValue(node: YamlNode, text: string): unknown {
  if (node.kind === 'list') return node.items.map((item) => typedValue(item, text));
  if (node.kind === 'map')
    return Object.fromEntries(node.entries.map(({ key, value }) => [key, typedValue(value, text)]));
  return typedScalar(node, text);
}

function typedScalar({ value, block, start }: YamlScalar, text: string): unknown {
  if (value === null) return null;
  if (block || text[start] === '"' || text[start] === "'") return value;
  if (/^(?:~|null|Null|NULL|)$/.test(value)) return null;
  if (/^(?:true|True|TRUE)$/.test(value)) return true;
  if (/^(?:false|False|FALSE)$/.test(value)) return false;
  if (/^[-+]?\d+$/.test(value)) return Number(value);
  if (/^0o[0-7]+$|^0x[0-9a-fA-F]+$/.test(value)) return Number(value);
  if (/^[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?$/.test(value)) return Number(value);
  return value;
}
