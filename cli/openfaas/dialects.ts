import type { Answer } from './gateway.ts';
import type { FunctionDeployment, Info } from './wire.ts';

/**
 * What an answer to a request that changes something means.
 * - `accepted`: the provider took it (that the new code answers is another question).
 * - `rejected`: it did not; `reason` is the gateway's text or, where it says nothing, what is known of such answers.
 * - `absent`: no such function. `exists`: it is there already. `busy`: the old one is still being removed, ask again.
 * - `look`: the answer proves nothing either way; read the function and compare the deploy id. `late`: the provider may still be at it.
 */
export type Judgement =
  | { readonly verdict: 'accepted' | 'absent' | 'exists' }
  | { readonly verdict: 'rejected' | 'busy'; readonly reason: string }
  | { readonly verdict: 'look'; readonly reason: string; readonly late: boolean };

/** What an answer to a request about a secret means. `exists` and `absent` are about the secret; `rejected` is the gateway's own words. */
export type SecretJudgement =
  | { readonly verdict: 'accepted' | 'absent' | 'exists' }
  | { readonly verdict: 'rejected'; readonly reason: string };

/** What is done to a secret. */
export type SecretChange = 'create' | 'update' | 'remove';

/** What the answers of one provider mean. Pure; the sources are the recorded answers in test/recordings. */
export interface Dialect {
  /** Whose habits these are. */
  readonly spoken: 'faas-netes' | 'faasd' | 'unknown';
  /** For the target line: `faas-netes`, `faasd`, `local (faas-netes dialect)`, the name of an unknown provider. */
  readonly title: string;
  /** True for bantam's embedded gateway. */
  readonly local: boolean;
  /** How an image may be named: all observed providers take `repo:tag@sha256:…`; an unknown one gets `repo@sha256:…`, which every container engine takes. */
  readonly imageForm: 'tag-and-digest' | 'digest';
  /** Which fields of a deployment a status shows again as they were sent. */
  readonly returned: ReadonlySet<keyof FunctionDeployment>;
  /** True where a failed update removes the running function (faasd): image and secrets must be checked before. */
  readonly failedUpdateDestroys: boolean;
  /** True where the one node must find its platform in the image when the request is sent (faasd); else pods fail later, on any node. */
  readonly pullsBeforeAnswer: boolean;
  /** The most replicas a function can have, if there is a limit: faasd runs one. */
  readonly mostReplicas: number | undefined;
  /** True where creating writes over a secret that is there, and updating makes one that is not (faasd writes a file either way): look at the list before. */
  readonly writesSecretsBlindly: boolean;
  /** False where only secrets with the label of OpenFaaS are listed (faas-netes): one made by kubectl may be there all the same. */
  readonly listsAllSecrets: boolean;
  judgeSecret(change: SecretChange, answer: Answer): SecretJudgement;
  judgeCreate(answer: Answer): Judgement;
  judgeUpdate(answer: Answer): Judgement;
  judgeRemove(answer: Answer): Judgement;
  judgeScale(answer: Answer): Judgement;
}

/** The dialect of a gateway by what it says of its provider. The embedded one calls itself `bantam-local` and names by `orchestration` whom it imitates. */
export function dialectOf(info: Info): Dialect {
  const name = info.provider?.provider ?? '';
  const orchestration = info.provider?.orchestration ?? '';
  const local = name === 'bantam-local';
  if (name.startsWith('faas-netes') || (local && orchestration === 'kubernetes'))
    return local ? { ...faasNetes, title: 'local (faas-netes dialect)', local, listsAllSecrets: true } : faasNetes;
  if (name === 'faasd' || name.startsWith('faasd-') || (local && orchestration === 'containerd'))
    return local ? { ...faasd, title: 'local (faasd dialect)', local } : faasd;
  return { ...unknown, title: name === '' ? 'unknown provider' : name, local };
}

/** The gateway's own words, one line of at most 300 characters, doubles dropped (faasd says the same thing twice); its status where it said nothing. */
function wordsOf(answer: Answer): string {
  const lines = answer.body.split('\n').map((part) => part.replace(/\s+/g, ' ').trim());
  const line = [...new Set(lines)].filter((part) => part !== '').join('; ');
  if (line === '') return `status ${answer.status} and no word`;
  return line.length > 300 ? `${line.slice(0, 300)}…` : line;
}

function isSuccess(answer: Answer): boolean {
  return answer.status >= 200 && answer.status < 300;
}

function rejected(answer: Answer): Judgement {
  return { verdict: 'rejected', reason: wordsOf(answer) };
}

/** The gateway did not hear the provider to the end (a long pull), so the provider may have done it, or be at it. */
function cutOff(answer: Answer): Judgement | undefined {
  return answer.status === 502 || answer.status === 503 || answer.status === 504
    ? { verdict: 'look', reason: wordsOf(answer), late: true }
    : undefined;
}

/** The plain reading of HTTP: 2xx, 404, 409. Nothing is sent twice: a lost answer is told as it is. */
function judgeSecret(change: SecretChange, answer: Answer): SecretJudgement {
  if (isSuccess(answer)) return { verdict: 'accepted' };
  if (answer.status === 409 && change === 'create') return { verdict: 'exists' };
  if (answer.status === 404 && change !== 'create') return { verdict: 'absent' };
  return { verdict: 'rejected', reason: wordsOf(answer) };
}

const accepted: Judgement = { verdict: 'accepted' };
const absent: Judgement = { verdict: 'absent' };

