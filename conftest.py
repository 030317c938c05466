"""What nbval does for the notebooks beyond comparing texts: stored pictures, and answers.

Each cell's pictures and live frames are held to the stored ones. After the last cell, each exercise
is run once more with its answer in place of the starter, and has to say "right".
"""

from importlib.util import find_spec

from exercises import exercises_of, says_right
from nbformat.v4 import new_code_cell
from nbval.plugin import IPyNbCell, IPyNbFile
from store_notebooks import SAME_TO_THE_EYE, difference, frame_fault, frames_of, pictures_of

# Where the libraries of the extra of that name are missing, there is nothing to compare with.
LIBRARIES = ("captum", "pytorch_grad_cam", "torchcam")
BOOK = "notebooks/11_from_here_to_the_libraries.ipynb"
collect_ignore = [] if all(map(find_spec, LIBRARIES)) else [BOOK]

collect, compare_texts = IPyNbFile.collect, IPyNbCell.compare_outputs


def collect_with_answers(self):
    number = -1
    for number, item in enumerate(collect(self)):  # noqa: B007
        yield item
    for exercise in exercises_of(self.nb):
        number += 1
        # Without a count nbval takes it for a cell that was never run, and compares nothing.
        cell = new_code_cell(exercise.solved, execution_count=1, metadata={"tags": ["answer"]})
        yield IPyNbCell.from_parent(
            self, name=f"Answer {number}", cell_num=number, cell=cell, options=item.options
        )


def compare_all(self, test, ref, skip_compare=None):
    if "answer" in self.cell.metadata.get("tags", []):
        self.comparison_traceback = [f'The answer does not say "right": {test}']
        return says_right(test)
    if not compare_texts(self, test, ref, skip_compare):
        return False
    for number, (new, old) in enumerate(zip(pictures_of(test), pictures_of(ref), strict=True), 1):
        if difference(new, old) > SAME_TO_THE_EYE:
            self.comparison_traceback = [
                f"Picture {number} is not the stored one: it differs by {difference(new, old)} of "
                "255 levels. Look at it, then store it: make notebooks ONLY=..."
            ]
            return False
    for new, old in zip(frames_of(test), frames_of(ref), strict=True):
        if fault := frame_fault(new, old):
            self.comparison_traceback = [f"{fault}. Look at it, then make notebooks ONLY=..."]
            return False
    return True


IPyNbFile.collect, IPyNbCell.compare_outputs = collect_with_answers, compare_all
