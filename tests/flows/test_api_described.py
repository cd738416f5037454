"""Whatever the description of the API allows, and much that it does not, is answered as the description says.

Schemathesis makes the requests from the OpenAPI document and judges the answers. SEED=1 has it make others.
"""

import asyncio
import os
from contextlib import nullcontext, suppress
from math import ceil
from typing import Any
from urllib.parse import urlsplit

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, assume, given, seed, settings
from hypothesis.errors import Unsatisfiable
from requests import Request
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance  # a cursor is opaque, an address must be one

from tests.flows.program import Program
from tests.flows.world import OVER_HTTP, World

FILES = {"application/x-ndjson", "text/csv"}
for kind in FILES:
    schemathesis.serializer(kind)(lambda _context, value: str(value).encode())

CASES, MANY_CASES = 500, 5_000  # requests in all, in `make test` and in `make test-long`
LONGEST = 500  # characters of an address: one of over 8 KB is refused by the parser, before it is a request
REFILL = 1  # second, in which the buckets of a token and of an address gain more than the requests of a case take
SEED = int(os.environ.get("SEED", "0"))


def query_of(case: Case[Any]) -> str:
    """Return the query as it is sent: an empty object, or a list of one, is `name=`."""
    sent = case.as_transport_kwargs(base_url="http://localhost")["params"]
    return urlsplit(str(Request("GET", "http://localhost", params=sent).prepare().url)).query


@OVER_HTTP
@pytest.mark.timeout(900)
async def test_requests_made_from_the_description_are_answered_as_it_says(
    world: World, program: Program, request: pytest.FixtureRequest
) -> None:
    cases = MANY_CASES if request.config.getoption("--long") else CASES
    await world.is_open()
    await world.sends()
    schema = schemathesis.openapi.from_dict((await program.ask("GET", "/api/v1/openapi.json")).json)
    schema.config.generation.update(with_security_parameters=False)  # the token is ours; it is tried without and wrong
    headers = {"Authorization": f"Bearer {program.token}"}
    base_url, asked = f"http://127.0.0.1:{world.bot.http.port}", 0

    def ask_all(operation: APIOperation[Any, Any, Any, Any], until: int) -> None:
        for mode, part in ((GenerationMode.NEGATIVE, 2), (GenerationMode.POSITIVE, 1)):

            @seed(SEED)
            @settings(
                max_examples=(until - asked) // part,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy(generation_mode=mode))
            def ask(case: Case[Any]) -> None:
                nonlocal asked
                assume(case.media_type not in FILES or isinstance(case.body, str))  # as a file all is text
                assume("=&" not in f"{query_of(case)}&")  # an empty parameter is as if it were not there
                assume(len(str(case.query) + str(case.path_parameters)) < LONGEST)
                asked += 1
                world.clock.advance(REFILL)
                case.call_and_validate(base_url=base_url, headers=headers, excluded_checks=[positive_data_acceptance])

            where_any_text_will_do = suppress(Unsatisfiable) if mode.is_negative else nullcontext()
            with where_any_text_will_do:
                ask()

    operations = list(schema.get_all_operations())
    for number, result in enumerate(operations, start=1):  # what one has no use for, the next one asks
        await asyncio.to_thread(ask_all, result.ok(), ceil(cases * number / len(operations)))  # type: ignore[union-attr]  # an Err raises here

    assert asked >= cases
