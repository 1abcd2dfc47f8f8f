// Stands where faas-cli looks for docker: writes down how it was called and what lies in the build context, as a line of JSON.
import { createHash } from 'node:crypto';
import { appendFileSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

const context = Object.fromEntries(
  readdirSync('.', { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => [relative('.', path), createHash('sha256').update(readFileSync(path)).digest('hex').slice(0, 16)])
    .sort(([left], [right]) => (left < right ? -1 : 1)),
);
appendFileSync(process.env.FAKE_DOCKER_LOG, `${JSON.stringify({ arguments: process.argv.slice(2), context })}\n`);
