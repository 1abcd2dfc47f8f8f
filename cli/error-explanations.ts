import type { ErrorCode } from './errors.ts';

/** What the message of one occurrence cannot say: when it happens at all, and the ways out. Two or three sentences, Markdown. */
export interface ErrorExplanation {
  readonly when: string;
  readonly remedy: string;
}

/** The texts of docs/errors.md (`npm run docs`). Never loaded by a command: the messages say what matters where it happens. */
export const errorExplanations = {
  'BAN-E001': {
    when: 'A word, an option or a value on the command line is not known, or an environment variable that belongs together with another one stands alone.',
    remedy: '`--help` after the command shows what it takes, with examples.',
  },
  'BAN-E002': {
    when: 'No function of the stack file, or of the gateway, has a name that was given.',
    remedy: 'The hint names what is close; `bantam fn list` shows all. Names are case-sensitive.',
  },
  'BAN-E003': {
    when: 'The file system refuses: no permission, a full disk, a read-only folder, a path that is not there.',
    remedy: 'The message holds the path and the reason; the hint the system call that failed.',
  },
  'BAN-E004': {
    when: 'Another bantam holds the lock of the same file or folder for longer than a moment.',
    remedy: 'Let it finish, or end it. If none is running, the hint names the lock to remove.',
  },
  'BAN-E101': {
    when: 'There is no `stack.yaml` or `stack.yml` here or in a folder above (up to the root of the git repository, else the home folder), or the file named with `-f` is not there.',
    remedy: '`bantam fn new NAME --lang ts` begins one; `-f FILE` names one elsewhere.',
  },
  'BAN-E102': {
    when: 'The stack file cannot be read as one: YAML that does not parse, unknown or missing keys, values of a wrong kind, variables that are not set. All problems are listed at once, each with line and column.',
    remedy:
      'Mend the named places. Close misspellings of known keys come with a suggestion; keys of your own start with `x-`.',
  },
  'BAN-E103': {
    when: 'The name of a function must be a DNS label: lower-case letters, digits and hyphens, 63 characters at most, beginning and ending with a letter or digit.',
    remedy: 'Take another name; the hint makes a suggestion.',
  },
  'BAN-E104': {
    when: '`fn new` would have to overwrite a function of the stack file or a folder that is there.',
    remedy: 'Choose another name, or remove the old function first.',
  },
  'BAN-E105': {
    when: 'A function’s `handler:` names a folder that does not exist, or none at all.',
    remedy:
      'Correct the path (it is relative to the stack file), or declare `skip_build: true` if there is nothing to build.',
  },
  'BAN-E108': {
    when: '`-t` or `$BANTAM_TARGET` names a target that `x-bantam.targets` of the stack file does not have, or there is no stack file. Nothing was done: without the target it would have been done to another cluster.',
    remedy:
      'The hint names what is close, or all there are. [settings.md](settings.md#targets) shows how to declare one.',
  },
  'BAN-E109': {
    when: 'With the registry of the target in place of their own, two functions that are built from different sources would be pushed as one image.',
    remedy:
      'A target’s `registry` replaces all before the last part of an image’s name: give the functions different last parts.',
  },
  'BAN-E111': {
    when: 'A function’s `lang:` names a template that is neither in the project’s `template/` folder nor one of bantam’s own.',
    remedy:
      'Correct the name, or bring the template: `bantam template pull URL LANG`. See [templates.md](templates.md).',
  },
  'BAN-E112': {
    when: 'A template’s folder lacks its Dockerfile, its `template.yml` does not hold what it should, or it has what no project may take: a link that leads out of its repository, two names that are one where upper and lower case are the same, a `.git`. Also said of a lock file (`template/.bantam.json`) that cannot be read.',
    remedy: 'Pull the template again, or mend the named file.',
  },
  'BAN-E113': {
    when: 'Templates come from git repositories: an `https`, `http`, `ssh`, `git+ssh` or `git` address, `git@HOST:PATH`, or a path on this machine, each with `#BRANCH`, `#TAG` or `#sha-COMMIT`. Other ways that git knows (`ext::`, `file://`) are not taken: some of them run programs.',
    remedy: 'Write the address as `git clone` takes it, or the path itself.',
  },
  'BAN-E114': {
    when: 'git could not read a source of templates: the host does not answer, there is no repository, it is far too large, or what was kept of it is damaged.',
    remedy:
      'The lines below the message are git’s own; `git ls-remote ADDRESS` asks the same question. What is in `template/`, or was pulled before on this machine, needs no network.',
  },
  'BAN-E115': {
    when: 'The host of a source wants credentials, or does not take those it got. Many hosts answer so, too, where there is no such repository. bantam never waits for a password to be typed.',
    remedy:
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the user's own variable.
      'Check the address. Give git credentials: a credential helper, an ssh key, or a token in the address (`https://${TOKEN}@HOST/…`), which is neither shown nor written anywhere.',
  },
  'BAN-E116': {
    when: 'The repository has no folder `template` at its root, no template of that name in it, or no such branch, tag or commit.',
    remedy: 'The hint says what it has.',
  },
  'BAN-E117': {
    when: 'A project’s copy of a template is not what `template/.bantam.json` says. Editing it is allowed, so builds go on; `template verify` fails, and `template pull` does not write over it without being told to.',
    remedy:
      '`bantam template verify` names the files. `bantam template pull NAME --overwrite` brings back what is locked; to keep the edit, leave it as it is.',
  },
  'BAN-E201': {
    when: 'Building images and `bantam local up` need the program `docker`, and there is none on the PATH.',
    remedy: 'Install Docker Engine: `apt install docker.io docker-buildx` on Debian, or the packages of Docker itself.',
  },
  'BAN-E202': {
    when: 'The program `docker` is there, but no engine answers it: not started, another DOCKER_HOST, or this user may not talk to it.',
    remedy:
      '`sudo systemctl start docker`; `sudo usermod -aG docker $USER` and a new login; `bantam doctor` looks at both.',
  },
  'BAN-E203': {
    when: 'Images are built with `docker buildx`, and docker does not know that command.',
    remedy: 'Install `docker-buildx` (Debian) or `docker-buildx-plugin` (the packages of Docker itself).',
  },
  'BAN-E204': {
    when: 'The engine keeps images in its classic store, which holds one platform of an image.',
    remedy: '`--own-builder` makes a builder that can; or switch the engine to the containerd image store.',
  },
  'BAN-E205': {
    when: 'The Dockerfile runs a program of another processor while it builds, and this machine has no emulation for it.',
    remedy:
      'Install QEMU’s handlers (`apt install qemu-user-static`), build on a native builder, or choose `--platform`.',
  },
  'BAN-E206': {
    when: 'A step of the Dockerfile failed. The last lines of its output come with the error.',
    remedy: '`-v` shows the whole output of the build.',
  },
  'BAN-E207': {
    when: 'The compiler or bundler found mistakes in the handler’s code. They come with file, line and column.',
    remedy: 'Mend the named places.',
  },
  'BAN-E208': {
    when: 'The image that was built lacks a platform that was asked for. What else is wrong with it is told at once, as BAN-E307.',
    remedy:
      'Look for a fixed platform or architecture in the Dockerfile (`FROM --platform=…`, `GOARCH=…`, a downloaded binary).',
  },
  'BAN-E209': {
    when: 'A platform is written in a way that bantam cannot build for.',
    remedy: 'Write `linux/amd64`, `linux/arm64`, `linux/arm/v7` or `linux/arm/v6`, several with commas.',
  },
  'BAN-E210': {
    when: 'A base image of the Dockerfile does not exist, lacks a platform, or its registry does not hand it out.',
    remedy: 'Check name and tag; `docker login` for private ones; `--build-context NAME=VALUE` replaces a base.',
  },
  'BAN-E211': {
    when: 'The template knows no base image or no compiler for this platform (Node.js 24 has no 32-bit ARM, for example).',
    remedy: 'Choose other platforms for the function, or another template.',
  },
  'BAN-E212': {
    when: '`--tag git` and its like, `--changed` and templates from a repository ask git, and there is none on the PATH.',
    remedy: 'Install git (Debian, Raspberry Pi OS: `apt install git`).',
  },
  'BAN-E213': {
    when: '`build_options` or `-o` names an option that the `template.yml` of the function’s template does not have.',
    remedy: 'The hint names what is close, or all there are.',
  },
  'BAN-E214': {
    when: 'The builder cannot write or read a cache of this kind (the docker driver can only with the containerd image store), several functions would write to the same cache, or the place of the cache refuses.',
    remedy:
      'Switch the engine to the containerd image store, or use another builder: `--own-builder`, `--builder NAME`. [building.md](building.md#caches) shows the kinds.',
  },
  'BAN-E215': {
    when: 'A file of `build_secrets` or `--build-secret` is not there, is a folder, is larger than BuildKit takes (500 KiB), or an environment variable that was named is not set.',
    remedy:
      'Paths in the stack file are relative to it, those of the command line to the working folder. The value is never shown.',
  },
  'BAN-E216': {
    when: 'A path of `configuration.copy` or `--copy-extra` is not there, leads out of the project (through `..` or a link), holds secrets, is the whole project, or would replace another file of a function.',
    remedy:
      'Name a file or folder below the folder of the stack file. [building.md](building.md#code-shared-between-functions) has the rule.',
  },
  'BAN-E217': {
    when: '`--tag` asks for something that git cannot tell (no repository, no commit, no branch), is no tag, or would give two functions the same image.',
    remedy: '[building.md](building.md#tags) lists what `--tag` takes.',
  },
  'BAN-E218': {
    when: '`--changed` compares with a commit that is not there: outside of a repository, with a name that git does not know, or in a shallow clone.',
    remedy:
      'In GitHub Actions: `fetch-depth: 0` for `actions/checkout`. Else name a commit that is there: `--changed=REF`.',
  },
  'BAN-E219': {
    when: '`--builder` names a builder that `docker buildx ls` does not list.',
    remedy: 'Correct the name, or make the builder: [building.md](building.md#builders) has the commands.',
  },
  'BAN-E220': {
    when: 'The function, or an option, needs docker buildx, and bantam’s own builder was to build it (`--builder assemble`): a template of somebody else’s, `lang: dockerfile`, a Dockerfile that was changed and no longer makes what build.json says, `--load`, caches of BuildKit.',
    remedy:
      '`--builder buildx` (or `auto`) builds it where Docker is. [building.md](building.md#without-docker) lists what can be built without.',
  },
  'BAN-E221': {
    when: 'Bantam’s own builder could not read the base image that the template names: no network, or a registry that limits how often it is asked. An image of the function’s own files runs on the process provider of `bantam local up` and nowhere else, so it is neither pushed to another registry nor deployed to another gateway.',
    remedy:
      'Build again where the base image can be had (once is enough: it is kept), or name a mirror: `--build-context BASE=docker-image://REGISTRY/NAME:TAG`.',
  },
  'BAN-E222': {
    when: 'A function in Go is compiled on this machine, by bantam’s own builder or for its tests, and there is no `go` on the PATH.',
    remedy:
      'Install Go (go.dev/dl) in the version that the hint names, or build with Docker, which needs none here: `--builder buildx`.',
  },
  'BAN-E301': {
    when: 'The registry in an image’s name cannot be reached, or does not answer in time.',
    remedy:
      'Check host and port in the image reference and the way to it. Registries without TLS are spoken to on local names, or where BANTAM_INSECURE_REGISTRIES names them.',
  },
  'BAN-E302': {
    when: 'The registry wants other credentials than the ones that Docker’s configuration has for it, or any.',
    remedy: '`docker login REGISTRY`, with an account that may do what was asked.',
  },
  'BAN-E303': {
    when: 'The registry has no image of that name, tag or digest (some registries say so to hide private ones).',
    remedy: 'Check the name; `bantam fn build --push` sends it.',
  },
  'BAN-E304': {
    when: 'The registry answered with a status or a body that the distribution specification does not allow there.',
    remedy: 'The message quotes the answer. A proxy in between, or a full disk of the registry, are the usual reasons.',
  },
  'BAN-E305': {
    when: 'A word is no image reference.',
    remedy: 'Write `[registry[:port]/]name[:tag]`, the name in lower case: `registry.lan:5000/hello:1.0`.',
  },
  'BAN-E306': {
    when: 'A part of the image does not have the digest that names it, is cut short, or cannot be unpacked.',
    remedy: 'Push the image again; if it happens again, check the registry’s disk and what is between.',
  },
  'BAN-E307': {
    when: 'The image would surely not start on a machine of the platform that it names: the program or its dynamic loader is for another processor, is not in the image or not executable; or its configuration names another platform than its index.',
    remedy:
      'The message names the file and what is wrong with it, the hint what to do. [nodes.md](nodes.md) says how the verdict comes about.',
  },
  'BAN-E308': {
    when: 'The registry, or the service that hands out its tokens, answers 429: it counts requests per address or account. Docker Hub does so with everybody who pulls without an account.',
    remedy:
      'Wait as long as the hint says, or log in: an account has an allowance of its own. What bantam has read before is kept by digest and is not read again; whether an image runs is *unknown* until then.',
  },
  'BAN-E309': {
    when: 'An image is to be pushed whose name holds no registry: `hello:latest` means `docker.io/library/hello`, and only Docker pushes there. It is said before anything is built.',
    remedy:
      'Put a registry that your cluster pulls from in front of it (`registry.lan:5000/hello:latest`), or your account (`docker.io/USER/hello`), or name a target whose `registry` does so. `--prefix` or `OPENFAAS_PREFIX` does it for new functions.',
  },
  'BAN-E401': {
    when: 'Nothing answers at the gateway’s address: refused, timed out, no such name, a certificate that is not trusted.',
    remedy: 'Check `--gateway`, the port forward and the cluster; `bantam doctor` asks it.',
  },
  'BAN-E402': {
    when: 'The gateway wants a login, or another one.',
    remedy: '`bantam login --gateway URL`; in CI, BANTAM_GATEWAY_USER and BANTAM_GATEWAY_PASSWORD.',
  },
  'BAN-E403': {
    when: 'Something answers at the address, and it is no OpenFaaS gateway: a web page, a redirect, another protocol.',
    remedy: 'Check the address; often it is the port of another program, or https instead of http.',
  },
  'BAN-E404': {
    when: 'The gateway has no function of that name in that namespace.',
    remedy: '`bantam fn list` shows what it has; `-n` names another namespace.',
  },
  'BAN-E405': {
    when: 'The gateway answered with a failure of its own, or cannot reach its provider.',
    remedy: 'The message quotes the answer. Look at the gateway’s and the provider’s logs.',
  },
  'BAN-E406': {
    when: 'The gateway’s address is not one.',
    remedy: 'Write `http://host:port`, for example `http://pi-0.lan:31112`.',
  },
  'BAN-E409': {
    when: '`bantam login --from-cluster` could not read the secret `basic-auth` or the address of the gateway with kubectl: no kubectl, no connection to the cluster, no permission, no OpenFaaS in that namespace, or a gateway that cannot be reached from outside the cluster.',
    remedy:
      'The message quotes kubectl. `--context`, `KUBECONFIG` and `--openfaas-namespace` choose what is asked; `-g` names an address that the cluster does not know. On a k3s server the configuration is readable for root only; the hint shows how to get a copy.',
  },
  'BAN-E501': {
    when: 'The gateway, or the provider behind it, did not accept the function as it is declared.',
    remedy: 'The message quotes the reason, the hint says what became of the running function.',
  },
  'BAN-E502': {
    when: 'The function was accepted, but the new code, and nothing else, did not answer for long enough before the time was up. The last lines of its log come with the error.',
    remedy: 'Read the log lines; `--timeout` waits longer for a slow start.',
  },
  'BAN-E503': {
    when: 'The image a function names is not in its registry, or not all of it.',
    remedy: '`bantam fn build --push`, or deploy without `--no-build`.',
  },
  'BAN-E504': {
    when: 'While this deployment was waited for, the gateway began to run another one.',
    remedy: 'Find out who else deploys: another terminal, a workflow. Deploy again if yours shall win.',
  },
  'BAN-E505': {
    when: 'The image has no platform for the machine that the gateway says it runs on, or what it has surely does not start there.',
    remedy:
      'Build with that platform, or mend what the message names; `--force` deploys all the same on a cluster of several architectures.',
  },
  'BAN-E506': {
    when: 'The stack file gives the function a secret that the gateway does not have. Where the gateway lists all of its secrets, nothing was sent.',
    remedy: '`bantam secret create NAME`, in the function’s namespace.',
  },
  'BAN-E507': {
    when: 'The deployment was accepted, but what answers cannot be told from the code before (a template of somebody else’s), and the gateway did not report it as running in time.',
    remedy: 'Look at the function’s log; `x-bantam.probe` names a path to ask.',
  },
  'BAN-E601': {
    when: 'Another program listens at the port that `bantam local up` wants.',
    remedy: '`--port N` takes another one; port 0 any free one.',
  },
  'BAN-E602': {
    when: 'The engine cannot start a container of the image: no such platform, no such program, no memory left.',
    remedy: 'The message quotes the engine.',
  },
  'BAN-E603': {
    when: 'The container runs, but the function in it did not answer its health check in time, or ended.',
    remedy: 'The last lines of its log come with the error.',
  },
  'BAN-E604': {
    when: 'A secret is to have a name that Kubernetes does not allow: lower-case letters, digits, `-` and `.`, at most 253 of them.',
    remedy: 'The hint proposes a name. In the stack file the function names the secret in the same way.',
  },
  'BAN-E605': {
    when: '`secret create` found a secret of that name. Nothing was sent, since faasd would have written over it without a word.',
    remedy: '`bantam secret update NAME` gives it a new value; so does `--replace`.',
  },
  'BAN-E606': {
    when: 'The gateway has no secret of that name in this namespace.',
    remedy: '`bantam secret list` shows what is there; `bantam secret create NAME` makes one.',
  },
  'BAN-E607': {
    when: 'The gateway did not take the change of a secret. The message quotes what it said, without the value.',
    remedy:
      'Look at the log of the gateway and of its provider: a full disk, no right to write secrets, another namespace.',
  },
  'BAN-E608': {
    when: 'A secret that is to be removed is used by a deployed function, or nobody can tell whether it is. No provider refuses that; the next replica of the function could not start.',
    remedy: 'Remove the function first, or take the secret out of it; `--yes` removes the secret all the same.',
  },
  'BAN-E609': {
    when: 'The value of a secret is empty, white space only, larger than 1 MiB, or is to come from a variable that is not set.',
    remedy:
      '`--from-file`, `--from-env` with the name of an exported variable, or standard input; `--no-trim` keeps white space.',
  },
  'BAN-E610': {
    when: 'The local gateway’s process provider runs images as you, without a container around them, and no `bantam fn build` of yours made this one.',
    remedy:
      'Build it here, or trust all images that are deployed: `bantam local up --trust`. `--provider docker` puts a container around them.',
  },
  'BAN-E611': {
    when: 'The local gateway’s process provider could not start a function’s program, or the program ended by itself: its exit code, a signal, or more memory than its limit (out of memory).',
    remedy: 'The message says which; the last lines of its log come with the error.',
  },
  'BAN-E612': {
    when: 'An image of another template than bantam’s, or one for another system, cannot run as a plain process: it expects its own root folder, and this machine does not let users make one (user namespaces), or is no Linux.',
    remedy: '`bantam local up --provider docker`, or the template bantam-ts or bantam-go.',
  },
  'BAN-E613': {
    when: 'A layer of the image cannot be written into the local gateway’s folder: no space is left, it holds devices, or names that lead out of the image or differ in upper and lower case only on a disk that does not tell these apart.',
    remedy: 'The message says which. Nothing half-written stays.',
  },
  'BAN-E620': {
    when: 'The local gateway was to listen on an address that no network interface of this machine has, or on a name that leads to none.',
    remedy: 'Take one that `ip address` shows, or leave it out to listen on 127.0.0.1.',
  },
  'BAN-E625': {
    when: 'What the local gateway keeps in `.bantam/store` (deployed functions, asynchronous calls) cannot be read, for example after the disk failed.',
    remedy: 'Move the folder away and start the gateway; deploy the functions again. Secrets and images are not in it.',
  },
  'BAN-E626': {
    when: 'The local gateway cannot write into `.bantam/store`: the disk is full or read-only, or the folder is another user’s. What was asked for is not kept, and the client was told so.',
    remedy: 'Make room, or give the folder back to yourself. A running gateway tries again by itself.',
  },
  'BAN-E627': {
    when: '`local status` or `local down` found no running local gateway of this project.',
    remedy:
      '`bantam local up` starts one. It belongs to the folder of the stack file: look whether you are in the right project.',
  },
  'BAN-E628': {
    when: '`local up --detach` started a gateway in the background, and it ended, or did not answer in time.',
    remedy:
      'Its last words come with the error; all of them are in `.bantam/local.log`. Without `--detach` it says them on the terminal.',
  },
  'BAN-E629': {
    when: '`local down` asked the local gateway to stop, and then ended it by force, and its process is still there.',
    remedy: 'It hangs in the system (a disk or a network folder that does not answer), or belongs to another user.',
  },
  'BAN-E630': {
    when: '`local up` was asked to answer `--as` a provider that it does not know, or with `--ce` as one that has no Community Edition.',
    remedy: '`--as faas-netes` (the default; `--ce` adds the limits of its Community Edition) or `--as faasd`.',
  },
  'BAN-E635': {
    when: 'The local gateway cannot read or write the folder of its registry, `.bantam/registry` of the project: it belongs to somebody else, is no folder, or its disk is full.',
    remedy:
      'Make it yours, or free space. With the gateway stopped the folder may be removed; what is deployed then has to be pushed again.',
  },
  'BAN-E640': {
    when: 'A unit test of a function failed, or the process of its tests did not end as one of tests does: `process.exit`, an error outside of a test.',
    remedy:
      'The message names file and line, with what was expected and what came. `-v` shows all that the tests wrote.',
  },
  'BAN-E641': {
    when: 'A function’s process does not do what all functions promise: say who answers, be healthy and ready without its handler, end in time. Usually code outside of the handler is the reason: a signal handler, `process.exit`, a port of its own.',
    remedy:
      'The message says what was expected and what came; docs/runtime.md has the promises. A template that was changed may break them, too: `bantam template verify`.',
  },
  'BAN-E642': {
    when: 'A function answered a request of `tests/NAME.http.yml`, but not with what stands there, or not in time.',
    remedy: 'The message names the line of the expectation. Secrets are shown as `[secret]`.',
  },
  'BAN-E643': {
    when: 'A file of examples, `tests/NAME.http.yml`, is no YAML, has unknown keys or wrong values, or names a file that is not there.',
    remedy:
      'Everything wrong is listed with line and column; docs/testing.md shows what a file may hold, and editors know its schema.',
  },
  'BAN-E644': {
    when: 'The function was built, but its process ended before it was ready, or was not ready after 20 seconds: what stands outside of the handler failed or goes on without end.',
    remedy:
      'The last lines of its log come with the error. What it needs at its start comes from `environment:` of the stack file and from files in `tests/secrets/`.',
  },
  'BAN-E645': {
    when: 'The unit tests could not be run at all: they do not compile, or what they import (mocha, a package) is not installed.',
    remedy: 'Correct the lines named in the message, or run `npm install` in the function’s folder.',
  },
  'BAN-E646': {
    when: 'A unit test did not end within `--timeout` (60 seconds unless told otherwise), and was ended.',
    remedy: 'The message names the test that was running. `--timeout` gives tests more time.',
  },
} as const satisfies Record<ErrorCode, ErrorExplanation>;
