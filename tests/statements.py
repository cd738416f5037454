"""Counts the statements of the product, migrations apart: `python -m tests.statements`, in all and for each package.

A statement is a node of the syntax tree, so that neither the formatter nor comments and blank lines change the count.
"""

import ast
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parent.parent
PARTS = ("app.py", "bot", "handlers", "storage")


def count() -> Counter[str]:
    """Return how many statements each package has."""
    counts: Counter[str] = Counter()
    for part in PARTS:
        top = ROOT / part
        for path in [top] if top.is_file() else sorted(top.rglob("*.py")):
            if "migrations" not in path.parts:
                package = path if path == top else path.parent
                tree = ast.parse(path.read_text(encoding="utf-8"))
                counts[str(package.relative_to(ROOT))] += sum(isinstance(node, ast.stmt) for node in ast.walk(tree))
    return counts


if __name__ == "__main__":
    counts = count()
    for package, statements in counts.items():
        print(f"{statements:7,}  {package}")
    print(f"{counts.total():7,}  in all")
