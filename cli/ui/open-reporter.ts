import { HumanReporter } from './human.ts';
import { JsonReporter } from './json.ts';
import type { Reporter, ReporterOptions } from './reporter.ts';

/** Chooses the reporter: one JSON document with `--json`, text otherwise. */
export function openReporter(options: ReporterOptions): Reporter {
  return options.json ? new JsonReporter(options) : new HumanReporter(options);
}
