// What people drop: files, folders, and archives of a Device OS release (zip, tar, tar.gz). They are taken apart in the
// browser, so that the appliance gets module files alone. Nothing in them is believed: names are for people to read.
import { t } from "./text.js";

const largest = 64 * 1024 * 1024; // unpacked; a whole release of all platforms has less
const module_file = /\.bin$/i;
const archive_file = /\.(zip|tar|tgz|tar\.gz)$/i;

async function unpack(bytes, format) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream(format));
  const parts = [];
  let size = 0;
  for (const reader = stream.getReader(); ;) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.length;
    if (size > largest) throw new Error(t`unpacks to more than a release has`);
    parts.push(value);
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

const text = (bytes) => new TextDecoder().decode(bytes).replace(/\0.*$/s, "");
const base = (path) => path.split(/[\\/]/).at(-1);

// APPNOTE.TXT: the list of files stands at the end, 46 bytes and names for each.
async function zipEntries(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let end = bytes.length - 22;
  while (end >= 0 && view.getUint32(end, true) !== 0x06054b50) end -= 1;
  if (end < 0) throw new Error(t`is no zip archive, or was cut off`);
  const entries = [];
  let total = 0;
  let at = view.getUint32(end + 16, true);
  for (let left = view.getUint16(end + 10, true); left > 0; left -= 1) {
    if (view.getUint32(at, true) !== 0x02014b50) throw new Error(t`has a list of files that cannot be read`);
    const method = view.getUint16(at + 10, true);
    const packed = view.getUint32(at + 20, true);
    const name_length = view.getUint16(at + 28, true);
    const name = text(bytes.subarray(at + 46, at + 46 + name_length));
    const local = view.getUint32(at + 42, true);
    if (module_file.test(name) && !base(name).startsWith("._")) {
      const data = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
      const content = bytes.subarray(data, data + packed);
      if (method !== 0 && method !== 8) throw new Error(t`packs ${base(name)} in a way that browsers cannot unpack`);
      const file = method === 8 ? await unpack(content, "deflate-raw") : content;
      total += file.length;
      if (total > largest) throw new Error(t`unpacks to more than a release has`);
      entries.push(new File([file], base(name)));
    }
    at += 46 + name_length + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
  }
  return entries;
}

// POSIX ustar: a block of 512 bytes for each file, its size in octal digits at 124, and the file in whole blocks.
function tarEntries(bytes) {
  const entries = [];
  for (let at = 0; at + 512 <= bytes.length;) {
    const name = text(bytes.subarray(at, at + 100));
    if (!name) break;
    const digits = text(bytes.subarray(at + 124, at + 136)).trim();
    const size = /^[0-7]+$/.test(digits) ? parseInt(digits, 8) : NaN;
    if (Number.isNaN(size) || at + 512 + size > bytes.length) throw new Error(t`is no tar archive, or was cut off`);
    const is_file = bytes[at + 156] === 0x30 || bytes[at + 156] === 0;
    if (is_file && module_file.test(name) && !base(name).startsWith("._"))
      entries.push(new File([bytes.subarray(at + 512, at + 512 + size)], base(name)));
    at += 512 + 512 * Math.ceil(size / 512);
  }
  return entries;
}

async function entriesOf(file) {
  if (file.size > largest) throw new Error(t`is larger than a release is`);
  let bytes = new Uint8Array(await file.arrayBuffer());
  if (/\.zip$/i.test(file.name)) return zipEntries(bytes);
  if (/gz$/i.test(file.name)) bytes = await unpack(bytes, "gzip");
  return tarEntries(bytes);
}

/**
 * Module files of what was chosen or dropped, those in archives among them. `problems`: a line for each that gave none;
 * `others`: how many files were no modules by their name.
 */
export async function modulesIn(files) {
  const found = { modules: [], problems: [], others: 0 };
  for (const file of files) {
    if (module_file.test(file.name)) found.modules.push(file);
    else if (!archive_file.test(file.name)) found.others += 1;
    else {
      try {
        const entries = await entriesOf(file);
        found.modules.push(...entries);
        if (entries.length === 0) found.problems.push(t`${file.name} has no module file (.bin) in it`);
      } catch (error) {
        found.problems.push(`${file.name} ${error.message}`);
      }
    }
  }
  return found;
}

function filesOf(entry) {
  return new Promise((resolve, reject) => {
    if (entry.isFile) return entry.file((file) => resolve([file]), reject);
    const reader = entry.createReader();
    const all = [];
    // It hands out a hundred at a time, and nothing behind the last.
    const more = () =>
      reader.readEntries((entries) => {
        if (entries.length === 0) return resolve(Promise.all(all).then((lists) => lists.flat()));
        all.push(...entries.map(filesOf));
        more();
      }, reject);
    more();
  });
}

/** The files of a drop, those in folders among them. Call at once: what was dropped is gone behind the event. */
export function filesDropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (entries.length === 0) return Promise.resolve([...transfer.files]);
  return Promise.all(entries.map(filesOf)).then((lists) => lists.flat());
}
