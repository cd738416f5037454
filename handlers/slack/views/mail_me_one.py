"""*Mail me one*: whose mail, and where to."""

from collections.abc import Sequence

from slack_sdk.models.views import View

from bot.broadcast.mail_me_one import MOST_ADDRESSES, Offered
from handlers.slack import ids
from handlers.slack.views.blocks import field, form, menu

TITLE = "Mail me one"


def mail_me_one_form(ref: ids.Ref, offered: Sequence[Offered], *, send_to: str) -> View:
    recipients = {str(each.seq): f"{each.why}: {each.address}" for each in offered}
    hint = "The very mail that this recipient would get."
    return form(
        ids.Form.MAIL_ME_ONE,
        TITLE,
        [
            menu(ids.Input.RECIPIENT, "Recipient", recipients, str(offered[0].seq), hint=hint),
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
