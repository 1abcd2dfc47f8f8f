import type {
  configurationSchema,
  functionExtensionSchema,
  functionSchema,
  providerSchema,
  resourcesSchema,
  stackExtensionSchema,
  stackSchema,
  targetSchema,
  templateSourceSchema,
} from '../../cli/stack/schema.ts';

/** What an editor shows at a field, and examples it may offer. Units and defaults belong into the text. */
export interface FieldText {
  readonly description: string;
  readonly examples?: readonly unknown[];
}

/** A text for every field of a schema: a new field does not compile until it has one. */
type TextsOf<Schema extends { readonly entries: object }> = {
  readonly [Key in keyof Schema['entries']]: FieldText;
};

export const stackTexts: TextsOf<typeof stackSchema> = {
  version: { description: 'Version of the file’s format. Only 1.0 exists; it may be left out.', examples: ['1.0'] },
  provider: { description: 'Whose stack file it is, and the gateway it is deployed to when nothing else names one.' },
  functions: {
    description:
      'The functions by name. A name is a DNS label: lower-case letters, digits and hyphens, at most 63, since it becomes part of addresses.',
  },
  configuration: { description: 'Where templates come from, and what is copied into every function’s build.' },
  'x-bantam': {
    description: 'Settings of bantam for the whole file; faas-cli passes over them. Keys that begin with x- are free.',
  },
};

export const providerTexts: TextsOf<typeof providerSchema> = {
  name: { description: 'Always openfaas.' },
  gateway: {
    description:
      'Address of the gateway. Before it come -g and the gateway of a target (-t); after it $OPENFAAS_URL. http://127.0.0.1:8080 counts as not given, since faas-cli writes it into every file.',
    examples: ['http://pi-0.lan:31112'],
  },
};

export const functionTexts: TextsOf<typeof functionSchema> = {
  lang: {
    description:
      'The template: a folder in template/ beside this file, or one of bantam’s own (bantam-ts, bantam-go). dockerfile builds the Dockerfile in the handler’s folder. Needed unless skip_build is true.',
    examples: ['bantam-ts', 'bantam-go', 'dockerfile'],
  },
  handler: {
    description: 'Folder with the function’s source, relative to this file. Needed unless skip_build is true.',
    examples: ['./hello'],
  },
  image: {
    description:
      'The image that is built, pushed and deployed: [registry[:port]/]name[:tag]. Without a tag it is latest. A target’s registry replaces all before the last part of the name.',
    examples: ['registry.lan:5000/hello:1.0', 'ghcr.io/me/hello:latest'],
  },
  fprocess: {
    description: 'The program that the watchdog of the image starts. Without it, the template’s.',
    examples: ['node index.js'],
  },
  environment: {
    description: 'Environment variables, NAME: value. Never for passwords: name a secret instead.',
    examples: [{ LOG_LEVEL: 'debug' }],
  },
  environment_file: {
    description:
      'YAML files with a map environment: of their own, relative to this file. They win over environment, later ones over earlier.',
    examples: [['env.yml']],
  },
  secrets: {
    description: 'Names of secrets of the gateway. The function reads each as the file /var/openfaas/secrets/NAME.',
    examples: [['database-password']],
  },
  skip_build: {
    description: 'true: the image exists already and is only deployed, for example one of the function store.',
  },
  constraints: {
    description: 'Labels that a node must have to run the function, as name=value (Kubernetes).',
    examples: [['kubernetes.io/arch=arm64']],
  },
  labels: {
    description:
      'Labels of the function, for selecting and scaling. Values: letters, digits, ".", "_", "-", at most 63 characters.',
    examples: [{ 'com.openfaas.scale.min': '1', 'com.openfaas.scale.max': '3' }],
  },
  annotations: {
    description:
      'Annotations of the function: any text. topic: cron-function with schedule: "*/5 * * * *" has the cron-connector call it.',
    examples: [{ topic: 'cron-function', schedule: '*/5 * * * *' }],
  },
  limits: {
    description: 'The most that a replica may use. Beyond its memory it is ended, beyond its cpu slowed down.',
  },
  requests: { description: 'What a node must have free to be given a replica.' },
  readonly_root_filesystem: {
    description: 'true: the function may write to /tmp only. Spares the SD card, and stops many an intruder.',
  },
  build_options: {
    description: 'Names of build_options of the template (sets of packages that are installed into the image).',
    examples: [['dev']],
  },
  build_args: {
    description: 'Build arguments (ARG in the Dockerfile), NAME: value.',
    examples: [{ GO111MODULE: 'on' }],
  },
  build_secrets: {
    description:
      'Secrets of the build, id: file. The Dockerfile reads them with RUN --mount=type=secret,id=…; they stay in no layer.',
    examples: [{ npmrc: '.secrets/npmrc' }],
  },
  namespace: {
    description:
      'Namespace of the function. -n and a target’s namespace come before it; without any it is the provider’s (openfaas-fn).',
    examples: ['openfaas-fn'],
  },
  platforms: {
    description:
      'Platforms that the image is built for, as a list or with commas. Without it: x-bantam.platforms, else linux/amd64, linux/arm64 and linux/arm/v7.',
    examples: ['linux/arm64,linux/arm/v7'],
  },
  'x-bantam': { description: 'Settings of bantam for this function; faas-cli passes over them.' },
};

