"""Who may do what: every listener there is, reached by everybody there can be, over the real transport.

Whoever is refused reads why, alone, and nothing has changed. A listener that this walk cannot reach makes it fail.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from sqlmodel import SQLModel, select

from bot.suppression.recording import suppress
from bot.webhooks.signing import WebhookSecrets, new_secret
from handlers.slack.dispatch.registration import Permission, Registered
from handlers.slack.ids import Ref
from storage.models import (
    ApiToken,
    Audience,
    Broadcast,
    Identity,
    Incident,
    Mailer,
    Suppression,
    Team,
    TeamAdmin,
    Webhook,
)
from storage.states import IncidentKind, SuppressionReason
from tests.flows.world import OVER_HTTP, OVER_SOCKET_MODE, World
from tests.playground.slack.delivery import Kind
from tests.playground.slack.driver import Person, Seen
from tests.playground.slack.posting import post
from tests.playground.slack.surfaces import Modal
from tests.playground.slack.views import push
from tests.playground.slack.world import Json, Message

RECORDS: dict[str, type[SQLModel]] = {  # what the listeners of a flow are about, by the first part of their id
    "api": ApiToken,
    "audience": Audience,
    "broadcast": Broadcast,
    "connection": Mailer,
    "home": Team,
    "identity": Identity,
    "incident": Incident,
    "production": Mailer,
    "send": Broadcast,
    "suppression": Suppression,
    "team": Team,
    "webhook": Webhook,
}
FOREIGN = {
    "api",
    "audience",
    "broadcast",
    "identity",
    "incident",
    "suppression",
    "webhook",
}  # whose buttons name a record of the team
ADMINS_ONLY = "Only team admins can do this"
REFUSED = {
    "guest": "guest accounts cannot use it",
    "single-channel guest": "guest accounts cannot use it",
    "outsider": "your account belongs to another one",
    "deactivated": "This account cannot use Mailroom",
    "elsewhere": "This belongs to a channel you are not in",
}
UNEXPECTED = "Something went wrong on our side"


@dataclass
class Somebody:
    """`role` is as in Slack, or `appointed` (a member made a team admin), or `elsewhere` (not in the channel)."""

    role: str
    person: Person

    def is_refused(self, listener: Registered) -> str:
        """The sentence with which this listener turns them away; empty where they may."""
        if self.role in REFUSED:
            return REFUSED[self.role]
        return ADMINS_ONLY if self.role == "member" and listener.permission is Permission.ADMINISTER else ""

    def can_reach(self, listener: Registered) -> bool:
        """Commands can only be typed from inside; the App Home is everybody's own, whatever channel they are in."""
        return self.role != "elsewhere" or not (listener.kind == "command" or is_home(listener))


def is_home(listener: Registered) -> bool:
    return listener.id == "app_home_opened" or listener.id.startswith("home:")


async def command(world: World, listener: Registered, who: Person, _ref: Ref) -> None:
    await who.types(world.news, listener.id)


async def button(world: World, listener: Registered, who: Person, ref: Ref) -> None:
    element: Json = {
        "type": "button",
        "action_id": listener.id,
        "value": str(ref),
        "text": {"type": "plain_text", "text": "Press"},
    }
    block: Json = {"type": "actions", "block_id": "b", "elements": [element]}
    payloads = world.slack.payloads
    action = payloads.action(block, element, None)
    if is_home(listener):
        home = world.slack.world.homes[who.id, who.workspace.id]
        await world.slack.delivery.send(Kind.INTERACTION, payloads.view_action(who.user, home, action))
        return
    message = post(world.slack.world, world.news, world.news.workspace, "A message", [block], shown_to="nobody")
    message.shown_to = None
    payload = payloads.message_action(who.user, message, action, {}, [block])
    message.deleted = True  # it was only there to be pressed
    await world.slack.delivery.send(Kind.INTERACTION, payload)


