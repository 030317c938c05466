"""Maps in words, for those who do not see them: every sentence follows from the numbers."""

from torch import Tensor

from cam_helpers.boxes import is_inside
from cam_helpers.display.show import in_digits
from cam_helpers.drawn.annotations import Boxes
from cam_helpers.explain import Explanation
from cam_helpers.networks.network import ClassChoice


def place_of(row: int, column: int, height: int, width: int) -> str:
    """Say in which ninth of a map a cell lies: "the upper left", "the middle", "the lower middle".

    Odd maps have a middle row and column; a cell's own middle decides.
    """
    down = ("upper", "middle", "lower")[int((row + 0.5) / height * 3)]
    across = ("left", "middle", "right")[int((column + 0.5) / width * 3)]
    return "the middle" if down == across else f"the {down} {across}"


def describe_cam(cam: Tensor, what: str) -> tuple[str, tuple[int, int] | None]:
    """Say where a map (h, w) peaks, how high, and how much of it lies above half of the peak.

    Return the text and the cell (row, column) of the peak, if there is one above zero.
    """
    numbers = cam.flatten().tolist()
    highest = max(numbers)
    row, column = divmod(numbers.index(highest), cam.shape[1])
    place = f"{place_of(row, column, *cam.shape)} (row {row}, column {column})"
    if highest <= 0:
        text = f"No cell of {what} is above zero; the highest, {in_digits(highest)}, is in {place}."
        return text, None
    share = sum(number > highest / 2 for number in numbers) / len(numbers)
    text = (
        f"{what[0].upper()}{what[1:]} peaks in {place} at {in_digits(highest)}; "
        f"{share:.0%} of the cells lie above half of the peak."
    )
    return text, (row, column)


def describe_map(explanation: Explanation, class_index: ClassChoice, boxes: Boxes) -> str:
    """Describe the map of one class; where `boxes` are known, also on which object it peaks."""
    index = explanation.network.class_index(class_index)
    cam = explanation.cam(index)
    text, cell = describe_cam(cam, f"the map of {explanation.network.categories[index]}")
    if not boxes or not cell:
        return text
    point = explanation.middle_of_cell(*cell)
    hit = [name for name, box in boxes.items() if is_inside(point, box)]
    return f"{text} The peak is in {_boxes_of(hit)}."


def _boxes_of(categories: list[str]) -> str:
    if not categories:
        return "no object's box"
    return " and ".join(f"the box of the {category}" for category in categories)
