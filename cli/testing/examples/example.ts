/** A place in a file of examples; lines and columns from 1. */
export interface ExamplePlace {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** One request and what has to come back, read and checked. */
export interface Example {
  readonly name: string;
  readonly request: {
    readonly method: string;
    readonly path: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: Uint8Array | undefined;
  };
  readonly expect: {
    readonly status: number | undefined;
    readonly headers: Readonly<Record<string, string>>;
    /** `json: null` is an expectation, too. */
    readonly body:
      | { readonly kind: 'text'; readonly text: string }
      | { readonly kind: 'json'; readonly value: unknown }
      | { readonly kind: 'matches'; readonly patterns: readonly string[] }
      | undefined;
    /** Milliseconds; undefined: the run's own limit. */
    readonly within: number | undefined;
  };
  readonly environment: Readonly<Record<string, string>>;
  /** Values by name. They are never shown. */
  readonly secrets: Readonly<Record<string, string>>;
  /** Where something of it stands, by its path in the example: `['expect', 'status']`. */
  readonly placeOf: (path: readonly string[]) => ExamplePlace;
}
