"""Numbers, sizes and lengths of time in words."""


def count(number: float, noun: str, plural: str = "") -> str:
    """`1 recipient`, `1,200 recipients`."""
    return f"{number:,.0f} {noun if number == 1 else plural or noun + 's'}"


def size(number: int) -> str:
    """How many bytes: `4 KB`, `410 KB`, `8.2 GB`."""
    for unit, name in ((10**9, "GB"), (10**6, "MB")):
        if number >= unit:
            return f"{number / unit:,.1f} {name}"
    return f"{number / 1000:,.0f} KB"


def take_out(number: int) -> str:
    """What to do about so many bytes too many."""
    return f"Take out {-(-number // 1000):,} KB or more."


def duration(seconds: float) -> str:
    """A length of time as people say it: `40 seconds`, `3 minutes`, `2 hours 5 minutes`, `3 days`."""
    seconds = max(1, round(seconds))  # what takes less is not worth a word of its own
    if seconds < 90:
        return count(seconds, "second")
    minutes = round(seconds / 60)
    if minutes < 90:
        return count(minutes, "minute")
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return count(hours, "hour") + (f" {count(minutes, 'minute')}" if minutes else "")
    return count(round(hours / 24), "day")
