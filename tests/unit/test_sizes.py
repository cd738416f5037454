"""Files and folders stay short enough to read in one go. What is over a limit is split where its ideas part."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
MODELS = "storage/models.py"
SPLIT = "over the limit (lines, or files of a folder): split along a seam in its ideas, with a name for each part"


def _files(*tops: str) -> dict[str, int]:
    """Return the lines of each file; migrations, which stay as they were released, are apart."""
    files = [file for top in tops for file in (ROOT / top).rglob("*.py") if "migrations" not in file.parts]
    return {str(file.relative_to(ROOT)): len(file.read_text().splitlines()) for file in files}


def test_no_file_of_the_product_is_over_300_lines() -> None:
    lines = _files("bot", "handlers", "storage")

    assert lines[MODELS] > 0
    assert {file: count for file, count in lines.items() if count > 300 and file != MODELS} == {}, SPLIT


def test_the_composition_root_is_at_most_200_lines() -> None:
    count = len((ROOT / "app.py").read_text().splitlines())
    assert count <= 200, f"app.py has {count} lines: it only puts together what each floor builds"


def test_no_folder_of_the_product_has_more_than_20_files() -> None:
    folders = {str(Path(file).parent) for file in _files("bot", "handlers", "storage")}
    counts = {folder: len(list((ROOT / folder).glob("*.py"))) for folder in folders}

    assert {folder: count for folder, count in counts.items() if count > 20} == {}, SPLIT


def test_no_file_of_the_tests_is_over_600_lines() -> None:
    assert {file: count for file, count in _files("tests").items() if count > 600} == {}, SPLIT
