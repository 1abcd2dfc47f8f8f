import fc from 'fast-check';
import { isDigest } from '../../../cli/oci/digest.ts';
import { formatPlatform, parsePlatform } from '../../../cli/oci/platform.ts';
import { formatReference, parseReference } from '../../../cli/oci/reference.ts';
import { parseGatewayAddress } from '../../../cli/openfaas/address.ts';
import { readBasicToken } from '../../../cli/openfaas/authorization.ts';
import { isSecretName, requireSecretName } from '../../../cli/openfaas/secret-name.ts';
import { parseChallenges } from '../../../cli/registry/challenge.ts';
import { endpointOf, parseRegistryNames } from '../../../cli/registry/endpoint.ts';
import { retryAfter } from '../../../cli/registry/sender.ts';
import { checkFunctionName } from '../../../cli/stack/name.ts';
import { fateAtOnce } from '../fate.ts';
import { mutatedText, oddText } from '../mutate.ts';
import { defineTarget } from '../target.ts';

const samples = [
  'registry.lan:5000/team/hello:1.0',
  `127.0.0.1:5000/x@sha256:${'0'.repeat(64)}`,
  `hello:tag@sha256:${'f'.repeat(64)}`,
  '[::1]:5000/a/b',
  'linux/arm/v7',
  'linux/arm64/v8',
  'http://admin:p%40ss@pi-0:31112/gateway/',
  'https://[fe80::1]/',
  'Bearer realm="https://auth.lan/token?x=\\"y\\"",service="registry",scope="a,b", Basic realm=x',
  'Wed, 21 Oct 2026 07:28:00 GMT',
  'YWRtaW46cGFzcw==',
  'https://gateway.example:8443/x/y?z=%20#f',
  'my.secret-name',
];

/** Everything that is one word: references, platforms, digests, addresses, names, headers. */
export const names = defineTarget<string>({
  name: 'names',
  inputs: fc.oneof(mutatedText(samples, 6), oddText),
  show: (text) => JSON.stringify(text),
  attempt(text) {
    parseChallenges(text);
    parseRegistryNames(text);
    readBasicToken(text);
    const pause = retryAfter(text);
    if (Number.isNaN(pause) || pause < 0) throw new Error(`a pause of ${pause}`);
    if (isDigest(text) && !/^sha(256|512):[0-9a-f]+$/.test(text)) throw new Error('no digest');
    if (isSecretName(text) && (/[/\\\s]|\.\./.test(text) || text === '.'))
      throw new Error('a name that leaves its folder');
    const fates = [
      fateAtOnce(() => {
        const reference = parseReference(text);
        const again = parseReference(formatReference(reference));
        if (formatReference(again) !== formatReference(reference))
          throw new Error(`${formatReference(reference)} is read as ${formatReference(again)}`);
        if (/\.\.|\/\/|\s|[A-Z?#]/.test(reference.repository))
          throw new Error(`a repository that leads elsewhere: ${reference.repository}`);
        endpointOf(reference.registry, [], []);
      }),
      fateAtOnce(() => {
        const platform = parsePlatform(text);
        if (formatPlatform(parsePlatform(formatPlatform(platform))) !== formatPlatform(platform))
          throw new Error('another platform');
      }),
      fateAtOnce(() => {
        const address = parseGatewayAddress(text);
        new URL(address.url);
        if (address.login !== undefined && new URL(address.url).username !== '')
          throw new Error(`an address with a login: ${address.url}`);
      }),
      fateAtOnce(() => checkFunctionName(text)),
      fateAtOnce(() => requireSecretName(text)),
    ];
    return fates.includes('accepted') ? 'accepted' : 'refused';
  },
});
