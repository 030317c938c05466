/* Class activation maps in plain JavaScript: the five steps, and what a network needs to run.

   The functions of the steps are namesakes of those in cam_helpers, and give the same numbers.
   Nothing here knows a page, a canvas or a worker: numbers go in, numbers come out.

   A tensor is { channels, height, width, values }: a Float32Array, channel after channel, row
   after row. A map is a tensor of one channel. A picture is { width, height, data }, as a canvas
   gives it: bytes of red, green, blue and opacity, pixel after pixel. A network is what
   `loadNetwork` returns. */

// ---- Step 1: a picture goes in, a score for every class comes out -------------------------------

/** The scores of all classes, before softmax, of an input tensor made by `prepare`. */
export function predict(network, input) {
  return scoresOf(network, hookFeatures(network, input));
}

/** What the network does with its last feature maps: it takes the mean of each, and of those a
    weighted sum for every class. */
export function scoresOf(network, { channels, height, width, values }) {
  const cells = height * width;
  const features = Float32Array.from({ length: channels }, (_, c) =>
    mean({ values: values.subarray(c * cells, (c + 1) * cells) }),
  );
  return network.classifier.bias.map((_, k) => {
    const { weights, bias } = isolateWeights(network, k);
    let score = bias;
    for (let c = 0; c < channels; c++) score += weights[c] * features[c];
    return score;
  });
}

/** Softmax of the scores: positive, and 1 in sum over the classes. */
export function probabilities(scores) {
  const most = scores.reduce((a, b) => Math.max(a, b));
  const powers = Float64Array.from(scores, (score) => Math.exp(score - most));
  const sum = powers.reduce((a, b) => a + b);
  return powers.map((power) => power / sum);
}

// ---- Step 2: a class is one row of the last linear layer ----------------------------------------

/** The weights of class k, one for each channel, and its bias. */
export function isolateWeights({ classifier }, k) {
  const { weights, bias } = classifier;
  const channels = weights.length / bias.length;
  return { weights: weights.subarray(k * channels, (k + 1) * channels), bias: bias[k] };
}

// ---- Step 3: the final feature maps -------------------------------------------------------------

/** Runs all layers up to the last feature maps, those that the network pools, and returns them.
    `tell` hears after each layer how far it is, from 0 to 1. */
export function hookFeatures(network, input, tell = () => {}) {
  const outputs = [input];
  for (const layer of network.layers) {
    const inputs = layer.inputs.map((number) => outputs[number]);
    outputs.push(RUN[layer.op](layer, ...inputs));
    tell((outputs.length - 1) / network.layers.length);
  }
  return outputs.at(-1);
}

// ---- Step 4: weights times feature maps, added up, is the class activation map ------------------

/** The map of one class, in the unit of the score: its mean plus the bias is the score. */
export function weightedSum(weights, { height, width, values }) {
  const cells = height * width;
  const cam = new Float32Array(cells);
  for (let c = 0; c < weights.length; c++) {
    for (let i = 0; i < cells; i++) cam[i] += weights[c] * values[c * cells + i];
  }
  return { channels: 1, height, width, values: cam };
}

/** The mean over the cells of a map. */
export function mean({ values }) {
  return values.reduce((a, b) => a + b) / values.length;
}

/** The largest distance from zero in the maps of all classes: one scale for all of them. */
export function sharedLimit({ classifier }, featureMaps) {
  const every = { kernel: [1, 1], stride: [1, 1], padding: [0, 0, 0, 0] };
  const noBias = new Float32Array(classifier.bias.length);
  const cams = convolve({ ...every, weights: classifier.weights, bias: noBias }, featureMaps);
  return cams.values.reduce((most, number) => Math.max(most, Math.abs(number)), 0);
}

// ---- Step 5: the map grows to the picture's size and is laid over it ----------------------------

/** Enlarges a map by bilinear interpolation; a cell's value stands in the middle of its square. */
export function upsample(cam, height, width) {
  const values = new Float32Array(height * width);
  const across = beside(cam.width, width);
  const down = beside(cam.height, height);
  for (let y = 0, at = 0; y < height; y++) {
    const upper = cam.values.subarray(down.first[y] * cam.width);
    const lower = cam.values.subarray(down.second[y] * cam.width);
    for (let x = 0; x < width; x++, at++) {
      const [left, right, share] = [across.first[x], across.second[x], across.share[x]];
      const top = upper[left] + (upper[right] - upper[left]) * share;
      const bottom = lower[left] + (lower[right] - lower[left]) * share;
      values[at] = top + (bottom - top) * down.share[y];
    }
  }
  return { channels: 1, height, width, values };
}

