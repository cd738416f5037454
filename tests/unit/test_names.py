"""Names that gave way to the trade's own do not come back, in code or in a document."""

import ast
import json
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
FORMER: dict[str, list[str]] = json.loads((Path(__file__).parent / "former_names.json").read_text())
PRODUCT = [file for top in ("bot", "handlers", "storage") for file in (ROOT / top).rglob("*.py")]


def test_no_class_or_function_has_a_former_name() -> None:
    named = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    found = {node.name for file in PRODUCT for node in ast.parse(file.read_text()).body if isinstance(node, named)}
    assert found & set(FORMER["names"]) == set()


def test_no_text_names_a_former_module() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()  # noqa: S607
    texts = [ROOT / name for name in listed if name.endswith((".py", ".md", ".toml", ".yml"))]
    either = "|".join(re.escape(name) for name in FORMER["modules"])
    former = re.compile(rf"\b(?:{either})\b(?!\.md)|\b(?:{either.replace(chr(92) + '.', '/')})\.py\b")
    assert {str(file): found for file in texts if file.exists() and (found := former.findall(file.read_text()))} == {}


def test_no_file_of_the_product_is_taken_for_a_test() -> None:
    assert [file for file in PRODUCT if re.search(r"^test_|_test$", file.stem)] == []
