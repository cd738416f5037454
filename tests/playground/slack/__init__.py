"""A Slack workspace over loopback that speaks the real protocols: `SlackPlayground`."""

from .call import Call
from .delivery import Delivery, NotAcked, signed_headers
from .driver import NotSeen, Person, Seen
from .finding import NotThere
from .playground import SlackPlayground
from .surfaces import Home, InvalidAck, Modal
from .world import Channel, Role, Workspace

__all__ = [
    "Call",
    "Channel",
    "Delivery",
    "Home",
    "InvalidAck",
    "Modal",
    "NotAcked",
    "NotSeen",
    "NotThere",
    "Person",
    "Role",
    "Seen",
    "SlackPlayground",
    "Workspace",
    "signed_headers",
]