/** For each pixel: the two cells beside it, and how far it is on the way to the second. */
function beside(cells, pixels) {
  const place = Float64Array.from({ length: pixels }, (_, pixel) =>
    Math.max(0, ((pixel + 0.5) * cells) / pixels - 0.5),
  );
  const first = Int32Array.from(place);
  const second = first.map((cell) => Math.min(cell + 1, cells - 1));
  return { first, second, share: place.map((number, pixel) => number - first[pixel]) };
}

export const FOR = [240, 110, 0]; // orange
export const AGAINST = [80, 45, 185]; // purple
export const OPACITY = 0.85; // the greatest
const POWER = 0.7; // below 1, so that weak evidence can be seen as well

// The strength at 4096 distances from zero: a power for each pixel would take too long.
const STRENGTHS = Float32Array.from({ length: 4097 }, (_, i) => (i / 4096) ** POWER);

/** Lays a map over a paled picture: orange speaks for the class, purple against it.

    The opacity grows with the distance from zero, up to `greatest` at `limit`. Give a picture that `pale` made
    once and draw many maps on it. */
export function overlay(paled, cam, limit, greatest = OPACITY) {
  const { width, height } = paled;
  const data = new Uint8ClampedArray(paled.data);
  const { values } = upsample(cam, height, width);
  const steps = 4096 / (limit || 1);
  for (let i = 0, at = 0; i < values.length; i++, at += 4) {
    const opacity = greatest * STRENGTHS[Math.min(4096, Math.abs(values[i]) * steps) | 0];
    const colour = values[i] > 0 ? FOR : AGAINST;
    data[at] += (colour[0] - data[at]) * opacity;
    data[at + 1] += (colour[1] - data[at + 1]) * opacity;
    data[at + 2] += (colour[2] - data[at + 2]) * opacity;
  }
  return { width, height, data };
}

/** A picture grey, to the same byte as Pillow's, and paled: colour belongs to the map alone. */
export function pale({ width, height, data }) {
  const paled = new Uint8ClampedArray(data.length).fill(255);
  for (let at = 0; at < data.length; at += 4) {
    const sum = 19595 * data[at] + 38470 * data[at + 1] + 7471 * data[at + 2]; // 65536 in all
    paled.fill((((sum + 32768) >> 16) + 255) >> 1, at, at + 3);
  }
  return { width, height, data: paled };
}

// ---- A picture becomes an input -----------------------------------------------------------------

/** Turns the crop that `seen` returns into an input tensor: colours from 0 to 1, normalised. */
export function prepare({ mean, std }, { width, height, data }) {
  const pixels = width * height;
  const values = Float32Array.from({ length: 3 * pixels }, (_, i) => {
    const c = Math.floor(i / pixels);
    return (data[(i - c * pixels) * 4 + c] / 255 - mean[c]) / std[c];
  });
  return { channels: 3, height, width, values };
}

/** Brings the short side to `short` pixels and cuts the square of `side` pixels out of the middle:
    the part of a picture that a network sees. */
export function seen(picture, short, side) {
  const least = Math.min(picture.width, picture.height);
  const [width, height] = [picture.width, picture.height].map((s) =>
    Math.floor((short * s) / least),
  );
  const resized = resize(picture, width, height);
  const [left, top] = [width - side, height - side].map((rest) => {
    const half = Math.floor(rest / 2); // as Python rounds: a half goes to the even neighbour
    return rest % 2 ? half + (half % 2) : half;
  });
  const data = new Uint8ClampedArray(side * side * 4);
  for (let row = 0; row < side; row++) {
    const from = ((top + row) * width + left) * 4;
    data.set(resized.data.subarray(from, from + side * 4), row * side * 4);
  }
  return { width: side, height: side, data };
}

/** Resizes as Pillow does: bilinear, over all pixels that a new one covers, row by row and then
    column by column, with bytes in between. (A canvas looks at four pixels only.) */
export function resize(picture, width, height) {
  return resizeRowsAndTurn(resizeRowsAndTurn(picture, width), height);
}

/** Resizes every row and lays it down as a column: done twice, a picture stands upright again. */
function resizeRowsAndTurn({ width, height, data }, length) {
  const turned = new Uint8ClampedArray(height * length * 4);
  const scale = width / length;
  const reach = Math.max(scale, 1); // how far away a pixel still counts
  for (let x = 0; x < length; x++) {
    const centre = (x + 0.5) * scale;
    const first = Math.max(0, Math.floor(centre - reach + 0.5));
    const last = Math.min(width, Math.floor(centre + reach + 0.5));
    const shares = Array.from({ length: last - first }, (_, i) =>
      Math.max(0, 1 - Math.abs((first + i - centre + 0.5) / reach)),
    );
    const sum = shares.reduce((a, b) => a + b);
    const whole = shares.map((share) => Math.round((share / sum) * 2 ** 22)); // Pillow's accuracy
    for (let y = 0; y < height; y++) {
      let [red, green, blue] = [2 ** 21, 2 ** 21, 2 ** 21]; // a half, so that >> rounds
      for (let i = 0, at = (y * width + first) * 4; i < whole.length; i++, at += 4) {
        red += data[at] * whole[i];
        green += data[at + 1] * whole[i];
        blue += data[at + 2] * whole[i];
      }
      turned.set([red >> 22, green >> 22, blue >> 22, 255], (x * height + y) * 4);
    }
  }
  return { width: height, height: length, data: turned };
}

