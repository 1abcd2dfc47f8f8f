// Records what the real faas-cli makes of the cases and of many substitutions: `npm run record:faas-cli [-- NAME…]`. The
// program is BANTAM_FAAS_CLI, else the one on PATH. Port 8080 of this machine has to be free. See README.md.
import { writeFile } from 'node:fs/promises';
import { recordExpressions } from './expressions.ts';
import { answersFile, expressionsFile, type FaasCliRecording, readAnswers } from './recording.ts';
import { startRecordingGateway } from './recording-gateway.ts';
import { findFaasCli, runFaasCli } from './run-faas-cli.ts';
import { readCases } from './stack-case.ts';

const program = await findFaasCli(process.env);
if (program === undefined) throw new Error('faas-cli is not here: name it with BANTAM_FAAS_CLI');
const names = process.argv.slice(2);
const cases = (await readCases()).filter(({ name }) => names.length === 0 || names.includes(name));
const before = names.length === 0 ? {} : await readAnswers();

await using gateway = await startRecordingGateway();
const recorded: Record<string, FaasCliRecording> = {};
for (const stackCase of cases) recorded[stackCase.name] = await runFaasCli(program, stackCase, gateway);
const answers = Object.entries({ ...before, ...recorded }).sort(([left], [right]) => (left < right ? -1 : 1));
// A line each: a change of one shows as a change of one.
await writeFile(
  answersFile,
  `{\n${answers.map(([name, answer]) => `${JSON.stringify(name)}: ${JSON.stringify(answer)}`).join(',\n')}\n}\n`,
);
if (names.length === 0) await writeFile(expressionsFile, await recordExpressions(program, gateway));
console.log(`${cases.length} cases recorded`);
