/**
 * Text out of an image for people and terminals, on one line: control and formatting characters as `\u{1b}`, and no longer than a sentence
 * may be. Names in an image are whatever somebody put there.
 */
export function printable(text: string): string {
  const shown = text.replaceAll(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
  const characters = [...shown];
  if (characters.length <= longest) return shown;
  return `${characters.slice(0, longest / 2).join('')}…${characters.slice(-longest / 2).join('')}`;
}

const longest = 400;
