/** `npm run bench -- NAME [options]`: measurements side by side with the peers. They are no tests: `npm test` runs none of them. */
import { reasonOf } from '../bed/program.ts';
import { benchGateway, readGatewayOptions } from './gateway/bench.ts';
import { benchImages, readImagesOptions } from './images/bench.ts';
import { benchRuntime, readRuntimeOptions } from './runtime/bench.ts';
import { contestantNames } from './runtime/contestant.ts';
import { benchStart, readStartOptions } from './start.ts';
import { UsageError } from './usage-error.ts';

const usage = `usage: npm run bench -- NAME [options]

  runtime   the two runtimes beside bare node:http, bare net/http and the official shapes
              --quick          short measurements, for trying (about 4 minutes instead of 10)
              --only NAME      only this contestant; may be repeated
                               ${contestantNames.slice(0, 4).join(', ')},
                               ${contestantNames.slice(4).join(', ')}
              --rounds N       3 unless told; fewer give no verdict
              --node PATH      the Node program that runs the contestants, unless told the one that runs this
              --json           every figure as one JSON document

  start     how much longer than bare Node the built program takes to say its version and its help
              --rounds N       25 unless told
              --node PATH      the Node program, unless told the one that runs this

  images    \`image check\` of images in a real registry, with an empty and with a full cache, beside crane
              --images N       20 unless told
              --rounds N       5 unless told

  gateway   a function called directly and through the local gateway
              --quick          short measurements, for trying
              --rounds N       5 unless told
              --json           every figure as one JSON document
              BANTAM_GATEWAY_PEER names the program of an OpenFaaS gateway to be measured beside it

What is measured and how to read it: docs/bench.md
`;

/** Tells the story on stderr; stdout holds only the result. */
function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

const stop = new AbortController();
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(name, () => {
    process.exitCode = 130;
    stop.abort(new Error(`stopped by ${name}`));
  });

const [name, ...rest] = process.argv.slice(2);
try {
  if (name === undefined) process.stdout.write(usage);
  else if (name === 'start')
    process.stdout.write(`${await benchStart(readStartOptions(rest, process.execPath), stop.signal)}\n`);
  else if (name === 'images') process.stdout.write(`${await benchImages(readImagesOptions(rest), say, stop.signal)}\n`);
  else if (name === 'gateway')
    process.stdout.write(`${await benchGateway(readGatewayOptions(rest, process.env), say, stop.signal)}\n`);
  else if (name !== 'runtime') throw new UsageError(`there is no bench named ${name}`);
  else {
    const options = readRuntimeOptions(rest, process.execPath);
    process.stdout.write(`${(await benchRuntime(options, say, stop.signal)).trimEnd()}\n`);
  }
} catch (error) {
  say(stop.signal.aborted ? reasonOf(stop.signal.reason) : reasonOf(error));
  if (error instanceof UsageError) say(`\n${usage.trimEnd()}`);
  process.exitCode ??= error instanceof UsageError ? 2 : 1;
}
