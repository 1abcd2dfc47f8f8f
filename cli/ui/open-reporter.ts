import { HumanReporter } from './human.ts';
import { JsonReporter } from './json.ts';
import type { Reporter, ReporterOptions } from './reporter.ts';

/** Chooses the reporter: one JSON document with `--json`, text otherwise; on GitHub Actions either with annotations beside it on stderr. */
export async function openReporter(options: ReporterOptions): Promise<Reporter> {
  if (options.environment['GITHUB_ACTIONS'] !== 'true') return openPlain(options);
  const { GithubReporter } = await import('./github.ts');
  return new GithubReporter(openPlain, options);
}

function openPlain(options: ReporterOptions): Reporter {
  return options.json ? new JsonReporter(options) : new HumanReporter(options);
}
