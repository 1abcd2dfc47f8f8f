import { describeFailure, UserError } from '../errors.ts';
import type { ContractCase } from '../replica/contract/contract-case.ts';
import { drainCases } from '../replica/contract/drain.ts';
import { identityCases } from '../replica/contract/identity.ts';
import { lifeCases } from '../replica/contract/life.ts';
import { metricCases } from '../replica/contract/metrics.ts';
import { runContract, runUrlContract } from '../replica/contract/run-contract.ts';
import type { Target } from '../replica/contract/target.ts';
import type { Hide } from './hidden-secrets.ts';
import type { TestCase } from './result.ts';

/**
 * What a function's own code can break without being called, and a gateway relies on: who answers, health and ready, how it
 * ends, its metrics. What only the runtime decides (how settings are read, how strange HTTP is refused) is tested with bantam.
 */
const relevantCases: readonly ContractCase[] = [...identityCases, ...lifeCases, ...drainCases, ...metricCases].filter(
  ({ handler }) => handler === 'any',
);

/** Settings of the runtime that the cases choose themselves (docs/runtime.md). */
const runtimeSettings =
  /^(?:port|metrics_port|(?:read|write|exec|drain)_timeout|healthcheck_interval|max_inflight|max_body_size|ready_path|isolation|log_(?:format|level|call_id|buffer_size)|prefix_logs|BANTAM_\w+|secret_mount_path)$/;

/** The environment of a function without the settings of its runtime. */
export function withoutRuntimeSettings(
  environment: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !runtimeSettings.test(name)));
}

/** How a function is held to the contract. */
export interface ContractRun {
  readonly name: string;
  /** Cases at a time. */
  readonly concurrency: number;
  readonly hide: Hide;
  readonly signal: AbortSignal;
  readonly onCase?: (name: string) => void;
  /** Asked once something is not kept: what to do, if that may be the template's fault. */
  readonly explain: () => Promise<string | undefined>;
}

/**
 * Holds replicas of `target` to the contract, or the replica at `url` to what can be asked of one that is there; the handler is
 * never called. Throws Interrupted only.
 */
export async function testContract(
  tried: Target | { readonly url: string },
  { name, concurrency, hide, signal, onCase, explain }: ContractRun,
): Promise<readonly TestCase[]> {
  const options = { concurrency, signal, ...(onCase === undefined ? {} : { onBegin: onCase }) };
  const outcomes =
    'url' in tried
      ? await runUrlContract(tried.url, { ...options, cases: relevantCases.filter(({ needs }) => needs === 'url') })
      : await runContract(tried, {
          ...options,
          cases: relevantCases.filter(({ only }) => only === undefined || only.includes(tried.runtime)),
        });
  const broken = outcomes.some(({ verdict }) => verdict !== 'passed' && verdict !== 'skipped');
  const advice = broken ? await explain() : undefined;
  return outcomes.map((outcome): TestCase => {
    const { verdict, reason, milliseconds } = outcome;
    const base = { name: outcome.name, verdict, milliseconds };
    if (verdict === 'passed') return base;
    if (verdict === 'skipped') return { ...base, reason };
    const failure = describeFailure(
      new UserError('BAN-E641', `${name}: a function ${outcome.name}: ${hide(reason)}`, {
        hint: advice ?? `what every function promises: docs/runtime.md, ${outcome.section}`,
      }),
    );
    return { ...base, failure };
  });
}
