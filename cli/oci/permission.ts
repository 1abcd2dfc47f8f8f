/**
 * Why the image's user may not start a file that is not executable by all; undefined if it may. Root may start what anybody may. Names of users
 * stand in the image's /etc/passwd, which is not read: for those nobody can tell.
 */
export function explainForbidden(
  restricted: { readonly user: number; readonly group: number; readonly mode: number } | undefined,
  user: string,
): { readonly why: string; readonly certain: boolean } | undefined {
  if (restricted === undefined) return undefined;
  const [name = '', group] = user.split(':');
  if (name === '' || name === 'root' || name === '0') return undefined;
  const mode = `0${restricted.mode.toString(8).padStart(3, '0')}`;
  const why = `has mode ${mode} and belongs to ${restricted.user}:${restricted.group}, and the image runs as ${user}`;
  if (!/^\d+$/.test(name) && (restricted.mode & 0o001) !== 0) return undefined;
  if (!/^\d+$/.test(name) || (group !== undefined && !/^\d+$/.test(group))) return { why, certain: false };
  const bit = Number(name) === restricted.user ? 0o100 : Number(group ?? 0) === restricted.group ? 0o010 : 0o001;
  if ((restricted.mode & bit) !== 0) return undefined;
  // Without a group here, the user's groups come from /etc/passwd and /etc/group.
  return { why, certain: group !== undefined || (restricted.mode & 0o010) === 0 || Number(name) === restricted.user };
}