async def button_in_modal(world: World, listener: Registered, who: Person, ref: Ref) -> None:
    text = {"type": "plain_text", "text": "Press"}
    element: Json = {"type": "button", "action_id": listener.id, "value": str(ref), "text": text}
    block: Json = {"type": "actions", "block_id": "b", "elements": [element]}
    modal, payloads = opened(world, who, "any", ref, [block]), world.slack.payloads
    action = payloads.action(block, element, None)
    await world.slack.delivery.send(Kind.INTERACTION, payloads.view_action(who.user, modal.view, action))


async def choice(world: World, listener: Registered, who: Person, ref: Ref) -> None:
    option = {"text": {"type": "plain_text", "text": "This"}, "value": "this"}
    element: Json = {"type": "radio_buttons", "action_id": listener.id, "options": [option]}
    block: Json = {
        "type": "input",
        "block_id": listener.id,
        "dispatch_action": True,
        "label": option["text"],
        "element": element,
    }
    modal = opened(world, who, "any", ref, [block])
    modal.view.inputs[listener.id, listener.id] = option
    payloads = world.slack.payloads
    action = payloads.action(block, element, option)
    await world.slack.delivery.send(Kind.INTERACTION, payloads.view_action(who.user, modal.view, action))


async def form(world: World, listener: Registered, who: Person, ref: Ref) -> None:
    text = {"type": "section", "text": {"type": "plain_text", "text": "A form"}}
    await opened(world, who, listener.id, ref, [text]).submit()


async def shortcut(world: World, listener: Registered, who: Person, _ref: Ref) -> None:
    message = post(world.slack.world, world.news, world.news.workspace, "A message", [], shown_to="nobody")
    message.shown_to, message.deleted = None, True  # it was only there for its menu
    await who.uses_shortcut(listener.id, Seen(message, world.slack))


async def event(_world: World, listener: Registered, who: Person, _ref: Ref) -> None:
    assert listener.id == "app_home_opened", f"the walk does not know how to bring {listener.id} about"
    await who.opens_home()


def opened(world: World, who: Person, callback: str, ref: Ref, blocks: list[Json]) -> Modal:
    title = {"type": "plain_text", "text": "Form"}
    body: Json = {"type": "modal", "callback_id": callback, "title": title, "submit": title, "blocks": blocks}
    view = push(world.slack.world, {**body, "private_metadata": str(ref)}, who.id, who.workspace, None)
    return Modal(who, view)


Reach = Callable[[World, Registered, Person, Ref], Awaitable[None]]
REACH: dict[str, Reach] = {
    "command": command,
    "button": button,
    "choice": choice,
    "form": form,
    "shortcut": shortcut,
    "event": event,
}


async def answers(
    world: World, listener: Registered, people: Sequence[Somebody], ref: Ref, reach: Reach | None = None
) -> list[str]:
    """What each of them reads who comes to this listener, all at the same moment; nobody else reads anything."""
    reach = reach or REACH[listener.kind]
    slack = world.slack.world
    for somebody in people:
        await read_and_closed(somebody.person)
    before = set(map(id, slack.messages))
    await asyncio.gather(*(reach(world, listener, somebody.person, ref) for somebody in people))
    await world.bot.tasks.idle()
    direct = {somebody.person.dm.id for somebody in people}
    said = (message for message in slack.messages if message.channel.id not in direct)
    new = [message for message in said if id(message) not in before and not message.deleted]
    assert {message.shown_to for message in new} <= {somebody.person.id for somebody in people}, listener
    return [await read_by(world, listener, somebody.person, new) for somebody in people]


async def read_by(world: World, listener: Registered, who: Person, new: list[Message]) -> str:
    read = [world.slack.text_of(message) for message in new if message.shown_to == who.id]
    read += await read_and_closed(who)
    return "\n".join([*read, who.home] if is_home(listener) else read)


async def read_and_closed(who: Person) -> list[str]:
    """The modals that are open, each closed once it is read."""
    read = []
    while (top := who.top_modal) is not None:
        read.append(top.text)
        await top.close()
    return read


