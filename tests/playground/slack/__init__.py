"""A Slack workspace over loopback that speaks the real protocols: `SlackPlayground`."""

from .call import Call
from .delivery import Delivery, NotAcked, signed_headers
from .driver import NotSeen, Person, Seen
from .finding import NotThere
from .html_pages import channel_html, home_html, modal_html
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
    "channel_html",
    "home_html",
    "modal_html",
    "signed_headers",
]
