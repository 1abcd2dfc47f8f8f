import { skip } from '../real-parts.ts';
import { describeGateway } from './suite.ts';
import { gatewayUnderTest } from './target.ts';

if (gatewayUnderTest !== undefined) {
  const named = gatewayUnderTest;
  describeGateway(`the gateway ${named.url}`, async () => ({
    ...named,
    platforms: ['linux/amd64', 'linux/arm64'],
    close: async () => undefined,
  }));
} else {
  describe('a gateway of somebody else', () => {
    it('does what the embedded one does', function () {
      skip(this, 'BANTAM_GATEWAY names none (npm run test:gateway)');
    });
  });
}
