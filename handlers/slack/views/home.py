"""The App Home: the cards of all teams whose channel the viewer is in, warnings first, a page at a time."""

from collections.abc import Sequence

from slack_sdk.models.blocks import Block, DividerBlock
from slack_sdk.models.views import View

from bot.dashboard import Standing
from bot.teams.fleet import FleetMember
from bot.teams.slack_codes import WORKSPACE_GONE
from bot.wording import count
from handlers.slack import ids
from handlers.slack.text import esc, when
from handlers.slack.views.blocks import button, buttons, context, header, home, section
from handlers.slack.views.broadcast_message import STATES
from handlers.slack.views.mailer.status_card import status_message, team_ref
from storage import Access, Broadcast

BLOCKS = 100  # of a view: https://docs.slack.dev/reference/views/home-tab-views
_AROUND = 4  # title, whose teams, line of the page, buttons
_LINES, _SECTIONS = 25, 8  # of a page of all teams
ALL_TEAMS = "all"

_OUT_OF_REACH = {
    "is_archived": "the channel is archived",
    "not_in_channel": "Mailroom is no longer in the channel; invite it again with `/invite @Mailroom` there",
    "channel_not_found": "Mailroom can no longer see the channel; invite it again, or it was deleted",
}


def dashboard_view(standings: Sequence[Standing], page: int, *, one_click: bool, admin: bool = False) -> View:
    """Draw one page, the first is 0; one that is not there is the nearest that is.

    `admin`: the viewer is an owner or admin of the workspace.
    """
    choice = [_choice()] if admin else []
    pages = _paged([_entry(one, one_click=one_click) for one in standings])
    if not pages:
        return home(
            [
                header("Mailroom"),
                *choice,
                section(
                    "*No teams yet.* Mailroom works in channels: type `/mailer` in the channel your team uses. Every "
                    "channel you are in that has a mailer is shown here."
                ),
            ]
        )
    page = min(max(page, 0), len(pages) - 1)
    warned = sum(one.warns for one in standings)
    teams = f"{count(len(standings), 'channel')}" + (f" · :warning: {warned} with a warning" if warned else "")
    where = f" · page {page + 1} of {len(pages)}" if len(pages) > 1 else ""
    heading = [header("Mailroom"), *choice, context(teams + where)]
    return home([*heading, *pages[page], *_turning(page, len(pages))])


def fleet_view(members: Sequence[FleetMember], page: int) -> View:
    """Draw how every mailer of the workspace is, a page of lines at a time: states only."""
    pages = [members[at : at + _LINES * _SECTIONS] for at in range(0, len(members), _LINES * _SECTIONS)] or [[]]
    page = min(max(page, 0), len(pages) - 1)
    shown = pages[page]
    lines = [f"{':lock: ' if one.team.private else '#'}{esc(one.team.name)}: {one.state.value}" for one in shown]
    return home(
        [
            header("Mailroom"),
            _choice(),
            context(f"{count(len(members), 'mailer')} in this workspace"),
            *(section("\n".join(lines[at : at + _LINES])) for at in range(0, len(lines), _LINES)),
            *_turning(page, len(pages), ALL_TEAMS),
        ]
    )


def _choice() -> Block:
    """Offer what an admin of the workspace may look at."""
    every = ids.Ref(record_id=ALL_TEAMS)
    return buttons(button(ids.Button.MINE, "Mine", ids.Ref()), button(ids.Button.ALL, "All", every))


def _turning(page: int, pages: int, which: str = "") -> list[Block]:
    turns = [
        *([button(ids.Button.PREVIOUS, "Previous", ids.Ref(record_id=which, version=page - 1))] if page else []),
        *([button(ids.Button.NEXT, "Next", ids.Ref(record_id=which, version=page + 1))] if page < pages - 1 else []),
    ]
    return [buttons(*turns)] if turns else []


def _paged(entries: Sequence[Sequence[Block]]) -> list[list[Block]]:
    pages: list[list[Block]] = []
    for blocks in entries:
        if not pages or len(pages[-1]) + len(blocks) > BLOCKS - _AROUND:
            pages.append([])
        pages[-1].extend(blocks)
    return pages


def _entry(standing: Standing, *, one_click: bool) -> list[Block]:
    mailer = standing.overview.mailer
    lost = mailer is not None and mailer.access is Access.LOST  # the card's next step is Reconnect
    delete = button(ids.Button.DELETE_MAILER, "Delete mailer", team_ref(standing.overview), style="danger")
    return [
        DividerBlock(),
        *_warning(standing),
        *status_message(standing.overview, one_click=one_click).blocks,
        *([buttons(delete)] if lost else []),
        *([context(_last(standing.last_broadcast))] if standing.last_broadcast else []),
    ]


def _warning(standing: Standing) -> list[Block]:
    team = standing.team
    if team.reachable or team.unreachable_why in WORKSPACE_GONE:
        return []
    why = _OUT_OF_REACH.get(team.unreachable_why, "Slack refuses messages there")
    return [
        section(
            f":warning: *Mailroom cannot speak in #{esc(team.name)}*: {why}. Alerts wait until it can; scheduled "
            "broadcasts wait too."
        )
    ]


def _last(broadcast: Broadcast) -> str:
    at = broadcast.finished_at or broadcast.start_at or broadcast.created_at
    return (
        f"Last broadcast: *{esc(broadcast.subject, 150)}*, {STATES[broadcast.state]}, "
        f"{count(broadcast.size, 'recipient')}, {when(at)}"
    )
