/** Repositories of templates that many stack files name by their `lang` alone, as faas-cli's template store has them. */
const repositories: readonly { readonly names: RegExp; readonly source: string }[] = [
  { names: /^golang-(?:http|middleware(?:-inproc)?)$/, source: 'https://github.com/openfaas/golang-http-template' },
  {
    names: /^(?:python27-flask|python3-(?:flask|http)(?:-debian)?)$/,
    source: 'https://github.com/openfaas/python-flask-template',
  },
  { names: /^dotnet\d+-csharp$/, source: 'https://github.com/openfaas/dotnet-templates' },
  {
    names: /^(?:node\d*|java\d+(?:-vert-x)?|php\d+|ruby|python3?(?:-debian)?|go|csharp|dockerfile)$/,
    source: 'https://github.com/openfaas/templates',
  },
];

/** The name of a template without the `@REF` behind it, and that. */
export function splitName(name: string): { readonly base: string; readonly ref: string | undefined } {
  const at = name.indexOf('@');
  return at < 0 ? { base: name, ref: undefined } : { base: name.slice(0, at), ref: name.slice(at + 1) };
}

/** Where a template of OpenFaaS itself comes from, with its reference if the name has one: `URL`, or `URL#REF`. */
export function wellKnownSource(name: string): string | undefined {
  const { base, ref } = splitName(name);
  const source = repositories.find(({ names }) => names.test(base))?.source;
  return source === undefined || ref === undefined ? source : `${source}#${ref}`;
}
