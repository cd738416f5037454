"""The application for production access, as AWS asks for it."""

from slack_sdk.models.views import View

from handlers.slack import ids
from handlers.slack.views.blocks import field, form, radio, section

TITLE = "Production access"
MAIL_TYPES = {"MARKETING": "Marketing", "TRANSACTIONAL": "Transactional"}
LANGUAGES = {"EN": "English", "JA": "Japanese"}


def production_form(
    ref: ids.Ref,
    *,
    website: str = "",
    mail_type: str = "",
    language: str = "",
    contacts: str = "",
    use_case: str = "",
    notice: str = "",
) -> View:
    """The form, with what was typed before or what AWS has on file."""
    return form(
        ids.Form.PRODUCTION,
        TITLE,
        [
            section(
                "A new SES account is in the *sandbox*: it may mail verified addresses only. AWS reads this "
                "application and usually answers within a day."
            ),
            field(
                ids.Input.WEBSITE,
                "Website URL",
                initial=website,
                placeholder="https://example.com",
                max_length=1000,
            ),
            radio(ids.Input.MAIL_TYPE, "Mail type", MAIL_TYPES, mail_type or "MARKETING"),
            radio(ids.Input.LANGUAGE, "Contact language", LANGUAGES, language or "EN"),
            field(
                ids.Input.CONTACTS,
                "Contact addresses",
                initial=contacts,
                hint="One to four, with commas between. AWS writes to them about your account.",
                max_length=1100,
            ),
            field(
                ids.Input.USE_CASE,
                "Use case",
                initial=use_case,
                hint="Whom do you mail, how did they sign up, how do they leave, how do you handle bounces?",
                multiline=True,
                max_length=3000,
            ),
        ],
        submit="Apply",
        ref=ref,
        notice=notice,
    )
