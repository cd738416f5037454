"""Who of an audience gets a broadcast, in the numbers of *Check and send*."""

from collections.abc import Sequence

from bot.broadcast.audience.selection.selection import Selected, Selection
from bot.email_addresses import shown
from bot.wording import count


def selected_lines(selection: Selection, selected: Selected | None) -> list[str]:
    """Say how many were found, added and left out by what was chosen; nothing, where nothing was."""
    if selected is None:
        return []
    lines = []
    if selection.where:
        lines.append(f"{selected.matched:,} of them where {selection.where}")
    if selection.also:
        lines.append(f"{selected.added:,} more from {_listed(selection.also)}")
    if selection.leaves_out:
        lines.append(f"{count(selected.left_out, 'address', 'addresses')} of {_listed(selection.leaves_out)} left out")
    if selection.leaves_out_got:
        of = count(len(selection.leaves_out_got), "broadcast")
        lines.append(f"{count(selected.got, 'address', 'addresses')} left out, who got {of}")
    return lines


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"“{shown(name)}”" for name in names)
