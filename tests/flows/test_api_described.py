"""Whatever the description of the API allows, and much that it does not, is answered as the description says.

Schemathesis makes the requests from the OpenAPI document and judges the answers.
"""

import asyncio
from math import ceil
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, assume, given, settings
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance  # a cursor is opaque, an address must be one

from tests.flows.program import Program
from tests.flows.world import OVER_HTTP, World

FILES = {"application/x-ndjson", "text/csv"}
for kind in FILES:
    schemathesis.serializer(kind)(lambda _context, value: str(value).encode())

CASES, MANY_CASES = 500, 5_000  # requests in all, in `make test` and in `make test-long`
LONGEST = 500  # characters of an address: one of over 8 KB is refused by the parser, before it is a request
NEXT_BUCKET = 60  # seconds, in which the bucket of a token fills again


@OVER_HTTP
@pytest.mark.timeout(900)
async def test_requests_made_from_the_description_are_answered_as_it_says(
    world: World, program: Program, request: pytest.FixtureRequest
) -> None:
    cases = MANY_CASES if request.config.getoption("--long") else CASES
    await world.is_open()
    await world.sends()
    description = (await program.ask("GET", "/api/v1/openapi.json")).json
    headers = {"Authorization": f"Bearer {program.token}"}
    base_url, asked = f"http://127.0.0.1:{world.bot.http.port}", 0
    ways = sum(map(len, description["paths"].values())) * len(GenerationMode)

    def ask_all(operation: APIOperation[Any, Any, Any, Any]) -> None:
        for mode in GenerationMode:

            @settings(
                max_examples=ceil(cases / ways),
                deadline=None,
                derandomize=True,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy(generation_mode=mode))
            def ask(case: Case[Any]) -> None:
                nonlocal asked
                assume("" not in (case.query or {}).values())  # an empty one is as if it were not there
                assume(case.media_type not in FILES or isinstance(case.body, str))  # as a file all is text
                assume(len(str(case.query) + str(case.path_parameters)) < LONGEST)
                asked += 1
                case.call_and_validate(base_url=base_url, headers=headers, excluded_checks=[positive_data_acceptance])

            ask()

    for result in schemathesis.openapi.from_dict(description).get_all_operations():
        world.clock.advance(NEXT_BUCKET)
        await asyncio.to_thread(ask_all, result.ok())  # type: ignore[union-attr]  # an Err raises here

    assert asked >= cases
