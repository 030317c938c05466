/* What the view says: numbers, places and maps in words, and the class that a reader means. */

/** A number with two decimals, and never -0.00. */
export const rounded = (number) => (Math.round(number * 100) / 100 + 0).toFixed(2);
export const percent = (share) => `${(share * 100).toFixed(1)} %`;

/** In which ninth of the map a cell lies. */
export function placeOf(cell, { width, height }) {
  const [row, column] = [Math.floor(cell / width), cell % width];
  const down = ["upper", "middle", "lower"][Math.floor(((row + 0.5) / height) * 3)];
  const across = ["left", "middle", "right"][Math.floor(((column + 0.5) / width) * 3)];
  const place = down === across ? "the middle" : `the ${down} ${across}`;
  return `${place} (row ${row}, column ${column})`;
}

/** A map in words, for those who do not see it. */
export function describe(cam, name, other = "") {
  const [least, most] = [Math.min(...cam.values), Math.max(...cam.values)];
  const place = (number) => `${placeOf(cam.values.indexOf(number), cam)}, ${rounded(number)}`;
  const above = cam.values.filter((number) => number > 0).length;
  return (
    `Most for ${name}: ${most > 0 ? place(most) : "nowhere"}. ` +
    `Most ${other ? `for ${other}` : "against it"}: ${least < 0 ? place(least) : "nowhere"}. ` +
    `${above} of ${cam.values.length} cells speak for ${name}.`
  );
}

// ---- Finding a class ----------------------------------------------------------------------------

// Everyday words for which ImageNet has many classes: their indices, "first-last" for a run.
const KINDS = {
  cat: "281-285",
  dog: "151-268",
  bird: "7-24 80-100 127-146",
  fish: "0-6 389-397",
  snake: "52-68",
  spider: "72-77",
  insect: "300-326",
  bear: "294-297",
  monkey: "365-384",
  car: "407 436 468 511 609 627 656 661 717 734 751 817",
  bus: "654 779 874",
  truck: "555 569 675 717 864 867",
  ship: "403 472 484 510 554 576 625 628 724 780 814 833 871 914",
  plane: "404 405 895",
  fruit: "948-957",
};
const SYNONYMS = {
  kitten: "cat",
  puppy: "dog",
  ape: "monkey",
  automobile: "car",
  lorry: "truck",
  boat: "ship",
  airplane: "plane",
};

function isOfKind(kind, k) {
  return KINDS[kind].split(" ").some((run) => {
    const [first, last = first] = run.split("-").map(Number);
    return first <= k && k <= last;
  });
}

/** The classes that a text may mean, best first: by index; by kind; by its whole name; by whole
    words; by the beginning of a word; by any part. Among equals the one ranked best in this
    picture. `order` holds all classes by rank. Returns { found, kind }. */
export function find(text, categories, order) {
  const wanted = text.trim().toLowerCase();
  const number = Number(wanted);
  if (/^\d+$/.test(wanted)) return { found: number < categories.length ? [number] : [] };
  if (!wanted) return { found: [] };
  const names = categories.map((name) => name.toLowerCase());
  const words = names.map((name) => name.split(/[^\p{L}\p{N}]+/u));
  const kind = SYNONYMS[wanted] ?? wanted;
  if (Object.hasOwn(KINDS, kind) && categories.length === 1000) {
    return { found: order.filter((k) => isOfKind(kind, k)), kind };
  }
  const tests = [
    (k) => names[k] === wanted,
    (k) => ` ${words[k].join(" ")} `.includes(` ${wanted} `),
    (k) => words[k].some((word) => word.startsWith(wanted)),
    (k) => names[k].includes(wanted),
  ];
  return { found: tests.map((test) => order.filter(test)).find((each) => each.length) ?? [] };
}
