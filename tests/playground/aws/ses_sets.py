"""The SES v2 operations on configuration sets and their event destinations."""

from __future__ import annotations

import re

from tests.playground.aws.answers import AwsError, Json
from tests.playground.aws.ses_state import ConfigurationSet, EventDestination, Ses

_NAME = re.compile(r"[\w-]{1,64}", re.ASCII)
_OPTIONS = ("TrackingOptions", "DeliveryOptions", "ReputationOptions", "SuppressionOptions", "VdmOptions")
EVENT_TYPES = frozenset(
    {
        "SEND",
        "REJECT",
        "BOUNCE",
        "COMPLAINT",
        "DELIVERY",
        "OPEN",
        "CLICK",
        "RENDERING_FAILURE",
        "DELIVERY_DELAY",
        "SUBSCRIPTION",
    }
)


def create_configuration_set(ses: Ses, params: Json) -> Json:
    name = params["ConfigurationSetName"]
    if not _NAME.fullmatch(name):
        raise AwsError("BadRequestException", f"Invalid configuration set name <{name}>")
    if name in ses.configuration_sets:
        raise AwsError("AlreadyExistsException", f"Configuration set <{name}> already exists.")
    ses.configuration_sets[name] = ConfigurationSet(
        name,
        sending_enabled=(params.get("SendingOptions") or {}).get("SendingEnabled", True),
        options={key: params[key] for key in _OPTIONS if params.get(key)},
        tags=read_tags(params),
    )
    return {}


def get_configuration_set(ses: Ses, params: Json) -> Json:
    found = find(ses, params)
    return {
        "ConfigurationSetName": found.name,
        "SendingOptions": {"SendingEnabled": found.sending_enabled},
        "Tags": write_tags(found.tags),
        **found.options,
    }


def list_configuration_sets(ses: Ses, _: Json) -> Json:
    return {"ConfigurationSets": list(ses.configuration_sets)}


def delete_configuration_set(ses: Ses, params: Json) -> Json:
    del ses.configuration_sets[find(ses, params).name]
    return {}


def put_configuration_set_sending_options(ses: Ses, params: Json) -> Json:
    find(ses, params).sending_enabled = bool(params.get("SendingEnabled"))
    return {}


def create_event_destination(ses: Ses, params: Json) -> Json:
    destinations = find(ses, params).destinations
    name = params["EventDestinationName"]
    if name in destinations:
        raise AwsError("AlreadyExistsException", f"Event destination <{name}> already exists.")
    destinations[name] = _destination(ses, params, name)
    return {}


def get_event_destinations(ses: Ses, params: Json) -> Json:
    found = []
    for each in find(ses, params).destinations.values():
        destination: Json = {
            "Name": each.name,
            "Enabled": each.enabled,
            "MatchingEventTypes": list(each.event_types),
        }
        if each.topic_arn is not None:
            destination["SnsDestination"] = {"TopicArn": each.topic_arn}
        found.append(destination)
    return {"EventDestinations": found}


def update_event_destination(ses: Ses, params: Json) -> Json:
    destinations = find(ses, params).destinations
    name = _existing(destinations, params)
    destinations[name] = _destination(ses, params, name)
    return {}


def delete_event_destination(ses: Ses, params: Json) -> Json:
    destinations = find(ses, params).destinations
    del destinations[_existing(destinations, params)]
    return {}


OPERATIONS = {
    "CreateConfigurationSet": create_configuration_set,
    "GetConfigurationSet": get_configuration_set,
    "ListConfigurationSets": list_configuration_sets,
    "DeleteConfigurationSet": delete_configuration_set,
    "PutConfigurationSetSendingOptions": put_configuration_set_sending_options,
    "CreateConfigurationSetEventDestination": create_event_destination,
    "GetConfigurationSetEventDestinations": get_event_destinations,
    "UpdateConfigurationSetEventDestination": update_event_destination,
    "DeleteConfigurationSetEventDestination": delete_event_destination,
}


def find(ses: Ses, params: Json) -> ConfigurationSet:
    name = params["ConfigurationSetName"]
    if name not in ses.configuration_sets:
        raise AwsError("NotFoundException", f"Configuration set <{name}> does not exist.")
    return ses.configuration_sets[name]


def read_tags(params: Json) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in params.get("Tags") or ()}


def write_tags(tags: dict[str, str]) -> list[Json]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _existing(destinations: dict[str, EventDestination], params: Json) -> str:
    name: str = params["EventDestinationName"]
    if name not in destinations:
        raise AwsError("NotFoundException", f"Event destination <{name}> does not exist.")
    return name


def _destination(ses: Ses, params: Json, name: str) -> EventDestination:
    given = params["EventDestination"]
    event_types = tuple(given.get("MatchingEventTypes") or ())
    if not event_types or not EVENT_TYPES.issuperset(event_types):
        raise AwsError("BadRequestException", "MatchingEventTypes must name one or more event types.")
    topic_arn = (given.get("SnsDestination") or {}).get("TopicArn")
    if topic_arn is not None and not topic_arn.startswith(f"arn:aws:sns:{ses.region}:"):
        raise AwsError("BadRequestException", f"Invalid SNS topic <{topic_arn}>.")
    if topic_arn is not None and ses.rules().topic_is_tried:
        try:
            ses.outbox.publisher.try_topic(ses, params["ConfigurationSetName"], topic_arn)
        except AwsError:
            raise AwsError("BadRequestException", f"Could not publish to SNS topic: {topic_arn}") from None
    return EventDestination(name, bool(given.get("Enabled")), event_types, topic_arn)
