"""A folder of pictures in class subfolders, as torchvision's `ImageFolder` reads them."""

import os
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageOps

from cam_helpers.drawn.scenes import draw_scene
from cam_helpers.pictures.open_picture import open_picture

LOGO_SIDE = 56  # pixels, of pictures of 224 x 224
LOGO_FROM_EDGE = 20  # so that the crop of the usual preprocessing still shows it


def draw_class_folder(
    folder: str | os.PathLike[str],
    count: int,
    first_seed: int = 0,
    *,
    classes: Sequence[str] = ("boat", "butterfly"),
    with_logo: Sequence[str] = ("boat",),
) -> None:
    """Write `count` drawn scenes of each class as `folder`/CLASS/NUMBER.png, 224 x 224 pixels.

    The classes are categories of `draw_scene`, and each picture shows one object. Pictures of the
    classes in `with_logo` bear a web site's logo in the lower right corner: a shortcut, for tests
    of whether it is found. Raises `FileExistsError` where a class has a folder already, so that no
    picture of yours is written over; and what `draw_scene` raises.

    >>> import cam_helpers as ch
    >>> import os, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     ch.draw_class_folder(folder, 2)
    ...     print(sorted(os.listdir(folder)))
    ['boat', 'butterfly']
    """
    places = {name: Path(folder) / name for name in classes}
    for name, place in places.items():
        if place.exists():
            raise FileExistsError(f"{place} is there already: choose a new folder, or remove it.")
        draw_scene(first_seed, [name])  # refuses an unknown class before anything is written
    for name, place in places.items():
        place.mkdir(parents=True)
        for number in range(count):
            picture = draw_scene(first_seed + number, [name]).picture
            if name in with_logo:
                add_logo(picture)
            picture.save(place / f"{number:03}.png")


def add_logo(picture: Image.Image) -> None:
    """Put the logo, a round photograph of a cup, into the lower right corner of a picture."""
    logo = ImageOps.fit(open_picture("photo:coffee"), (LOGO_SIDE, LOGO_SIDE))
    disc = Image.new("L", logo.size)
    ImageDraw.Draw(disc).ellipse((0, 0, LOGO_SIDE - 1, LOGO_SIDE - 1), fill=255)
    far = LOGO_FROM_EDGE + LOGO_SIDE
    picture.paste(logo, (picture.width - far, picture.height - far), disc)
