"""Why a webhook is not saved, or what was pressed does nothing."""

from bot.errors import Code


class WebhookCode(Code):
    WEBHOOK_ADDRESS = "WEBHOOK_ADDRESS"
    NO_WEBHOOK = ("NO_WEBHOOK", "This channel has no webhook.", "Set one up with /mailer settings, Webhook.")
    CHANGED = (
        "CHANGED",
        "Somebody else changed the webhook while your form was open, so nothing of yours was saved.",
        "Doing it again writes over what they did.",
    )
