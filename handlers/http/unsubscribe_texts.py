"""What the unsubscribe page says, in the reader's language."""

from typing import Final, NamedTuple


class Texts(NamedTuple):
    """`{name}` is the sender's name; the titles of a sender without one are `…_plain`."""

    ask: str
    ask_plain: str
    leaving: str
    unsubscribe: str
    done: str
    no_more: str
    by_mistake: str
    again: str
    back: str
    back_plain: str
    mails_again: str
    stays: str
    ask_sender: str
    test: str
    own_link: str
    wrong: str
    whole_link: str


TEXTS: Final = {
    "en": Texts(
        ask="Unsubscribe from {name}?",
        ask_plain="Unsubscribe?",
        leaving="You will get no more of these mails.",
        unsubscribe="Unsubscribe",
        done="You are unsubscribed",
        no_more="You will get no more of these mails.",
        by_mistake="Was it a mistake?",
        again="Subscribe again",
        back="You are subscribed to {name} again",
        back_plain="You are subscribed again",
        mails_again="You will get these mails as before.",
        stays="This page cannot subscribe you any more",
        ask_sender="Ask the sender to mail you again.",
        test="This was a test, nothing changed",
        own_link="In a broadcast each recipient has a link of their own here.",
        wrong="This link does not work",
        whole_link="Copy the whole link from the mail, or answer the mail and ask to be taken off.",
    ),
    "de": Texts(
        ask="{name} abbestellen?",
        ask_plain="Abbestellen?",
        leaving="Sie bekommen dann keine dieser E-Mails mehr.",
        unsubscribe="Abbestellen",
        done="Sie sind abgemeldet",
        no_more="Sie bekommen keine dieser E-Mails mehr.",
        by_mistake="War es ein Versehen?",
        again="Wieder anmelden",
        back="Sie sind wieder bei {name} angemeldet",
        back_plain="Sie sind wieder angemeldet",
        mails_again="Sie bekommen diese E-Mails wie zuvor.",
        stays="Diese Seite kann Sie nicht mehr anmelden",
        ask_sender="Bitten Sie den Absender, Ihnen wieder zu schreiben.",
        test="Dies war ein Test, nichts wurde geändert",
        own_link="In einer echten Sendung steht hier für alle ein eigener Link.",
        wrong="Dieser Link funktioniert nicht",
        whole_link="Kopieren Sie den ganzen Link aus der E-Mail, oder antworten Sie auf die E-Mail und bitten Sie "
        "darum, ausgetragen zu werden.",
    ),
    "fr": Texts(
        ask="Se désabonner de {name} ?",
        ask_plain="Se désabonner ?",
        leaving="Vous ne recevrez plus ces e-mails.",
        unsubscribe="Se désabonner",
        done="Vous êtes désabonné",
        no_more="Vous ne recevrez plus ces e-mails.",
        by_mistake="C’était une erreur ?",
        again="Se réabonner",
        back="Vous êtes de nouveau abonné à {name}",
        back_plain="Vous êtes de nouveau abonné",
        mails_again="Vous recevrez ces e-mails comme avant.",
        stays="Cette page ne peut plus vous réabonner",
        ask_sender="Demandez à l’expéditeur de vous écrire de nouveau.",
        test="C’était un test, rien n’a changé",
        own_link="Dans un véritable envoi, chaque destinataire a ici son propre lien.",
        wrong="Ce lien ne fonctionne pas",
        whole_link="Copiez le lien entier depuis l’e-mail, ou répondez à l’e-mail en demandant à être retiré de la "
        "liste.",
    ),
    "es": Texts(
        ask="¿Darse de baja de {name}?",
        ask_plain="¿Darse de baja?",
        leaving="No recibirá más estos correos.",
        unsubscribe="Darse de baja",
        done="Se ha dado de baja",
        no_more="No recibirá más estos correos.",
        by_mistake="¿Fue un error?",
        again="Suscribirse de nuevo",
        back="Está suscrito de nuevo a {name}",
        back_plain="Está suscrito de nuevo",
        mails_again="Recibirá estos correos como antes.",
        stays="Esta página ya no puede suscribirle",
        ask_sender="Pida al remitente que le escriba de nuevo.",
        test="Era una prueba, no ha cambiado nada",
        own_link="En un envío real, cada destinatario tiene aquí su propio enlace.",
        wrong="Este enlace no funciona",
        whole_link="Copie el enlace completo del correo, o responda al correo y pida que le den de baja.",
    ),
    "pt": Texts(
        ask="Cancelar a subscrição de {name}?",
        ask_plain="Cancelar a subscrição?",
        leaving="Não receberá mais estes e-mails.",
        unsubscribe="Cancelar a subscrição",
        done="A subscrição foi cancelada",
        no_more="Não receberá mais estes e-mails.",
        by_mistake="Foi um engano?",
        again="Subscrever de novo",
        back="Voltou a subscrever {name}",
        back_plain="Voltou a subscrever",
        mails_again="Receberá estes e-mails como antes.",
        stays="Esta página já não pode fazer a subscrição",
        ask_sender="Peça ao remetente que lhe escreva de novo.",
        test="Isto foi um teste, nada mudou",
        own_link="Num envio real, cada destinatário tem aqui a sua própria ligação.",
        wrong="Esta ligação não funciona",
        whole_link="Copie a ligação completa do e-mail, ou responda ao e-mail e peça para ser retirado da lista.",
    ),
}
DEFAULT: Final = "en"


def language_of(accepted: str) -> str:
    """Return the language we have that an `Accept-Language` prefers (RFC 9110, section 12.5.4); English without one."""
    best, most = DEFAULT, 0.0
    for part in accepted.split(",")[:_RANGES]:
        name, _, quality = part.partition(";")
        language = name.strip().lower().partition("-")[0]
        weight = _weight(quality)
        if weight > most and (language in TEXTS or language == "*"):
            best, most = language if language in TEXTS else DEFAULT, weight
    return best


_RANGES: Final = 20  # that are looked at


def _weight(text: str) -> float:
    name, _, value = text.strip().partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        return min(max(float(value), 0.0), 1.0)
    except ValueError:
        return 0.0
