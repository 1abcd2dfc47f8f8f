import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { failedWith, UserError } from '../errors.ts';
import type { runProgram } from './exec.ts';

/** Reads a cluster through the user's own kubectl, with what that finds for itself (KUBECONFIG, ~/.kube/config). */
export interface Kubectl {
  /** The JSON document of `kubectl get WORDS`, for example `['secret', 'basic-auth', '--namespace=openfaas']`. Values that come from outside must be glued to their option. Throws BAN-E409. */
  get(words: readonly string[], signal?: AbortSignal): Promise<unknown>;
}

/** What reading needs. `context`: of the kubectl configuration, the current one if absent. */
export interface KubectlOptions {
  readonly run: typeof runProgram;
  readonly context?: string | undefined;
  /** Where k3s writes its configuration; only tests have it elsewhere. */
  readonly k3sFile?: string | undefined;
}

/** How long one question may take: kubectl itself, and then what ends it. Milliseconds. */
const requestTimeout = 15_000;
const programTimeout = 30_000;

/** Makes one; runs nothing yet. */
export function openKubectl({ run, context, k3sFile = '/etc/rancher/k3s/k3s.yaml' }: KubectlOptions): Kubectl {
  return {
    async get(words, signal) {
      const chosen = context === undefined ? [] : [`--context=${context}`];
      const argv = [...chosen, `--request-timeout=${requestTimeout / 1000}s`, 'get', ...words, '--output=json'];
      const result = await run('kubectl', argv, { signal, timeout: programTimeout });
      if (!result.missing && result.exitCode === 0) return parseAnswer(result.stdout, words);
      const problem = result.missing
        ? 'kubectl is not installed'
        : result.timedOut
          ? `kubectl did not end within ${programTimeout / 1000} s`
          : `kubectl get ${words.join(' ')}: ${lastWords(result.stderr)}`;
      throw new UserError('BAN-E409', problem, {
        hint: result.missing ? missingHint : adviceFor(result.stderr, k3sFile, await stateOf(k3sFile)),
      });
    },
  };
}

const missingHint =
  'install it (https://kubernetes.io/docs/tasks/tools), or call this where it is: a k3s server has one. Without it: bantam login -g URL --password-stdin';

/** The answer may hold a secret, so what is wrong with it is not quoted. */
function parseAnswer(text: string, words: readonly string[]): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new UserError('BAN-E409', `kubectl get ${words.join(' ')} answered with something that is no JSON`, {
      hint: 'is the kubectl on the PATH the real one? kubectl version tells',
    });
  }
}

/** What kubectl says for people: without the lines of its own log, which repeat each try. */
function lastWords(stderr: string): string {
  const lines = stderr.split('\n').filter((line) => line.trim() !== '' && !/^(?:[EWI]\d{4} |time=|WARN\[)/.test(line));
  return (lines.at(-1) ?? stderr.trim().split('\n').at(-1) ?? '').trim() || 'it failed without a word';
}

type FileState = 'readable' | 'unreadable' | 'absent';

/** What to do about an answer of kubectl's. */
export function adviceFor(stderr: string, k3sFile: string, k3s: FileState): string {
  const aboutK3s = stderr.includes(k3sFile) || /k3s\.yaml/.test(stderr);
  const unconfigured = /localhost:8080|127\.0\.0\.1:8080|no configuration has been provided/.test(stderr);
  if ((aboutK3s && /permission denied|unable to read/i.test(stderr)) || (unconfigured && k3s === 'unreadable'))
    return `only root may read ${k3sFile}: mkdir -p ~/.kube && sudo cat ${k3sFile} > ~/.kube/config && chmod 600 ~/.kube/config, then export KUBECONFIG=~/.kube/config`;
  if (unconfigured)
    return k3s === 'readable'
      ? `kubectl found no configuration; this is a k3s server: export KUBECONFIG=${k3sFile}`
      : 'kubectl found no configuration: copy the cluster’s to ~/.kube/config, or name it in KUBECONFIG';
  if (/context.*(?:not found|does not exist)/i.test(stderr)) return 'kubectl config get-contexts lists what there is';
  if (/\(Forbidden\)/.test(stderr))
    return 'this user may not read it: ask with another --context, or as the cluster’s administrator';
  if (/secrets "[^"]*" not found|namespaces "[^"]*" not found/.test(stderr))
    return 'is OpenFaaS in another namespace (--openfaas-namespace), or is this another cluster (--context)? kubectl get pods -A shows what runs';
  // Without a configuration kubectl asks localhost:8080, and there the gateway itself may be, through a port-forward.
  return 'does kubectl get nodes work? KUBECONFIG and --context choose the cluster; without either, kubectl asks whatever listens at localhost:8080';
}

async function stateOf(file: string): Promise<FileState> {
  try {
    await access(file, constants.R_OK);
    return 'readable';
  } catch (error) {
    return failedWith(error, 'EACCES') ? 'unreadable' : 'absent';
  }
}
