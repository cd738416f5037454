"""The same payloads put to two libraries that check Block Kit: blockkit and slackblocks.

Each takes a payload apart and builds it again from the library's classes; whatever the library raises is a refusal.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import blockkit.core as bk
import slackblocks as sb
from slackblocks.rich_text.elements import RichText, RichTextLink
from slackblocks.rich_text.objects import (
    ListType,
    RichTextCodeBlock,
    RichTextList,
    RichTextQuote,
    RichTextSection,
)

Json = dict[str, Any]
Build = Callable[..., Any]

_BLOCKKIT: dict[str, Build] = {
    "actions": bk.Actions,
    "context": bk.Context,
    "divider": bk.Divider,
    "header": bk.Header,
    "input": bk.Input,
    "markdown": bk.Markdown,
    "rich_text": bk.RichText,
    "section": bk.Section,
    "table": bk.Table,
    "button": bk.Button,
    "checkboxes": bk.Checkboxes,
    "datepicker": bk.DatePicker,
    "datetimepicker": bk.DatetimePicker,
    "email_text_input": bk.EmailInput,
    "file_input": bk.FileInput,
    "multi_users_select": bk.MultiUsersSelect,
    "number_input": lambda **parts: _blockkit_number(parts),
    "overflow": bk.Overflow,
    "plain_text_input": bk.PlainTextInput,
    "radio_buttons": bk.RadioButtons,
    "rich_text_input": bk.RichTextInput,
    "static_select": bk.StaticSelect,
    "timepicker": bk.TimePicker,
    "url_text_input": bk.UrlInput,
    "raw_text": bk.RawText,
    "text": bk.RichTextEl,
    "link": bk.RichLinkEl,
    "rich_text_section": bk.RichTextSection,
    "rich_text_list": bk.RichTextList,
    "rich_text_quote": bk.RichTextQuote,
    "rich_text_preformatted": bk.RichTextPreformatted,
    "modal": bk.Modal,
    "home": bk.Home,
}
_BLOCKKIT_OBJECTS: dict[str, Build] = {
    "confirm": bk.Confirm,
    "options": bk.Option,
    "initial_option": bk.Option,
    "initial_options": bk.Option,
    "option_groups": bk.OptionGroup,
    "slack_file": bk.SlackFile,
    "style": bk.RichStyle,
}


def _blockkit_number(parts: Json) -> Any:
    """blockkit wants numbers where Slack's JSON has numbers in strings."""
    limits: Json = {name: int(parts[name]) for name in ("min_value", "max_value") if name in parts}
    return bk.NumberInput(**{**parts, **limits})


def blockkit_refuses(payload: Json) -> bool:
    """blockkit builds nothing from this payload."""
    try:
        built = _blockkit(payload, "") if "type" in payload else bk.Message(blocks=_blockkit(payload["blocks"], ""))
        built.build()
    except Exception:  # noqa: BLE001  (any complaint of the library's counts)
        return True
    return False


def _blockkit(value: Any, name: str) -> Any:
    if isinstance(value, list):
        return [_blockkit(item, name) for item in value]
    if not isinstance(value, dict):
        return value
    kind = value.get("type")
    parts = {key: _blockkit(part, key) for key, part in value.items() if key != "type"}
    if kind in {"plain_text", "mrkdwn"}:
        return bk.Text(**parts, type=kind)
    if kind == "image":
        return (bk.ImageEl if name == "elements" else bk.Image)(**parts)
    if kind is None and name in _BLOCKKIT_OBJECTS:
        return _BLOCKKIT_OBJECTS[name](**parts)
    return _BLOCKKIT[str(kind)](**parts)


_SLACKBLOCKS: dict[str, Build] = {
    "actions": sb.ActionsBlock,
    "context": sb.ContextBlock,
    "divider": sb.DividerBlock,
    "header": sb.HeaderBlock,
    "input": sb.InputBlock,
    "markdown": sb.MarkdownBlock,
    "rich_text": sb.RichTextBlock,
    "section": sb.SectionBlock,
    "table": sb.TableBlock,
    "button": sb.Button,
    "checkboxes": sb.CheckboxGroup,
    "datepicker": sb.DatePicker,
    "datetimepicker": lambda initial_date_time=None, **more: sb.DateTimePicker(
        initial_datetime=initial_date_time, **more
    ),
    "email_text_input": sb.EmailInput,
    "file_input": sb.FileInput,
    "multi_users_select": sb.UserMultiSelectMenu,
    "number_input": sb.NumberInput,
    "overflow": sb.OverflowMenu,
    "plain_text_input": sb.PlainTextInput,
    "radio_buttons": sb.RadioButtonGroup,
    "rich_text_input": sb.RichTextInput,
    "static_select": sb.StaticSelectMenu,
    "timepicker": sb.TimePicker,
    "url_text_input": sb.URLInput,
    "raw_text": sb.RawText,
    "text": lambda text, style=None: RichText(text, **(style or {})),
    "link": lambda url, text=None: RichTextLink(url, text),
    "rich_text_section": RichTextSection,
    "rich_text_list": RichTextList,
    "rich_text_quote": RichTextQuote,
    "rich_text_preformatted": RichTextCodeBlock,
    "modal": sb.ModalView,
    "home": sb.HomeTabView,
}
_SLACKBLOCKS_OBJECTS: dict[str, Build] = {
    "confirm": sb.ConfirmationDialogue,
    "options": sb.Option,
    "initial_option": sb.Option,
    "initial_options": sb.Option,
    "option_groups": sb.OptionGroup,
    "slack_file": lambda url=None, id=None: sb.SlackFile(url, id),  # noqa: A006  (the field's name)
    "style": dict,
}


def slackblocks_refuses(payload: Json) -> bool:
    """slackblocks builds nothing from this payload."""
    try:
        if "type" in payload:
            _slackblocks(payload, "")._resolve()
        else:
            sb.Message(channel="C1", text="t", blocks=_slackblocks(payload["blocks"], "")).json()
    except Exception:  # noqa: BLE001  (any complaint of the library's counts)
        return True
    return False


def _slackblocks(value: Any, name: str) -> Any:
    if isinstance(value, list):
        return [_slackblocks(item, name) for item in value]
    if not isinstance(value, dict):
        return value
    kind = value.get("type")
    parts = {key: _slackblocks(part, key) for key, part in value.items() if key != "type"}
    if kind in {"plain_text", "mrkdwn"}:
        return sb.Text(**parts, type_=sb.TextType(kind))
    if kind == "image":
        return (sb.Image if name == "elements" else sb.ImageBlock)(**parts)
    if kind == "rich_text_list":
        parts["style"] = next(s for s in ListType if s.value == value["style"])
    if kind is None and name in _SLACKBLOCKS_OBJECTS:
        return _SLACKBLOCKS_OBJECTS[name](**parts)
    return _SLACKBLOCKS[str(kind)](**parts)
