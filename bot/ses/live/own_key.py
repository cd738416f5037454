"""The credentials that the operator's own machine has for AWS."""

import botocore.session

from bot.ses.credentials import AwsKey
from bot.ses.errors import AWS_FAILURES, ErrorKind, SesError, classify
from storage import Secret


def own_key() -> AwsKey:
    """Find them wherever botocore looks. Blocks.

    Raises:
        SesError: there are none, or they cannot be had.
    """
    try:
        found = botocore.session.Session().get_credentials()
        frozen = found.get_frozen_credentials() if found else None
    except AWS_FAILURES as error:
        raise classify(error, "sts:GetCallerIdentity") from None
    if frozen is None or frozen.access_key is None or frozen.secret_key is None:
        raise SesError(ErrorKind.PRINCIPAL, "NoCredentials", "sts:GetCallerIdentity")
    token = Secret(frozen.token) if frozen.token else None
    return AwsKey(frozen.access_key, Secret(frozen.secret_key), token)
