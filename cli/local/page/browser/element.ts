/** What an element is given besides its children: attributes by their names; `undefined` and `false` leave one out, `true` sets it empty. */
export type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;

/** A child; text stays text, whatever is in it. `undefined` is left out. */
export type Child = Node | string | undefined;

/** Makes an element of HTML. Nothing is ever parsed as markup. */
export function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name);
  fill(made, attributes, children);
  return made;
}

/** The same of SVG. */
export function drawing<Name extends keyof SVGElementTagNameMap>(
  name: Name,
  attributes: Attributes = {},
  ...children: readonly Child[]
): SVGElementTagNameMap[Name] {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name);
  fill(made, attributes, children);
  return made;
}

function fill(made: Element, attributes: Attributes, children: readonly Child[]): void {
  for (const [key, value] of Object.entries(attributes))
    if (value !== undefined && value !== false) made.setAttribute(key, value === true ? '' : String(value));
  for (const child of children) if (child !== undefined) made.append(child);
}

/** Changes an element's text only if it differs: screen readers and selections are left in peace. */
export function setText(target: Node, text: string): void {
  if (target.textContent !== text) target.textContent = text;
}

/** A button that does not send a form. */
export function button(text: string, act: () => void, attributes: Attributes = {}): HTMLButtonElement {
  const made = element('button', { type: 'button', ...attributes }, text);
  made.addEventListener('click', act);
  return made;
}

let counter = 0;

/** A control with its label; `hint` stands under it and is read with it. */
export function field(
  label: string,
  control: HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement,
  hint?: string,
): HTMLDivElement {
  counter += 1;
  control.id ||= `field-${counter}`;
  const under = hint === undefined ? undefined : element('span', { class: 'hint', id: `${control.id}-hint` }, hint);
  if (under !== undefined) control.setAttribute('aria-describedby', under.id);
  return element('div', { class: 'field' }, element('label', { for: control.id }, label), control, under);
}
