"""The DNS records that an identity wants.

Three DKIM CNAMEs (https://docs.aws.amazon.com/ses/latest/dg/send-email-authentication-dkim-easy.html), the MAIL FROM
domain's MX and SPF (https://docs.aws.amazon.com/ses/latest/dg/mail-from.html), and a DMARC suggestion
(`identities/dmarc.py`). Only the DKIM ones decide verification.
"""

from dataclasses import dataclass

from storage import Identity, IdentityKind

DKIM, MAIL_FROM, DMARC = "DKIM", "MAIL FROM", "DMARC, suggested"
AMAZON = "amazonses.com"  # from which SES sends
DKIM_ZONE = "dkim.amazonses.com"  # where AWS names none: the one that all regions had at first


@dataclass(frozen=True, slots=True)
class Record:
    """One line to put into a zone."""

    name: str
    type: str
    value: str
    purpose: str
    required: bool

    @property
    def priority(self) -> str:
        """Of an MX record; most forms have a field of its own for it."""
        return self.value.partition(" ")[0] if self.type == "MX" else ""

    @property
    def target(self) -> str:
        """The value without the priority."""
        return self.value.partition(" ")[2] if self.type == "MX" else self.value


def records_of(identity: Identity, region: str) -> list[Record]:
    """Return what a domain's zone should hold; nothing for an address."""
    if identity.kind is not IdentityKind.DOMAIN:
        return []
    zone = identity.dkim_zone or DKIM_ZONE
    records = [
        Record(f"{token}._domainkey.{identity.name}", "CNAME", f"{token}.{zone}", DKIM, required=True)
        for token in identity.dkim_tokens
    ]
    if identity.mail_from_domain:
        server = f"10 feedback-smtp.{region}.amazonses.com"
        records += [
            Record(identity.mail_from_domain, "MX", server, MAIL_FROM, required=False),
            Record(identity.mail_from_domain, "TXT", f"v=spf1 include:{AMAZON} ~all", MAIL_FROM, required=False),
        ]
    return [*records, dmarc_record(identity.name)]


def dmarc_record(domain: str) -> Record:
    """Return the record that asks for nothing yet, which is where one begins."""
    return Record(f"_dmarc.{domain}", "TXT", "v=DMARC1; p=none;", DMARC, required=False)
