"""*Mail me one*: whose mail, and where to."""

from collections.abc import Sequence

from slack_sdk.models.blocks import Option, PlainTextObject, StaticSelectElement
from slack_sdk.models.views import View

from bot.broadcast.mail_me_one import MOST_ADDRESSES, Offered
from handlers.slack import ids
from handlers.slack.text import clean
from handlers.slack.views.blocks import field, form, labelled

TITLE = "Mail me one"


def mail_me_one_form(ref: ids.Ref, offered: Sequence[Offered], *, send_to: str) -> View:
    options = [
        Option(value=str(each.seq), text=PlainTextObject(text=clean(f"{each.why}: {each.address}", 75)))
        for each in offered
    ]
    menu = StaticSelectElement(action_id=ids.Input.RECIPIENT, options=options, initial_option=options[0])
    return form(
        ids.Form.MAIL_ME_ONE,
        TITLE,
        [
            labelled(ids.Input.RECIPIENT, "Recipient", menu, hint="The very mail that this recipient would get."),
            field(
                ids.Input.LINE,
                "Line of the file",
                hint="Instead: the line in which somebody stands; the header is line 1.",
                optional=True,
                max_length=9,
            ),
            field(
                ids.Input.SEND_TO,
                "Send to",
                initial=send_to,
                hint=f"Up to {MOST_ADDRESSES} addresses, with commas between. Each gets one mail.",
            ),
        ],
        submit="Send test",
        ref=ref,
    )
