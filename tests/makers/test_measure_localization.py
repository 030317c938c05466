"""The table of notebook 08: it is what the command makes, and its sample can be made again."""

import csv

from measure_localization import (
    FIRST_SEED,
    MEASURES,
    METHODS,
    measure,
    summary,
    tuned,
    write,
)

from cam_helpers.folders import DATA_FOLDER


def test_a_sample_agrees_with_the_stored_table(loaded_network, tmp_path):
    found = {objects: measure(loaded_network, FIRST_SEED, 36, objects) for objects in (1, 2)}
    small = {objects: summary(each, tuned(each)) for objects, each in found.items()}
    write(small, tmp_path / "small.csv")
    tables = []
    for path in (tmp_path / "small.csv", DATA_FOLDER / "localization.csv"):
        with path.open(encoding="utf-8") as file:
            tables.append(list(csv.DictReader(file)))
    assert [line["measure"] for line in tables[0]] == 2 * list(MEASURES)
    for small, stored in zip(*tables, strict=True):
        for method in METHODS:
            assert abs(float(small[method]) - float(stored[method])) < 0.2, (stored, method)
        assert float(stored["low"]) < float(stored["difference"]) < float(stored["high"])


def test_with_two_objects_only_the_right_class_finds_its_own(loaded_network):
    """With one object whatever lights up on it wins; with two the class has to decide."""
    shares = measure(loaded_network, FIRST_SEED, 24, objects=2)[1].mean(axis=0)
    own, norm, wrong = shares[:3]
    assert own > norm + 0.1 > wrong + 0.1
