"""docs/api.md says what the OpenAPI description says, and no more."""

import re

from tests.api_page import PAGE, description, page


def test_the_page_is_what_the_description_makes_it() -> None:
    assert PAGE.read_text() == page(), "python -m tests.api_page writes it again"


def test_every_operation_and_every_link_is_on_the_page() -> None:
    text = PAGE.read_text()
    operations = [(method, path) for path, methods in description()["paths"].items() for method in methods]

    assert operations
    assert [one for one in operations if f"## `{one[0].upper()} {one[1]}`\n" not in text] == []
    anchors = {name.lower() for name in re.findall(r"^### (\w+)$", text, re.MULTILINE)}
    assert set(re.findall(r"\(#(\w+)\)", text)) <= anchors