// ---- Where: is the map's place true, and is that place needed? ----------------------------------

/** The picture as a mirror shows it. */
export function mirror({ width, height, data }) {
  const mirrored = new Uint32Array(new Uint8ClampedArray(data).buffer); // a pixel is one number
  for (let y = 0; y < height; y++) mirrored.subarray(y * width, (y + 1) * width).reverse();
  return { width, height, data: new Uint8ClampedArray(mirrored.buffer) };
}

/** A map as a mirror shows it. */
export function mirrorCells(cam) {
  const { width, values } = cam;
  return { ...cam, values: values.map((_, i) => values[i - 2 * (i % width) + width - 1]) };
}

/** The centre of a map's squared positive part, from 0 (left) to 1; NaN where there is none. */
export function centre({ width, values }) {
  let [sum, moment] = [0, 0];
  values.forEach((value, i) => {
    const weight = Math.max(value, 0) ** 2;
    sum += weight;
    moment += (weight * ((i % width) + 0.5)) / width;
  });
  return moment / sum;
}

/** Draw the line at half of a map's highest value, solid or dashed. */
export function outline({ width, height, data }, cam, colour, isDashed) {
  const { values } = upsample(cam, height, width);
  const level = values.reduce((a, b) => Math.max(a, b)) / 2;
  const isIn = (at) => values[at] > level;
  for (let y = 0; y < height - 2; y++) {
    for (let x = 0; x < width - 2; x++) {
      const at = y * width + x;
      const isEdge = isIn(at) !== isIn(at + 2) || isIn(at) !== isIn(at + 2 * width); // 2 pixels wide
      const isGap = isDashed && (x + y) % 14 > 8;
      if (level > 0 && isEdge && !isGap) data.set([...colour, 255], at * 4);
    }
  }
}

/** The picture with grey disks on it; a spot is { x, y, radius } in shares of the width. */
export function coverSpots({ width, height, data }, spots) {
  const covered = new Uint8ClampedArray(data);
  for (const { x, y, radius } of spots) {
    const [across, down, reach] = [x * width, y * height, radius * width];
    for (let row = Math.max(0, Math.ceil(down - reach)); row < Math.min(height, down + reach); row++) {
      const half = Math.sqrt(reach ** 2 - (row - down) ** 2);
      const first = Math.max(0, Math.round(across - half));
      const last = Math.min(width, Math.round(across + half));
      for (let at = (row * width + first) * 4; at < (row * width + last) * 4; at += 4)
        covered.fill(128, at, at + 3);
    }
  }
  return { width, height, data: covered };
}

// ---- A network: reading its numbers, running its layers -----------------------------------------

/** Makes a network of what cam_helpers.view.export wrote: a description, and an ArrayBuffer that
    holds the weights as whole numbers of 8 or 16 bits, and the biases. */
export function loadNetwork(description, buffer) {
  const withNumbers = (layer) => {
    if (!layer.weights) return layer;
    const { at, length, bits, zero, scales } = layer.weights;
    const whole =
      bits === 8 ? new Uint8Array(buffer, at, length) : new Int16Array(buffer, at, length);
    const weights = new Float32Array(length);
    const perScale = length / scales.length;
    for (let i = 0; i < length; i++) weights[i] = (whole[i] - zero) * scales[(i / perScale) | 0];
    return { ...layer, weights, bias: new Float32Array(buffer, layer.bias.at, layer.bias.length) };
  };
  const layers = description.layers.map(withNumbers);
  return { ...description, layers, classifier: withNumbers(description.classifier) };
}

const RUN = { convolve, depthwise, relu, maxpool, add };

/** A convolution is the product of two matrices: the weights, and the input unpacked. */
function convolve({ kernel, stride, padding, weights, bias }, x) {
  const padded = pad(x, padding, 0);
  const [height, width] = places(padded.height, padded.width, kernel, stride);
  const panels = unpack(padded, kernel, stride, height, width);
  const values = multiply(weights, bias, panels, height * width);
  return { channels: bias.length, height, width, values };
}

/** All that the kernel sees, place by place. Four places stand side by side in one panel, where
    each row holds the same number of the window of all four. */
