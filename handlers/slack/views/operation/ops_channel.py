"""What the operator's channel is told: states only, no address, and of a private channel not its name."""

from collections import defaultdict
from collections.abc import Sequence

from bot.teams.fleet import FleetMember, FleetState
from bot.wording import count, duration
from handlers.slack.text import esc, when
from handlers.slack.views.blocks import Message, context, section, text_message
from storage import Incident, IncidentKind, IncidentState, Team

NAMES_SHOWN = 5
_NAMELESS = frozenset({FleetState.READY, FleetState.SANDBOX})  # nobody has to do anything about them

_STATES = {
    IncidentKind.ACCESS_LOST: "access to AWS is lost",
    IncidentKind.REGION_OUTAGE: "AWS does not answer",
    IncidentKind.SHUT_DOWN: "AWS has shut its sending down",
    IncidentKind.SENDING_PAUSED: "AWS has paused its sending",
    IncidentKind.PROBATION: "AWS reviews its sending",
    IncidentKind.PRODUCTION_DENIED: "AWS has denied production access",
    IncidentKind.IDENTITY_LOST: "a sender that was verified is not any more",
    IncidentKind.VERIFICATION_FAILED: "the verification of a sender has failed",
    IncidentKind.VERIFICATION_ENDING: "the verification of a sender is about to fail",
    IncidentKind.DMARC_LOST: "a domain has lost its DMARC record",
    IncidentKind.BOUNCES: "many mails bounce",
    IncidentKind.COMPLAINTS: "many recipients complain",
    IncidentKind.EVENTS_MISSING: "SES tells nothing of its mails",
    IncidentKind.QUOTA_USED_UP: "its quota is used up",
    IncidentKind.QUOTA_LOW: "its quota is nearly used up",
    IncidentKind.WEBHOOK_FAILING: "its webhook takes nothing",
}


def name_of(team: Team) -> str:
    """Return the channel's name as other channels may read it."""
    return "a private channel" if team.private else f"#{esc(team.name)}"


def ops_alert_message(incident: Incident, team: Team) -> Message:
    """Draw the live message about an incident of a team, which the operator's channel has."""
    what = f"{name_of(team)}: {_STATES[incident.kind]}"
    since = incident.opened_at
    if incident.state is IncidentState.RESOLVED:
        lasted = duration(((incident.resolved_at or incident.updated_at) - since).total_seconds())
        return Message(f"Over: {what}", [section(f":white_check_mark: *Over:* {what}. It lasted {lasted}.")])
    at_it = "Somebody there has acknowledged it." if incident.state is IncidentState.ACKNOWLEDGED else ""
    return Message(
        f"Alert: {what}",
        [
            section(f":rotating_light: *{what}*, since {when(since)}."),
            context(f"The channel has the alert, with what to do. {at_it}".strip()),
        ],
    )


def ops_alert_gone_message() -> Message:
    """Draw what is left of an incident whose mailer was deleted."""
    return text_message(":white_check_mark: This is over: the mailer was deleted.")


def ops_daily_message(members: Sequence[FleetMember]) -> Message:
    """Draw the line of the day: `40 mailers: 38 ready, 1 access lost (#growth), 1 in the sandbox`."""
    by_state: dict[FleetState, list[Team]] = defaultdict(list)
    for member in members:
        by_state[member.state].append(member.team)
    parts = [
        f"{len(teams):,} {state.value}{_names(state, teams)}"
        for state in (FleetState.READY, *(each for each in FleetState if each is not FleetState.READY))
        if (teams := by_state[state])
    ]
    return text_message(f"{count(len(members), 'mailer')}: {', '.join(parts) or 'none is connected'}")


def _names(state: FleetState, teams: Sequence[Team]) -> str:
    if state in _NAMELESS:
        return ""
    shown = [name_of(team) for team in teams[:NAMES_SHOWN]]
    more = [f"{len(teams) - NAMES_SHOWN:,} more"] if len(teams) > NAMES_SHOWN else []
    return f" ({', '.join([*shown, *more])})"
