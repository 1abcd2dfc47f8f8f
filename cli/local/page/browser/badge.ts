import type { FunctionCondition } from '../messages.ts';
import { element, setText } from './element.ts';
import { conditionWords } from './words.ts';

/** A function's condition as a word with a mark; the mark's shape differs too, not only its colour. */
export function conditionBadge(): HTMLSpanElement & { readonly dataset: DOMStringMap } {
  return element('span', { class: 'badge' });
}

export function updateBadge(badge: HTMLElement, condition: FunctionCondition): void {
  badge.dataset['condition'] = condition;
  setText(badge, conditionWords[condition]);
}
