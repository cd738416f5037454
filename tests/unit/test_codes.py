"""Every error has a code, every code a sentence, and what has one of them has both."""

import ast
import copy
import importlib
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import cast

import pytest

from bot.errors import BotError, Code
from bot.mailer.aws_errors import explain
from bot.ses.errors import ErrorKind, SesError
from handlers.http.api.problems import _STATUSES

ROOT = Path(__file__).parents[2]
RAISING = {"BotError": 0, "upload_error": 0, "require": 1, "Refusal": 1}  # where the code stands among the arguments
CODES_FROM_ELSEWHERE = {
    "bot/errors.py": "code",  # require's own
    "bot/broadcast/audience/text_decoding.py": "code",  # upload_error's own
    "bot/broadcast/preflight.py": "code",  # a Blocker
    "bot/mailer/aws_errors.py": "code",  # an AwsCode
    "bot/mailer/connection/credential_input.py": "refused.code",  # an AwsCode
    "bot/mailer/connection/production_access.py": "_REFUSALS[mailer.production]",
    "handlers/http/api/draft_endpoints.py": "code.value",  # a Confirmation
    "handlers/http/api/problems.py": "error.code status.name",  # a BotError's, and HTTP's own
}
GIVEN_BY_A_TABLE = {  # test_sentences.py holds the Blockers'
    "AwsCode",
    "Blocker",
    "ConnectionCode.GRANTED",
    "ConnectionCode.IN_REVIEW",
    "ConnectionCode.DENIED",
}
SAME_VALUE = {
    "ACCESS_LOST",  # one mailer's, whoever finds it, and how many there are
    "ALREADY",  # what was pressed or asked for has changed meanwhile
    "AUDIENCE_EMPTY",  # the file, or the choice of one
    "AUDIENCE_NO_RECIPIENTS",  # before and after the suppression list
    "CHANGED",  # a form is older than what it shows
    "CLOCK",  # of this machine, whoever finds that it is off
    "DENIED",  # production: no mail to strangers, and no second application
    "IN_REVIEW",
    "NOT_FOUND",
    "NO_MAILER",
    "POLICY",  # of whoever runs Mailroom: settings, and what is sent
}


@cache
def sources() -> list[tuple[str, ast.Module]]:
    files = (file for top in ("bot", "handlers") for file in sorted((ROOT / top).rglob("*.py")))
    return [
        (str(file.relative_to(ROOT)), ast.parse(file.read_text()))
        for file in files
        if not file.name.startswith("live_sample")
    ]


@cache
def codes() -> dict[str, type[Code]]:
    for path, tree in sources():
        if any(isinstance(node, ast.ClassDef) and "Code" in map(ast.unparse, node.bases) for node in ast.walk(tree)):
            importlib.import_module(path.removesuffix(".py").replace("/", "."))
    return {each.__name__: each for each in Code.__subclasses__()}


@cache
def members() -> dict[str, Code]:
    return {f"{enum}.{code.name}": code for enum, codes_of in codes().items() for code in codes_of}


def raised() -> Iterator[tuple[str, ast.expr, bool]]:
    """Yield every error that is made: the file, its code, and whether a sentence is given."""
    for path, tree in sources():
        for made, at in constructed(tree):
            if len(made.args) > at:
                yield path, made.args[at], len(made.args) > at + 1


def constructed(tree: ast.Module) -> Iterator[tuple[ast.Call, int]]:
    """Yield every call that makes an error, also within its own class, with the place of the code."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in RAISING:
            yield node, RAISING[ast.unparse(node.func)]
        elif isinstance(node, ast.ClassDef) and node.name == "Refusal":
            yield from ((call, 1) for call in calls(node, "cls"))
        elif isinstance(node, ast.ClassDef) and "BotError" in map(ast.unparse, node.bases):
            yield from ((call, 0) for call in calls(node, "super().__init__"))


def calls(tree: ast.AST, function: str) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == function)


def test_no_error_is_raised_with_a_code_that_is_no_member() -> None:
    bare = [
        f"{path}: {ast.unparse(code)}"
        for path, code, _ in raised()
        if ast.unparse(code) not in members() and ast.unparse(code) not in CODES_FROM_ELSEWHERE.get(path, "").split(" ")
    ]
    assert bare == []


def test_a_code_is_compared_with_members_only() -> None:
    compared = [
        f"{path}: {ast.unparse(node)}"
        for path, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare) and ast.unparse(node.left).endswith("error.code")
        for other in ast.walk(node)
        if isinstance(other, ast.Constant) and other.value in {code.value for code in members().values()}
    ]
    assert compared == []


def test_every_code_has_one_sentence_fixed_or_where_it_is_raised() -> None:
    given: dict[str, set[bool]] = defaultdict(set)
    for _, code, with_sentence in raised():
        given[ast.unparse(code)].add(with_sentence)
    wrong = [
        name
        for name, code in members().items()
        if not {name, name.partition(".")[0]} & GIVEN_BY_A_TABLE and given[name] != {not code.sentence}
    ]
    assert wrong == []


def test_a_code_from_a_table_has_its_sentence_there() -> None:
    assert [kind for kind in ErrorKind if not explain(SesError(kind, "Code", "ses:Action")).sentence] == []
    assert [name for name in GIVEN_BY_A_TABLE if "." in name and not members()[name].sentence] == []


def test_every_status_belongs_to_a_code_that_is_raised() -> None:
    values = {
        members()[name].value for name in map(ast.unparse, (code for _, code, _ in raised())) if name in members()
    }
    assert {code.value for code in _STATUSES} <= values


def test_two_packages_share_a_value_only_where_it_means_the_same() -> None:
    enums = defaultdict(set)
    for name, code in members().items():
        enums[code.value].add(name.partition(".")[0])
    assert {value for value, of in enums.items() if len(of) > 1} == SAME_VALUE


def test_a_code_is_written_in_capitals_and_never_used_twice_in_a_package() -> None:
    assert [code for code in members().values() if not re.fullmatch(r"[A-Z][A-Z_]+[A-Z]", code)] == []
    assert [enum for enum, codes_of in codes().items() if len(codes_of) != len(codes_of.__members__)] == []


@pytest.mark.parametrize("name", ["ApiCode.ANSWERED", "AlertCode.NOT_OPEN"])
def test_an_error_takes_the_sentence_of_its_code_unless_it_has_its_own(name: str) -> None:
    code = members()[name]
    assert BotError(code).sentence == code.sentence
    assert BotError(code, "Another one.").text.startswith("Another one.")


def test_no_error_is_kept_to_be_raised_again() -> None:
    """One that is raised a second time holds the frames of the first: what was typed, for as long as we run."""
    kept = [
        f"{path}:{made.lineno}"
        for path, tree in sources()
        for statement in tree.body
        if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        for made, _ in constructed(ast.Module(body=[_without_functions(statement)], type_ignores=[]))
    ]
    assert kept == []


class _Lambdas(ast.NodeTransformer):
    def visit_Lambda(self, _node: ast.Lambda) -> ast.expr:
        return ast.Constant(None)


def _without_functions(statement: ast.stmt) -> ast.stmt:
    return cast("ast.stmt", _Lambdas().visit(copy.deepcopy(statement)))
