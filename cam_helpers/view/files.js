/* Is a file a usable picture? Where it is not, a sentence for the reader. */

const MOST_PIXELS = 60e6; // 240 MB in memory
const LEAST_SIDE = 8;
const LARGEST_RATIO = 20; // a longer strip would grow too large when its short side is resized

/** Raise an error with a sentence for the reader where a file is no usable picture. */
export async function check(file) {
  const name = file.name || "This picture";
  const bytes = new Uint8Array(await file.arrayBuffer());
  if (!bytes.length) throw new Error(`${name} is empty: choose another file.`);
  const start = new TextDecoder("latin1").decode(bytes.subarray(0, 1000));
  if (/<svg/i.test(start))
    throw new Error(`${name} is a drawing in SVG, not made of pixels. Save it as PNG first.`);
  const { width, height } = await sizeOf(file, name, start);
  const [short, long] = [Math.min(width, height), Math.max(width, height)];
  let fault = "";
  if (width * height > MOST_PIXELS) fault = "too large: make it smaller first";
  else if (short < LEAST_SIDE) fault = "too small";
  else if (long > short * LARGEST_RATIO) fault = "too long and narrow for a square crop";
  if (fault) throw new Error(`${name} has ${width} × ${height} pixels, which is ${fault}.`);
  if (isCutShort(bytes, start))
    throw new Error(`${name} is damaged or cut short. Copy it again.`);
}

/** The size of a picture, known before it is decoded. */
async function sizeOf(file, name, start) {
  const image = new Image();
  image.src = URL.createObjectURL(file);
  try {
    await new Promise((resolve, reject) =>
      Object.assign(image, { onload: resolve, onerror: reject }),
    );
  } catch {
    const isHeic = /^ftyp(hei|hev|mif|msf)/.test(start.slice(4));
    const advice = isHeic
      ? "is a HEIC picture, which this browser cannot open. Save it as JPEG first."
      : "is no picture that this browser can open. JPEG, PNG, WebP and GIF work in all of them.";
    throw new Error(`${name} ${advice}`);
  } finally {
    URL.revokeObjectURL(image.src);
  }
  return { width: image.naturalWidth, height: image.naturalHeight };
}

/** Browsers show the upper part of a file that is cut short; what must end it is missing. What
    follows the end, as the film of a telephone's motion photo, does not count. */
function isCutShort(bytes, start) {
  if (start.startsWith("\xff\xd8")) return !endsAsJpeg(bytes);
  const view = new DataView(bytes.buffer);
  if (start.startsWith("PNG", 1)) {
    let at = 8;
    while (at + 12 <= bytes.length && view.getUint32(at + 4) !== 0x49454e44) // "IEND"
      at += view.getUint32(at) + 12;
    return at + 12 > bytes.length;
  }
  return start.startsWith("RIFF") && bytes.length < view.getUint32(4, true); // WebP
}

/** Walk from segment to segment, each with its length, up to the end of the picture. */
function endsAsJpeg(bytes) {
  let at = 2;
  while (at + 3 < bytes.length || bytes[at + 1] === 0xd9) {
    const marker = bytes[at + 1];
    if (bytes[at] !== 0xff) at += 1;
    else if (marker === 0xd9) return true;
    else if (marker === 0xff) at += 1;
    else {
      at += 2 + bytes[at + 2] * 256 + bytes[at + 3];
      // After the start of a scan come its pixels: up to the next 0xff that is no pixel's.
      if (marker === 0xda)
        while (at < bytes.length && !(bytes[at] === 0xff && isMarker(bytes[at + 1]))) at += 1;
    }
  }
  return false;
}

const isMarker = (byte) => byte !== 0 && !(byte >= 0xd0 && byte <= 0xd7);
