"""The rules of approval among a team's settings, and what the channel hears when they change."""

from slack_sdk.models.blocks import Block, NumberInputElement

from bot.teams.policy import APPROVAL_FROM_LIMIT, APPROVALS_LIMIT, Policy
from bot.teams.settings import TeamSettings
from bot.wording import count
from handlers.slack import ids
from handlers.slack.text import actor, mention
from handlers.slack.views.blocks import Message, labelled, people, radio, section, text_message
from storage import ApprovalRule, Audit, Team

_RULES = {
    ApprovalRule.NEVER: "Never",
    ApprovalRule.FROM: "From … recipients",
    ApprovalRule.ALWAYS: "Always",
}


def approval_blocks(settings: TeamSettings, policy: Policy) -> list[Block]:
    """The fields, with what the policy leaves to choose among."""
    settings, fixed = settings.under(policy), list(policy.sentences())
    never = {ApprovalRule.NEVER} if policy.approval_from is not None else set()
    return [
        *([section(f":lock: Who runs this Mailroom has fixed for all channels: {' '.join(fixed)}")] if fixed else []),
        radio(
            ids.Input.APPROVAL,
            "Approval",
            {rule: label for rule, label in _RULES.items() if rule not in never},
            settings.approval,
            hint="Which broadcasts somebody else must approve. Programs may ask, and send nothing without it.",
        ),
        labelled(
            ids.Input.APPROVAL_FROM,
            "At least this many recipients",
            NumberInputElement(
                action_id=ids.Input.APPROVAL_FROM,
                is_decimal_allowed=False,
                initial_value=str(settings.approval_from),
                min_value="1",
                max_value=str(policy.approval_from or APPROVAL_FROM_LIMIT),
            ),
            hint="For “From … recipients”: a broadcast to this many or more needs approval.",
        ),
        people(
            ids.Input.APPROVERS,
            "Approvers",
            settings.approvers,
            hint="Empty: team admins. Nobody approves what they wrote, changed last or asked for.",
        ),
        radio(
            ids.Input.APPROVALS,
            "How many",
            {str(number): str(number) for number in range(policy.approvals, APPROVALS_LIMIT + 1)},
            str(settings.approvals),
            hint="How many of them must approve.",
        ),
    ]


def approval_changed_message(entry: Audit, team: Team) -> Message:
    """Tell the channel who changed the rules of approval, and how they are now."""
    return text_message(
        f":ballot_box_with_check: {actor(entry.actor)} changed the approval of broadcasts. {rule_in_words(team)}"
    )


def rule_in_words(team: Team) -> str:
    if team.approval is ApprovalRule.NEVER:
        return "No broadcast needs approval now."
    people = ", ".join(map(mention, sorted(team.approvers))) or "team admins"
    which = f"to {count(team.approval_from, 'recipient')} or more" if team.approval is ApprovalRule.FROM else ""
    needed = "one of them" if team.approvals == 1 else f"{team.approvals} of them"
    return f"{' '.join(filter(None, ('Each broadcast', which)))} needs the approval of {needed} now: {people}."
