import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cached } from './cache.ts';
import { Archives, debianReason, ownArchitecture } from './debian.ts';
import { run } from './program.ts';

/** A browser that can be driven, with the environment and the arguments it needs here. */
export interface Chromium {
  readonly program: string;
  readonly arguments: readonly string[];
  /** Added to this process's own environment. */
  readonly environment: Readonly<Record<string, string>>;
  readonly version: string;
}

/**
 * What the program links to, all the way down, except the C and C++ libraries: those must be the machine's, and every one that has apt has them.
 * NSS loads libsqlite3 by name. The fonts make texts equally wide on every machine.
 */
const packages = [
  'chromium-headless-shell chromium-common fonts-dejavu-core libsqlite3-0',
  'libasound2 libasyncns0 libatk1.0-0 libatspi2.0-0 libblkid1 libbrotli1 libbsd0 libcap2 libdav1d6 libdbus-1-3 libdouble-conversion3 libdrm2',
  'libexpat1 libffi8 libflac12 libfontconfig1 libfreetype6 libgbm1 libgcrypt20 libglib2.0-0 libgpg-error0 libgraphite2-3 libharfbuzz-subset0',
  'libharfbuzz0b libjpeg62-turbo liblcms2-2 liblz4-1 liblzma5 libmd0 libminizip1 libmount1 libmp3lame0 libmpg123-0 libnspr4 libnss3 libogg0',
  'libopenh264-7 libopenjp2-7 libopus0 libpcre2-8-0 libpng16-16 libpulse0 libselinux1 libsndfile1 libsystemd0 libudev1 libvorbis0a libvorbisenc2',
  'libwayland-server0 libx11-6 libx11-xcb1 libxau6 libxcb1 libxcomposite1 libxdamage1 libxdmcp6 libxext6 libxfixes3 libxi6 libxkbcommon0',
  'libxnvctrl0 libxrandr2 libxrender1 libzstd1 zlib1g',
].flatMap((line) => line.split(' '));

/**
 * Chromium: the one that `BANTAM_CHROMIUM` names, else Debian's headless shell, unpacked into the bed's cache and not installed (about 100 MB, once).
 * Throws an Error whose message says why there is none.
 */
export async function provideChromium(report: (line: string) => void, signal?: AbortSignal): Promise<Chromium> {
  const named = process.env['BANTAM_CHROMIUM'];
  if (named !== undefined && named !== '') {
    if (!existsSync(named)) throw new Error(`BANTAM_CHROMIUM names ${named}, and there is no such file`);
    return await describe(named, {});
  }
  const reason = await debianReason();
  if (reason !== undefined) throw new Error(`BANTAM_CHROMIUM names no browser, and unpacking Debian's ${reason}`);
  const { folder } = await cached('chromium', { packages, architecture: ownArchitecture(), layout: 2 }, (target) =>
    unpack(target, report, signal),
  );
  const libraries = join(folder, 'usr/lib', ownArchitecture() === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu');
  return await describe(join(folder, 'usr/lib/chromium/chromium-headless-shell'), {
    LD_LIBRARY_PATH: [libraries, join(libraries, 'pulseaudio'), libraries.replace('/usr/lib/', '/lib/')].join(':'),
    FONTCONFIG_FILE: join(folder, 'fonts.conf'),
    // The configuration's folder for what it found out of the fonts is below this one; else it would be the working folder.
    XDG_CACHE_HOME: folder,
  });
}

async function unpack(folder: string, report: (line: string) => void, signal: AbortSignal | undefined) {
  report("downloading Debian's headless Chromium and its libraries (about 100 MB)");
  const archives = new Archives(signal);
  try {
    const versions = await archives.unpack('bookworm', packages, folder);
    for (const idle of ['doc', 'man', 'locale', 'lintian', 'bug', 'icons'])
      await rm(join(folder, 'usr/share', idle), { recursive: true, force: true });
    await writeFile(
      join(folder, 'fonts.conf'),
      '<?xml version="1.0"?><fontconfig><dir prefix="relative">usr/share/fonts</dir><cachedir prefix="xdg">font-cache</cachedir></fontconfig>\n',
    );
    return versions;
  } finally {
    await archives.close();
  }
}

/** Root may not use the browser's own sandbox; what the tests open is our own page on loopback. */
async function describe(program: string, environment: Readonly<Record<string, string>>): Promise<Chromium> {
  const version = await run(program, ['--version', '--no-sandbox'], { environment, timeout: 60_000 });
  const root = process.getuid?.() === 0;
  return { program, environment, version, arguments: root ? ['--no-sandbox'] : [] };
}
