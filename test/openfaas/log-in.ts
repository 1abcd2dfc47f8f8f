// Saves one login, as one bantam among many: node --import tsx log-in.ts FOLDER NUMBER
import { saveCredentials } from '../../cli/openfaas/credentials.ts';

const [, , folder = '', number = ''] = process.argv;
await saveCredentials(
  `http://pi-${number}:8080`,
  { user: 'admin', password: `secret-${number}` },
  { environment: { OPENFAAS_CONFIG: folder }, home: '/nowhere', workingFolder: '/' },
);
