"""DMARC as receivers look it up: by RFC 9989 and by RFC 7489, and what holds for both. No network."""

import socket

import pytest

from bot.mailer.identities.dmarc import Answers, Policy, find_dmarc, organization_of, parse_dmarc, read_dmarc
from bot.mailer.identities.dns_lookup import NoAnswerError

NONE, QUARANTINE, REJECT = Policy
P_NONE, P_REJECT = "v=DMARC1; p=none", "v=DMARC1; p=reject"
DEEP = "a.b.c.d.e.f.g.h.acme.com"


def answers(domain: str, **records: str | list[str] | None) -> Answers:
    """Records by domain, with `_` for the dots; every other name has none."""
    given = {name.replace("_", "."): [texts] if isinstance(texts, str) else texts for name, texts in records.items()}
    names = domain.split(".")
    return {".".join(names[at:]): [] for at in range(len(names))} | given


@pytest.mark.parametrize(
    ("domain", "records", "walked", "listed"),
    [
        ("acme.com", {"acme_com": P_NONE}, NONE, NONE),
        ("acme.com", {}, None, None),
        ("news.acme.com", {"acme_com": P_REJECT}, REJECT, REJECT),
        ("news.acme.com", {"news_acme_com": P_NONE, "acme_com": P_REJECT}, NONE, NONE),
        ("news.acme.com", {"acme_com": "v=DMARC1; p=reject; sp=quarantine"}, QUARANTINE, QUARANTINE),
        ("acme.com", {"acme_com": "v=DMARC1; p=reject; sp=none"}, REJECT, REJECT),
        ("acme.com", {"acme_com": "v=DMARC1; p=reject; t=y; x=1; np=reject"}, REJECT, REJECT),
        ("acme.com", {"acme_com": [P_NONE, P_REJECT]}, None, None),
        ("news.acme.com", {"news_acme_com": [P_NONE, P_NONE], "acme_com": P_REJECT}, REJECT, None),
        ("a.b.acme.com", {"b_acme_com": P_REJECT}, REJECT, None),
        ("a.b.acme.com", {"b_acme_com": P_REJECT, "acme_com": P_NONE}, NONE, NONE),
        ("a.b.acme.com", {"b_acme_com": f"{P_REJECT}; psd=n", "acme_com": P_NONE}, REJECT, NONE),
        ("acme.gov.uk", {"gov_uk": f"{P_REJECT}; psd=y"}, REJECT, None),
        ("acme.gov.uk", {"acme_gov_uk": P_NONE, "gov_uk": f"{P_REJECT}; psd=y"}, NONE, NONE),
        ("x.acme.gov.uk", {"acme_gov_uk": P_NONE, "gov_uk": f"{P_REJECT}; psd=y"}, NONE, NONE),
        ("acme.co.uk", {"uk": P_REJECT}, REJECT, None),
        (DEEP, {"b_c_d_e_f_g_h_acme_com": P_REJECT}, None, None),
        (DEEP, {"d_e_f_g_h_acme_com": P_REJECT}, REJECT, None),
    ],
)
def test_the_two_ways_of_looking_it_up(
    domain: str, records: dict[str, str | list[str]], walked: Policy | None, listed: Policy | None
) -> None:
    found = read_dmarc(domain, answers(domain, **records))

    assert (found.walked.policy, found.listed.policy) == (walked, listed)
    assert found.is_found is (walked is not None and listed is not None)
    assert found.policy == max((policy for policy in (walked, listed) if policy is not None), default=None)


async def test_the_walk_asks_for_eight_names_at_most_and_the_organisation() -> None:
    asked = []

    async def lookup(name: str, _kind: str) -> list[str]:
        asked.append(name.removeprefix("_dmarc."))
        return []

    await find_dmarc(DEEP, lookup)
    assert (asked[0], asked[1]) == (DEEP, "d.e.f.g.h.acme.com")
    assert asked[2:] == ["e.f.g.h.acme.com", "f.g.h.acme.com", "g.h.acme.com", "h.acme.com", "acme.com", "com"]


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        ("v=DMARC1;p=none", NONE),
        (" V = DMARC1 ; P = Reject ", REJECT),
        ("v=dmarc1; p=none", None),
        ("v=DMARC12; p=none", None),
        ("p=none; v=DMARC1", None),
        ("v=DMARC1", None),
        ("v=DMARC1; p=nothing", None),
        ("v=DMARC1; p=nothing; rua=mailto:x@acme.com", NONE),
        ("v=DMARC1; rua=x@acme.com", None),
        ("v=DMARC1; p=none; psd=maybe; ;=;x", NONE),
    ],
)
def test_a_record_is_one_that_says_what_to_do(text: str, policy: Policy | None) -> None:
    record = parse_dmarc(text)
    assert (record.policy if record else None) == policy


@pytest.mark.parametrize(
    ("tags", "domain", "spf", "aligned"),
    [
        ("", "news.acme.com", False, True),
        ("", "acme.com", False, True),
        ("", "other.com", False, False),
        ("", "notacme.com", False, False),
        ("; adkim=s", "acme.com", False, False),
        ("; adkim=s", "news.acme.com", False, True),
        ("; aspf=s", "acme.com", False, True),
        ("; aspf=s", "bounce.news.acme.com", True, False),
        ("", "bounce.news.acme.com", True, True),
    ],
)
def test_alignment_is_with_the_organisation_unless_the_record_is_strict(
    tags: str, domain: str, spf: bool, aligned: bool
) -> None:
    found = read_dmarc("news.acme.com", answers("news.acme.com", acme_com=f"{P_NONE}{tags}"))
    assert found.is_aligned(domain, spf=spf) is aligned


def test_one_that_is_aligned_for_some_receivers_alone_is_not_aligned() -> None:
    """RFC 9989: `psd=n` makes news.acme.com an organisation of its own; the public suffix list knows acme.com alone."""
    found = read_dmarc("x.news.acme.com", answers("x.news.acme.com", news_acme_com=f"{P_NONE}; psd=n", acme_com=P_NONE))
    assert (found.walked.organization, found.listed.organization) == ("news.acme.com", "acme.com")
    assert found.is_aligned("news.acme.com")
    assert not found.is_aligned("acme.com")


def test_silence_counts_only_where_something_hangs_on_it() -> None:
    silent = answers("news.acme.com", acme_com=None)
    with pytest.raises(NoAnswerError):
        read_dmarc("news.acme.com", silent)
    assert read_dmarc("news.acme.com", {**silent, "news.acme.com": [P_NONE]}).is_found
    beyond = answers("news.acme.com", acme_com=f"{P_NONE}; psd=n", com=None)
    assert read_dmarc("news.acme.com", beyond).is_found


def test_the_public_suffix_list_is_the_one_that_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    domains = ["a.b.co.uk", "x.acme.com", "co.uk", "x.acme.test", "localhost"]
    assert [organization_of(name) for name in domains] == ["b.co.uk", "acme.com", "co.uk", "acme.test", "localhost"]
