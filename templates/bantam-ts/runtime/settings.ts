import {
  type Environment,
  readChoice,
  readCount,
  readDuration,
  readPath,
  readSize,
  readSwitch,
} from './setting-values.ts';

/** What the environment says about this replica. Times in milliseconds, sizes in bytes; 0: no limit. */
export interface Settings {
  readonly port: number;
  readonly metricsPort: number;
  /** Address to listen on; undefined: all of them, as a container needs. */
  readonly host: string | undefined;
  readonly secretFolder: string;
  readonly readTimeout: number;
  readonly writeTimeout: number;
  readonly execTimeout: number;
  readonly maxInflight: number;
  readonly maxBodySize: number;
  /** What `/_/ready` asks the handler for, if anything. */
  readonly readyPath: string | undefined;
  /** After a signal: how long calls are still accepted. */
  readonly acceptWindow: number;
  /** After a signal: when the process ends at the latest. */
  readonly drainTimeout: number;
  readonly isolation: 'guard' | 'none';
  readonly logs: LogSettings;
  readonly revision: string;
  readonly deploy: string;
  readonly replica: string;
}

export interface LogSettings {
  readonly format: 'text' | 'json';
  readonly level: LogLevel;
  /** A line for each call, with its id. */
  readonly calls: boolean;
  /** Date, time and stream before each line of the handler. */
  readonly prefix: boolean;
  readonly longestLine: number;
  /** The files whose contents no line may hold. */
  readonly secretFolder: string;
}

export type LogLevel = 'error' | 'warn' | 'info' | 'debug';

/** Reads the settings; throws an Error that names the variable when a value makes no sense. */
export function readSettings(environment: Environment, hostName: string): Settings {
  const secretFolder = environment['secret_mount_path'] || '/var/openfaas/secrets';
  // Below the 30 s after which Kubernetes kills a pod that has not ended.
  const drainTimeout = readDuration(environment, 'drain_timeout', '25s');
  return {
    port: readCount(environment, 'port', 8080, 65_535),
    metricsPort: readCount(environment, 'metrics_port', 8081, 65_535),
    host: environment['BANTAM_HOST'] || undefined,
    secretFolder,
    readTimeout: readDuration(environment, 'read_timeout', '0'),
    writeTimeout: readDuration(environment, 'write_timeout', '0'),
    execTimeout: readDuration(environment, 'exec_timeout', '0'),
    maxInflight: readCount(environment, 'max_inflight', 0, 1_000_000),
    maxBodySize: readSize(environment, 'max_body_size', '100mb'),
    readyPath: readPath(environment, 'ready_path'),
    acceptWindow: Math.min(readDuration(environment, 'healthcheck_interval', '3s'), drainTimeout),
    drainTimeout,
    isolation: readChoice(environment, 'isolation', ['guard', 'none']),
    logs: {
      format: readChoice(environment, 'log_format', ['text', 'json']),
      level: readChoice<LogLevel>(environment, 'log_level', ['info', 'error', 'warn', 'debug']),
      calls: readSwitch(environment, 'log_call_id'),
      prefix: readSwitch(environment, 'prefix_logs'),
      longestLine: Math.max(1, readSize(environment, 'log_buffer_size', '65536')),
      secretFolder,
    },
    revision: environment['BANTAM_REVISION'] ?? '',
    deploy: environment['BANTAM_DEPLOY'] ?? '',
    // Several replicas of one machine have the same host name.
    replica: environment['BANTAM_REPLICA'] || hostName,
  };
}
