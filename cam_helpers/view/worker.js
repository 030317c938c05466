/* The part of the page that runs beside it: it opens pictures and runs networks, so that the page
   never stands still. One question comes in, one answer goes out, in order. */

import {
  coverSpots,
  hookFeatures,
  loadNetwork,
  mirror,
  prepare,
  scoresOf,
  seen,
  sharedLimit,
} from "./engine.js";

const networks = {};
const JOBS = { load, explain, explainMirrored, explainCovered };
const MOST_PIXELS = 16e6; // of a larger picture a device may not have the memory twice
const SHORT_SIDE = 1792; // four times what is drawn on

// Questions wait for the one before: the first needs its network loaded.
let last = Promise.resolve();
onmessage = ({ data: { job, ...question } }) => {
  last = last.then(async () => {
    try {
      postMessage({ answer: await JOBS[job](question) });
    } catch (error) {
      postMessage({ error: error.message });
    }
  });
};

/** Load a network, and tell the page all of it but the layers. */
async function load({ name, description, gzip }) {
  const packed = Uint8Array.from(atob(gzip), (letter) => letter.charCodeAt(0));
  const numbers = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  networks[name] = loadNetwork(description, await new Response(numbers).arrayBuffer());
  return { ...networks[name], layers: [] };
}

/** Run a network on a picture file; tell also what it saw, and that twice as large to draw on. */
async function explain({ network: name, file }) {
  const network = networks[name];
  const picture = await pixels(file);
  const crop = seen(picture, network.short, network.side);
  const large = seen(picture, network.short * 2, network.side * 2);
  return { crop, large, ...run(network, crop) };
}

/** The same for what the network saw, as a mirror shows it. */
function explainMirrored({ network: name, crop }) {
  const mirrored = mirror(crop);
  return { crop: mirrored, ...run(networks[name], mirrored) };
}

/** The same for what the network saw, with grey disks on it. */
function explainCovered({ network: name, crop, spots }) {
  return { crop, ...run(networks[name], coverSpots(crop, spots)) };
}

function run(network, crop) {
  const tell = (share) => postMessage({ share });
  const featureMaps = hookFeatures(network, prepare(network, crop), tell);
  const limit = sharedLimit(network, featureMaps);
  return { featureMaps, limit, scores: scoresOf(network, featureMaps) };
}

/** A very large picture, made smaller before anything is copied. */
async function shrunk(picture) {
  const { width, height } = picture;
  if (width * height <= MOST_PIXELS) return picture;
  const share = SHORT_SIDE / Math.min(width, height);
  const size = { resizeWidth: Math.round(width * share), resizeHeight: Math.round(height * share) };
  return createImageBitmap(picture, { ...size, resizeQuality: "high" });
}

/** The pixels of a picture file, upright, on white where it is transparent. */
async function pixels(file) {
  const picture = await createImageBitmap(file).then(shrunk).catch(() => {
    throw new Error("This picture is damaged, or too large for this device.");
  });
  const { width, height } = picture;
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.drawImage(picture, 0, 0);
  picture.close();
  return context.getImageData(0, 0, width, height);
}