async def everybody(world: World) -> list[Somebody]:
    """All of them in the channel, which is shared with another workspace, but for the one who is elsewhere."""
    world.news.shared = True
    roles = ("owner", "admin", "member", "guest", "single-channel guest", "outsider", "deactivated")
    people = [Somebody(role, world.slack.person(role.title(), role)) for role in roles]
    people.append(Somebody("appointed", world.slack.person("Appointed", "member")))
    world.news.members |= {somebody.person.id for somebody in people}
    return [*people, Somebody("elsewhere", world.slack.person("Elsewhere", "member"))]


async def there_is_one_of_everything(world: World, appointed: Person) -> Team:
    """A connected team with an identity, a scheduled broadcast, an open incident, a token and a webhook."""
    await world.is_open()
    await world.adds("acme.test")
    await world.confirms(await world.composes())
    async with world.bot.db.write() as session:
        team = (await session.exec(select(Team))).one()
        now = world.clock()
        session.add(Incident(team_id=team.id, kind=IncidentKind.PRODUCTION_DENIED, opened_at=now, updated_at=now))
        await suppress(session, team.id, "ann@left.test", SuppressionReason.UNSUBSCRIBED, source="", now=now)
        session.add(ApiToken(team_id=team.id, token_hash="0", created_by=world.ada.id, created_at=now))
        session.add(webhook_row(world, team))
    await appoint(world, team, appointed)
    await world.settle()
    return team


def webhook_row(world: World, team: Team) -> Webhook:
    sealed = WebhookSecrets(world.bot.keys).seal(new_secret(), team_id=team.id, webhook_id="1" * 32)
    return Webhook(
        id="1" * 32,
        team_id=team.id,
        address="https://127.0.0.1:9/",
        secret=sealed,
        saved_by=world.ada.id,
        saved_at=world.clock(),
    )


async def appoint(world: World, team: Team, who: Person) -> None:
    async with world.bot.db.write() as session:
        if await session.get(TeamAdmin, (team.id, who.id)) is None:
            now = world.clock()
            session.add(TeamAdmin(team_id=team.id, user_id=who.id, appointed_by=world.ada.id, appointed_at=now))


async def record_of(world: World, listener: Registered, team: Team) -> Ref:
    """The record that a button or form of this listener would be about."""
    flow = listener.id.partition(":")[0]
    if listener.kind in {"command", "shortcut", "event", "choice"}:
        return Ref(team.id)
    assert flow in RECORDS, f"the walk does not know what {listener.id} is about"
    async with world.bot.db.read() as session:
        connection = await session.connection()
        table = SQLModel.metadata.tables[str(RECORDS[flow].__tablename__)]
        of_team = table.c.get("team_id", table.c.id) == team.id
        row = (await connection.execute(table.select().where(of_team).order_by(table.c.id))).mappings().first()
    assert row is not None, f"there is no record for {listener.id}"
    return Ref(team.id, row["id"], row.get("version", 0))


def asked_for(world: World) -> Iterator[Registered]:
    """Every listener that a person can bring about."""
    for listener in world.bot.slack.listeners.registered:
        if listener.permission is None:
            assert listener.kind == "event", listener  # Slack sends these of itself, not for a person
        else:
            yield listener


@OVER_SOCKET_MODE
async def test_every_listener_refuses_everybody_who_may_not_and_lets_in_everybody_who_may(world: World) -> None:
    people = await everybody(world)
    appointed = next(somebody.person for somebody in people if somebody.role == "appointed")
    team = await there_is_one_of_everything(world, appointed)
    for somebody in people:
        await somebody.person.opens_home()
    stored, asked, seen = await world.everything_stored(), len(world.aws.calls), world.slack.messages(world.news)
    listeners = list(asked_for(world))

    for listener in listeners:
        world.clock.advance(1)  # Slack answers so many questions a minute
        ref = await record_of(world, listener, team)
        refused = [each for each in people if each.is_refused(listener) and each.can_reach(listener)]
        for somebody, read in zip(refused, await answers(world, listener, refused, ref), strict=True):
            assert somebody.is_refused(listener) in read, (listener, somebody.role, read)
        assert await world.everything_stored() == stored, listener
    assert len(world.aws.calls) == asked
    assert world.slack.messages(world.news) == seen

    for listener in listeners:
        await appoint(world, team, appointed)
        welcome = [each for each in people if not each.is_refused(listener)]
        for somebody, read in zip(
            welcome, await answers(world, listener, welcome, Ref(team.id, "0" * 32)), strict=True
        ):
            wrong = [text for text in (*REFUSED.values(), ADMINS_ONLY, UNEXPECTED) if text in read]
            assert wrong == [], (listener, somebody.role, read)


