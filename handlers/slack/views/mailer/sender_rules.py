"""The card *Sender rules*: each rule, met or not and why, with the records to publish."""

from collections.abc import Sequence

from slack_sdk.models.blocks import Block, ButtonElement
from slack_sdk.models.views import View

from bot.mailer.identities.sender_rules import Rule, SenderRulesReport, Verdict
from bot.wording import count
from handlers.slack import ids
from handlers.slack.text import esc
from handlers.slack.views.blocks import button, buttons, context, page, section
from handlers.slack.views.mailer.identities import record_blocks

TITLE = "Sender rules"
IDENTITIES_SHOWN = 8  # of a modal's 100 blocks each may take ten

_MARKS = {
    Verdict.MET: ":white_check_mark:",
    Verdict.NOT_MET: ":x:",
    Verdict.UNKNOWN: ":grey_question:",
}


def rules_button(team_id: str) -> ButtonElement:
    return button(ids.Button.SENDER_RULES, TITLE, ids.Ref(team_id))


def sender_rules_page(report: SenderRulesReport, ref: ids.Ref) -> View:
    blocks: list[Block] = [
        section(
            "What Gmail, Yahoo and Outlook require of those who mail more than 5,000 of their users in a day. Smaller "
            "senders need SPF or DKIM, and few complaints."
        ),
        section("\n".join(map(_line, report.of_mailer))),
    ]
    for row, rules in report.of_identities:
        blocks += [section(f"*{esc(row.name)}*"), *_rules(rules)]
    if not report.of_identities:
        blocks.append(section("No identity is verified yet, so there is no domain to look at."))
    if report.left_out:
        more = count(report.left_out, "more identity", "more identities")
        blocks.append(context(f"{more} not shown; all are looked at once a day."))
    return page(TITLE, [*blocks, buttons(button(ids.Button.CHECK_RULES, "Check now", ref, style="primary"))])


def _rules(rules: Sequence[Rule]) -> list[Block]:
    return [block for rule in rules for block in (section(_line(rule)), *record_blocks(rule.records))]


def _line(rule: Rule) -> str:
    return f"{_MARKS[rule.verdict]} *{esc(rule.name)}* {rule.verdict}. {esc(rule.why)}"
