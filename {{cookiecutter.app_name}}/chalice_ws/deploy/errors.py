"""What can go wrong on the way to AWS, in one line that says what to do."""

from botocore import exceptions
from botocore.exceptions import ClientError

SIGN_IN = "sign in (aws configure, or aws sso login), or set AWS_PROFILE"

# What boto3 raises before it has asked AWS anything, or where nobody answers.
BEFORE = {
    exceptions.NoCredentialsError: f"there are no AWS credentials; {SIGN_IN}",
    exceptions.PartialCredentialsError: f"half of the AWS credentials is missing; {SIGN_IN}",
    exceptions.NoRegionError: "no AWS region is set; set AWS_REGION, as the Makefile does",
    exceptions.ProfileNotFound: "{error}; set AWS_PROFILE to one of yours",
    exceptions.SSOError: f"the sign-in to AWS has ended ({{error}}); {SIGN_IN}",
    exceptions.TokenRetrievalError: f"the sign-in to AWS has ended ({{error}}); {SIGN_IN}",
    exceptions.CredentialRetrievalError: f"no AWS credentials to be had ({{error}}); {SIGN_IN}",
    exceptions.ConnectionError: "AWS does not answer ({error}); check AWS_REGION and the network",
    exceptions.HTTPClientError: "AWS does not answer ({error}); check AWS_REGION and the network",
}

# Codes of AWS's answers, which differ from service to service.
EXPIRED = ("ExpiredToken", "ExpiredTokenException", "RequestExpired")
UNKNOWN = (
    "AuthFailure",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
)
DENIED = ("AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation")
ANSWERS = {
    EXPIRED: f"the AWS credentials have expired (got {{code}}); {SIGN_IN}",
    UNKNOWN: f"AWS does not know these credentials in this region (got {{code}}); {SIGN_IN}",
    DENIED: "you may not do that: {message}; ask for what docs/deploy.md lists",
}


class DeployError(Exception):
    """It cannot be done; the message says why and what to do, in one line."""


def explain(error: Exception) -> str:
    """What an error of boto3 means to whoever runs a command."""
    if isinstance(error, ClientError):
        answer = error.response["Error"]
        for codes, text in ANSWERS.items():
            if answer["Code"] in codes:
                return text.format(code=answer["Code"], message=answer["Message"])
    for kind, text in BEFORE.items():
        if isinstance(error, kind):
            return text.format(error=error)
    return " ".join(str(error).split())