export const functionExtensionTexts: TextsOf<typeof functionExtensionSchema> = {
  platforms: {
    description:
      'The same as platforms of the function, for files that plain faas-cli reads, too. Give one of the two.',
    examples: [['linux/arm64', 'linux/arm/v7']],
  },
  probe: {
    description:
      'A path that may be asked after a deployment to see whether the function answers, for images whose runtime is not bantam’s. Its handler is called, so name a path without effects.',
    examples: ['/healthz'],
  },
};

export const stackExtensionTexts: TextsOf<typeof stackExtensionSchema> = {
  platforms: {
    description: 'Platforms of all functions that name none of their own.',
    examples: ['linux/arm64,linux/arm/v7'],
  },
  targets: {
    description:
      'Places this stack goes to, by name: bantam fn deploy -t NAME, or $BANTAM_TARGET. A name: lower-case letters, digits and hyphens.',
    examples: [{ pi: { gateway: 'http://pi-0.lan:31112', registry: 'pi-0.lan:5000' } }],
  },
};

export const targetTexts: TextsOf<typeof targetSchema> = {
  gateway: {
    description:
      'Address of the target’s gateway. Only -g comes before it. Credentials: bantam login -t NAME, or $BANTAM_GATEWAY_PASSWORD_NAME.',
    examples: ['http://pi-0.lan:31112'],
  },
  registry: {
    description:
      'Takes the place of all before the last part of each image’s name; tags stay. registry[:port][/path], without http://. Functions with skip_build keep their image.',
    examples: ['pi-0.lan:5000', 'ghcr.io/me'],
  },
  namespace: {
    description: 'Namespace of all functions at this target. Only -n comes before it.',
    examples: ['staging'],
  },
  platforms: {
    description: 'Platforms that images for this target are built for. Only --platform comes before it.',
    examples: ['linux/arm64'],
  },
};

export const resourceTexts: TextsOf<typeof resourcesSchema> = {
  memory: { description: 'Bytes, as a quantity of Kubernetes: 64Mi, 1Gi, 128M.', examples: ['128Mi'] },
  cpu: { description: 'Cores, as a quantity of Kubernetes: 0.5 or 500m is half a core.', examples: ['100m'] },
};

export const configurationTexts: TextsOf<typeof configurationSchema> = {
  templates: { description: 'Templates and the git repositories they come from.' },
  copy: {
    description: 'Folders and files, relative to this file, that every function’s build gets a copy of.',
    examples: [['./shared']],
  },
};

export const templateSourceTexts: TextsOf<typeof templateSourceSchema> = {
  name: { description: 'Name of the template: the folder in template/.', examples: ['node22'] },
  source: {
    description: 'Address of the git repository, with #BRANCH or #TAG. Without it, the template store’s.',
    examples: ['https://github.com/openfaas/templates'],
  },
};
