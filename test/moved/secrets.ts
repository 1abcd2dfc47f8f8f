/** The secrets that the functions read, by name. */
export const secrets: Readonly<Record<string, string>> = {
  'webhook-secret': 'it is a secret to everybody\n',
  'contact-recipient': 'office@example.com\n',
  'orders-api-key': 'k3y',
  'notes-key': 'sign here\n',
};
