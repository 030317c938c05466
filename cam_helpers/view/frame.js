/* The view of numbers that Python laid in, as in a frame of a notebook. */

import { mount } from "./view.js";

/** Whole numbers of 16 bits, times a scale. */
function wholeNumbers({ scale, base64 }) {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  return Float32Array.from(new Int16Array(bytes.buffer), (whole) => whole * scale);
}

/** What Python laid in, as the view takes it. */
export async function shownBy({ picture, maps, scores, biases, channels, ...rest }) {
  const image = new Image();
  image.src = picture;
  await image.decode();
  const { naturalWidth: width, naturalHeight: height } = image;
  const context = new OffscreenCanvas(width, height).getContext("2d");
  context.drawImage(image, 0, 0);
  const cells = maps.height * maps.width;
  const slice = (values, k, length) => values.subarray(k * length, (k + 1) * length);
  const cams = wholeNumbers(maps);
  const features = channels && { ...maps, channels: channels.count, values: wholeNumbers(channels.features) };
  const weights = channels && wholeNumbers(channels.weights);
  return {
    ...rest,
    picture: context.getImageData(0, 0, width, height),
    side: width,
    scores: Float32Array.from(scores),
    biases: Float32Array.from(biases),
    camOf: (k) => ({ channels: 1, height: maps.height, width: maps.width, values: slice(cams, k, cells) }),
    channelsOf: (k) =>
      channels && { weights: slice(weights, k, channels.count), featureMaps: features },
  };
}

/** Fill the frame's body. */
export async function fill(root, { views, start, ...numbers }) {
  const view = mount(root, { views });
  view.show(await shownBy(numbers), start);
}
