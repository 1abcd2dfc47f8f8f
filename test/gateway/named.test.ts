import { describeGateway } from './suite.ts';
import { gatewayUnderTest } from './target.ts';

if (gatewayUnderTest !== undefined) {
  const named = gatewayUnderTest;
  describeGateway(`the gateway ${named.url}`, async () => ({
    ...named,
    platforms: ['linux/amd64', 'linux/arm64'],
    close: async () => undefined,
  }));
}
