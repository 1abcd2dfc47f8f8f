/** A template folder as a project holds it (`template/NAME`), its template.yml read. */
export interface Template {
  readonly name: string;
  /** Absolute path. For `lang: dockerfile`, whose functions bring all their files, nothing is read there and it need not exist. */
  readonly folder: string;
  /** Folder of the build context that the handler is copied to: `function` unless template.yml says `handler_folder`; `.` for `lang: dockerfile`. */
  readonly handlerFolder: string;
  readonly process: string | undefined;
  readonly welcomeMessage: string | undefined;
  /** `build_options` of template.yml: names that a function may choose, and the packages each adds. */
  readonly buildOptions?: readonly { readonly name: string; readonly packages: readonly string[] }[];
  /** True for templates that carry bantam's build description (build.json). */
  readonly bantam: boolean;
}
