"""The regions one can choose."""

from __future__ import annotations

from bot.ses.regions import find_region, regions


def test_a_label_begins_with_the_code_and_names_the_place() -> None:
    region = find_region("eu-west-1")
    assert region is not None
    assert region.label == "eu-west-1 (Europe, Ireland)"
    assert all(each.label.startswith(f"{each.code} (") for each in regions())


def test_the_list_fits_a_slack_select() -> None:
    assert 30 <= len(regions()) <= 100
    assert max(len(region.label) for region in regions()) <= 75
    assert len({region.code for region in regions()}) == len(regions())


def test_a_region_knows_its_partition() -> None:
    found = {code: find_region(code) for code in ("us-east-1", "us-gov-west-1", "eusc-de-east-1")}
    assert {code: region.partition for code, region in found.items() if region} == {
        "us-east-1": "aws",
        "us-gov-west-1": "aws-us-gov",
        "eusc-de-east-1": "aws-eusc",
    }


def test_what_is_no_region_with_ses_is_not_found() -> None:
    assert [find_region(code) for code in ("", "moon-1", "EU-WEST-1", "eu-west-1.evil.example", "cn-north-1")] == [
        None
    ] * 5