function unpack({ channels, height: rows, width: columns, values }, kernel, stride, height, width) {
  const window = channels * kernel[0] * kernel[1];
  const panels = new Float32Array(Math.ceil((height * width) / 4) * window * 4);
  for (let y = 0, place = 0; y < height; y++) {
    for (let x = 0; x < width; x++, place++) {
      let to = (place >> 2) * window * 4 + (place & 3);
      for (let c = 0; c < channels; c++) {
        for (let ky = 0; ky < kernel[0]; ky++) {
          let from = (c * rows + y * stride[0] + ky) * columns + x * stride[1];
          for (let kx = 0; kx < kernel[1]; kx++, to += 4) panels[to] = values[from++];
        }
      }
    }
  }
  return panels;
}

/** Weights, row by row, times panels made by `unpack`, plus a bias for each row.

    Two rows and four places at a time: each number that is read takes part in several products,
    which makes it twice as quick as one by one. */
function multiply(weights, bias, panels, count) {
  const length = weights.length / bias.length;
  const result = new Float32Array(bias.length * count);
  // From the last panel to the first: what the last writes beyond the end of its row is written
  // over by the first of the next row.
  for (let place = (Math.ceil(count / 4) - 1) * 4; place >= 0; place -= 4) {
    for (let row = 0; row < bias.length; row += 2) {
      const next = Math.min(row + 1, bias.length - 1);
      let a0 = bias[row];
      let a1 = a0;
      let a2 = a0;
      let a3 = a0;
      let b0 = bias[next];
      let b1 = b0;
      let b2 = b0;
      let b3 = b0;
      let p = place * length;
      for (let i = 0; i < length; i++, p += 4) {
        const a = weights[row * length + i];
        const b = weights[next * length + i];
        a0 += a * panels[p];
        a1 += a * panels[p + 1];
        a2 += a * panels[p + 2];
        a3 += a * panels[p + 3];
        b0 += b * panels[p];
        b1 += b * panels[p + 1];
        b2 += b * panels[p + 2];
        b3 += b * panels[p + 3];
      }
      const to = row * count + place;
      const below = next * count + place;
      result[to] = a0;
      result[to + 1] = a1;
      result[to + 2] = a2;
      result[to + 3] = a3;
      result[below] = b0;
      result[below + 1] = b1;
      result[below + 2] = b2;
      result[below + 3] = b3;
    }
  }
  return result;
}

/** A convolution of every channel by itself. */
function depthwise(layer, x) {
  return slide(layer, pad(x, layer.padding, 0));
}

/** The largest number in every window. */
function maxpool(layer, x) {
  return slide(layer, pad(x, layer.padding, -Infinity));
}

/** Slides a window over every channel by itself: with weights it adds up, without it takes the
    largest number. */
function slide(
  { kernel, stride, weights, bias },
  { channels, height: rows, width: columns, values },
) {
  const [height, width] = places(rows, columns, kernel, stride);
  const result = new Float32Array(channels * height * width);
  for (let c = 0, to = 0; c < channels; c++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++, to++) {
        let found = weights ? bias[c] : -Infinity;
        let from = (c * rows + y * stride[0]) * columns + x * stride[1];
        let w = c * kernel[0] * kernel[1];
        for (let ky = 0; ky < kernel[0]; ky++, from += columns) {
          for (let kx = 0; kx < kernel[1]; kx++, w++) {
            const number = values[from + kx];
            found = weights ? found + weights[w] * number : Math.max(found, number);
          }
        }
        result[to] = found;
      }
    }
  }
  return { channels, height, width, values: result };
}

/** How many places a window has, down and across. */
function places(rows, columns, kernel, stride) {
  const down = Math.floor((rows - kernel[0]) / stride[0]) + 1;
  return [down, Math.floor((columns - kernel[1]) / stride[1]) + 1];
}

/** Cuts numbers off below 0 and above `most`. */
function relu({ most = Infinity }, x) {
  const values = new Float32Array(x.values.length);
  for (let i = 0; i < values.length; i++) {
    const number = x.values[i];
    values[i] = number < 0 ? 0 : number > most ? most : number;
  }
  return { ...x, values };
}

function add(_, x, y) {
  return { ...x, values: x.values.map((number, i) => number + y.values[i]) };
}

/** Puts rows and columns of one number around every channel. */
function pad(x, [left, right, top, bottom], number) {
  if (!(left || right || top || bottom)) return x;
  const [height, width] = [x.height + top + bottom, x.width + left + right];
  const values = new Float32Array(x.channels * height * width).fill(number);
  for (let c = 0; c < x.channels; c++) {
    for (let y = 0; y < x.height; y++) {
      const from = (c * x.height + y) * x.width;
      values.set(x.values.subarray(from, from + x.width), (c * height + top + y) * width + left);
    }
  }
  return { channels: x.channels, height, width, values };
}
