/** What the environment says about this replica. Times in milliseconds. */
export interface Settings {
  readonly port: number;
  /** Address to listen on; undefined: all of them, as a container needs. */
  readonly host: string | undefined;
  readonly secretFolder: string;
  readonly drainTimeout: number;
  readonly revision: string;
  readonly deploy: string;
  readonly replica: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

const unitInMilliseconds: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000 };

/** Reads the settings; throws an Error that names the variable when a value makes no sense. */
export function readSettings(environment: Environment, hostName: string): Settings {
  return {
    port: readPort(environment['port'] || '8080'),
    host: environment['BANTAM_HOST'] || undefined,
    secretFolder: environment['secret_mount_path'] || '/var/openfaas/secrets',
    // Below the 30 s after which Kubernetes kills a pod that has not ended.
    drainTimeout: readDuration('drain_timeout', environment['drain_timeout'] || '25s'),
    revision: environment['BANTAM_REVISION'] ?? '',
    deploy: environment['BANTAM_DEPLOY'] ?? '',
    replica: hostName,
  };
}

function readPort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port <= 65_535) return port;
  throw new Error(`the environment variable port is ${JSON.stringify(text)}: a number from 0 to 65535 is needed`);
}

function readDuration(name: string, text: string): number {
  const [, digits, unit] = /^(\d+(?:\.\d+)?)(ms|s|m)$/.exec(text) ?? [];
  const milliseconds = Number(digits) * (unitInMilliseconds[unit ?? ''] ?? Number.NaN);
  if (milliseconds <= 2 ** 31 - 1) return milliseconds;
  throw new Error(
    `the environment variable ${name} is ${JSON.stringify(text)}: a time such as 25s, 500ms or 1m is needed`,
  );
}
