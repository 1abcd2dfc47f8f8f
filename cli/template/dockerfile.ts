// biome-ignore-all lint/suspicious/noTemplateCurlyInString: a shell's variable, not ours.
import { join } from 'node:path';
import type { Template } from './template.ts';
import type { TreeFile } from './tree.ts';

/** Whether `lang` means that a function brings its own Dockerfile (faas-cli means to take `Dockerfile`, too, and fails). */
export function isDockerfile(language: string): boolean {
  return language === 'dockerfile' || language === 'Dockerfile';
}

/** The template of such functions: no files, the handler folder is the whole build context. */
export function dockerfileTemplate(stackFolder: string): Template {
  return {
    name: 'dockerfile',
    folder: join(stackFolder, 'template/dockerfile'),
    handlerFolder: '.',
    process: undefined,
    welcomeMessage: undefined,
    buildOptions: [],
    bantam: false,
  };
}

/** What `fn new --lang dockerfile` begins with: a web server and a shell script that answers, on every platform, without a RUN. */
export const dockerfileHandler: readonly TreeFile[] = [
  file('Dockerfile', [
    '# Any image is a function that listens on port 8080 and answers 200 to /_/health. Nothing here RUNs, so it is built',
    '# for every platform without emulation.',
    'FROM docker.io/library/busybox:1.36',
    'WORKDIR /home/app',
    'COPY . .',
    'USER 1000:1000',
    'EXPOSE 8080',
    '# The first process of a container gets no default for SIGTERM: this one goes on answering until it is killed.',
    'CMD ["/bin/busybox", "httpd", "-f", "-p", "8080", "-h", "/home/app"]',
  ]),
  file('.dockerignore', ['Dockerfile', '.dockerignore']),
  file('_/health', ['OK']),
  file(
    'cgi-bin/index.cgi',
    [
      '#!/bin/sh',
      '# Answers GET / and POST /: headers, an empty line, the body. CONTENT_LENGTH bytes of the request are on stdin.',
      'printf "Content-Type: text/plain\\r\\n\\r\\n"',
      'echo "Hello from a Dockerfile"',
      'if [ "$REQUEST_METHOD" = POST ]; then head -c "${CONTENT_LENGTH:-0}"; fi',
    ],
    true,
  ),
];

function file(path: string, lines: readonly string[], executable = false): TreeFile {
  return { path, executable, read: async () => Buffer.from(lines.map((line) => `${line}\n`).join('')) };
}
