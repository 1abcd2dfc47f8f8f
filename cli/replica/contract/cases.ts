import { blockingCases } from './blocking.ts';
import { bodyCases } from './bodies.ts';
import type { ContractCase } from './contract-case.ts';
import { drainCases } from './drain.ts';
import { identityCases } from './identity.ts';
import { lifeCases } from './life.ts';
import { limitCases } from './limits.ts';
import { logCases } from './logs.ts';
import { metricCases } from './metrics.ts';
import { misbehaviourCases } from './misbehaviour.ts';
import { settingCases } from './settings.ts';
import { webSocketCases } from './websocket.ts';
import { wireCases } from './wire.ts';

/** All that docs/runtime.md promises, as far as it can be tried from outside. */
export const contractCases: readonly ContractCase[] = [
  ...settingCases,
  ...limitCases,
  ...identityCases,
  ...bodyCases,
  ...webSocketCases,
  ...wireCases,
  ...lifeCases,
  ...drainCases,
  ...misbehaviourCases,
  ...blockingCases,
  ...logCases,
  ...metricCases,
];