@OVER_HTTP
async def test_the_app_home_shows_nobody_a_channel_they_are_not_in(world: World) -> None:
    await world.is_open()
    inside = await world.bob.opens_home()
    outside = await world.slack.person("Eve").opens_home()

    assert "#news" in inside.text
    assert "#news" not in outside.text


async def test_where_only_named_people_may_send_others_are_refused_and_nothing_happens(world: World) -> None:
    await world.is_open()
    message = await world.confirms(await world.composes())
    async with world.bot.db.write() as session:
        team = (await session.exec(select(Team).with_for_update())).one()
        team.senders = [world.slack.person("Somebody").id]
        session.add(team)
    stored = await world.everything_stored()

    for command_typed in ("/broadcast", "/broadcast test"):
        assert (await world.asks(world.bob, command_typed, "only named people may send")).ephemeral
    await world.bob.press(message, "Undo")
    await world.bot.tasks.idle()

    assert await world.everything_stored() == stored
    await world.bob.sees(world.news, "only named people may send")
    assert "Mailroom in #news" in (await world.asks(world.bob, "/mailer", "Mailroom in #news")).text
    await world.opens(world.ada, "/broadcast", "New broadcast")  # team admins always may


@OVER_SOCKET_MODE
async def test_a_record_of_another_team_is_not_there(world: World) -> None:
    news = await there_is_one_of_everything(world, world.bob)
    shop = world.slack.channel("shop", people=[world.ada], bot_in=True)
    await world.connects(channel=shop)
    async with world.bot.db.read() as session:
        other = (await session.exec(select(Team).where(Team.channel_id == shop.id))).one()
    stored, asked = await world.everything_stored(), len(world.aws.calls)
    ada, walked = Somebody("admin", world.ada), set()

    for listener in asked_for(world):
        flow, thing, _ = f"{listener.id}::".split(":", 2)
        if flow not in FOREIGN or thing == "new":
            continue
        record = replace(await record_of(world, listener, news), team_id=other.id)
        foreign = await answers(world, listener, [ada], record)
        missing = await answers(world, listener, [ada], replace(record, record_id="0" * 32))
        assert foreign == missing, listener
        assert await world.everything_stored() == stored, listener
        walked.add(flow)

    assert walked == FOREIGN
    assert len(world.aws.calls) == asked


@OVER_HTTP
async def test_bolt_holds_no_listener_that_was_not_registered_with_a_permission(world: World) -> None:
    bolt, listeners = world.bot.slack.bolt, world.bot.slack.listeners
    at_bolt = [listener.ack_function.__qualname__ for listener in bolt._async_listeners]
    by_id = [listen.__qualname__ for listen in (*listeners._actions.values(), *listeners._forms.values())]

    assert at_bolt
    assert by_id
    assert at_bolt.count("routed.<locals>.listen") == 2  # of the buttons and of the forms, which are in `by_id`
    assert {name.partition(".")[0] for name in (*at_bolt, *by_id)} == {"Listeners", "routed"}
    assert {name.partition(".")[0] for name in by_id} == {"Listeners"}


@OVER_HTTP
async def test_bolt_has_few_listeners_to_ask(world: World) -> None:
    assert len(world.bot.slack.listeners.registered) > 100
    assert len(world.bot.slack.bolt._async_listeners) < 30