/** faas-netes: 202 is success. A refused update is often a silent 200; removing takes seconds, in which creating fails. */
const faasNetes: Dialect = {
  spoken: 'faas-netes',
  title: 'faas-netes',
  local: false,
  imageForm: 'tag-and-digest',
  returned: new Set(['image', 'namespace', 'labels', 'annotations', 'secrets', 'envProcess', 'limits', 'requests']),
  failedUpdateDestroys: false,
  pullsBeforeAnswer: false,
  mostReplicas: undefined,
  writesSecretsBlindly: false,
  listsAllSecrets: false,
  judgeSecret,
  judgeCreate(answer) {
    if (answer.status === 202 || answer.status === 201) return accepted;
    if (isSuccess(answer)) return { verdict: 'look', reason: wordsOf(answer), late: false };
    if (/object is being deleted/i.test(answer.body)) return { verdict: 'busy', reason: wordsOf(answer) };
    if (answer.status === 409 || /already exists/i.test(answer.body)) return { verdict: 'exists' };
    return cutOff(answer) ?? rejected(answer);
  },
  judgeUpdate(answer) {
    if (answer.status === 202 || answer.status === 201) return accepted;
    if (isSuccess(answer)) {
      const said = answer.body.trim() === '' ? '' : ` (${wordsOf(answer)})`;
      return {
        verdict: 'rejected',
        reason: `it answered ${answer.status} instead of 202${said}: faas-netes does that when it cannot use a quantity, a label or another setting, and says why only in its own log`,
      };
    }
    if (answer.status === 404) return absent;
    return cutOff(answer) ?? rejected(answer);
  },
  judgeRemove(answer) {
    if (isSuccess(answer)) return accepted;
    if (answer.status === 404) return absent;
    return cutOff(answer) ?? rejected(answer);
  },
  judgeScale(answer) {
    if (isSuccess(answer)) return accepted;
    // Of an unknown function it says 500.
    if (answer.status === 404 || /unable to lookup function/i.test(answer.body)) return absent;
    return cutOff(answer) ?? rejected(answer);
  },
};

/** faasd: 200 is success and comes when the container runs. A 400 to an update may follow a race that the new container won. */
const faasd: Dialect = {
  spoken: 'faasd',
  title: 'faasd',
  local: false,
  imageForm: 'tag-and-digest',
  returned: new Set(['image', 'namespace', 'labels', 'annotations', 'secrets', 'envProcess']),
  failedUpdateDestroys: true,
  pullsBeforeAnswer: true,
  mostReplicas: 1,
  writesSecretsBlindly: true,
  listsAllSecrets: true,
  judgeSecret(change, answer) {
    // It passes on what removing the file says.
    if (change === 'remove' && /no such file or directory/i.test(answer.body)) return { verdict: 'absent' };
    return judgeSecret(change, answer);
  },
  judgeCreate(answer) {
    if (isSuccess(answer)) return accepted;
    if (answer.status === 409 || /snapshot ".*": already exists|container ".*": already exists/i.test(answer.body))
      return { verdict: 'exists' };
    if (/task .*: already exists/i.test(answer.body)) return { verdict: 'look', reason: wordsOf(answer), late: false };
    return cutOff(answer) ?? rejected(answer);
  },
  judgeUpdate(answer) {
    if (isSuccess(answer)) return accepted;
    if (answer.status === 404) return absent;
    // A missing secret leaves a dead container that carries the new deploy id: looking would mistake it for success.
    if (/unable to find secret|namespace not valid|invalid reference format|unexpected end of JSON/i.test(answer.body))
      return rejected(answer);
    if (answer.status === 400) return { verdict: 'look', reason: wordsOf(answer), late: false };
    return cutOff(answer) ?? rejected(answer);
  },
  judgeRemove(answer) {
    if (isSuccess(answer)) return accepted;
    if (answer.status === 404) return absent;
    return cutOff(answer) ?? rejected(answer);
  },
  judgeScale(answer) {
    if (isSuccess(answer)) return accepted;
    if (answer.status === 404) return absent;
    return cutOff(answer) ?? rejected(answer);
  },
};

/** A provider nobody has looked at: a 2xx and a 5xx are both looked at, a 4xx is believed. */
const unknown: Dialect = {
  spoken: 'unknown',
  title: 'unknown provider',
  local: false,
  imageForm: 'digest',
  returned: new Set(['image']),
  failedUpdateDestroys: true,
  pullsBeforeAnswer: true,
  mostReplicas: undefined,
  writesSecretsBlindly: true,
  listsAllSecrets: false,
  judgeSecret,
  judgeCreate(answer) {
    if (answer.status === 409 || (answer.status >= 400 && /already exists/i.test(answer.body)))
      return { verdict: 'exists' };
    return answer.status >= 400 && answer.status < 500
      ? rejected(answer)
      : { verdict: 'look', reason: wordsOf(answer), late: answer.status >= 500 };
  },
  judgeUpdate(answer) {
    if (answer.status === 404) return absent;
    return answer.status >= 400 && answer.status < 500
      ? rejected(answer)
      : { verdict: 'look', reason: wordsOf(answer), late: answer.status >= 500 };
  },
  judgeRemove(answer) {
    if (answer.status === 404) return absent;
    return isSuccess(answer) ? accepted : (cutOff(answer) ?? rejected(answer));
  },
  judgeScale(answer) {
    if (answer.status === 404) return absent;
    return isSuccess(answer) ? accepted : (cutOff(answer) ?? rejected(answer));
  },
};
