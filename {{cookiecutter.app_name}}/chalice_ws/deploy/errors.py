"""The errors of AWS and boto3, each as one line that says what to do."""

from botocore import exceptions
from botocore.exceptions import ClientError

SIGN_IN = "sign in (aws configure, or aws sso login), or set AWS_PROFILE"
UNREADABLE = f"the AWS credentials cannot be read (got {{error}}); {SIGN_IN}"
SIGNED_OUT = f"the sign-in to AWS has expired (got {{error}}); {SIGN_IN}"
NO_ANSWER = "AWS does not answer (got {error}); check the network and AWS_REGION"

# boto3 raises these before it sends a request, or when nothing answers.
LOCAL_ERRORS = {
    exceptions.NoCredentialsError: f"the AWS credentials are missing; {SIGN_IN}",
    exceptions.PartialCredentialsError: f"the AWS credentials are not complete; {SIGN_IN}",
    exceptions.NoRegionError: "the AWS region is not set; set AWS_REGION, as the Makefile does",
    exceptions.ProfileNotFound: "{error}; set AWS_PROFILE to one of your profiles",
    exceptions.SSOError: SIGNED_OUT,
    exceptions.TokenRetrievalError: SIGNED_OUT,
    exceptions.CredentialRetrievalError: UNREADABLE,
    exceptions.ConnectionError: NO_ANSWER,
    exceptions.HTTPClientError: NO_ANSWER,
}

# The error codes of AWS's answers differ from service to service.
EXPIRED = ("ExpiredToken", "ExpiredTokenException", "RequestExpired")
UNKNOWN = (
    "AuthFailure",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
)
DENIED = ("AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation")
SERVICE_ERRORS = {
    EXPIRED: f"the AWS credentials have expired (got {{code}}); {SIGN_IN}",
    UNKNOWN: f"AWS does not know these credentials in this region (got {{code}}); {SIGN_IN}",
    DENIED: "AWS denied access (got {message}); ask for the permissions in docs/deploy.md",
}


class DeployError(Exception):
    """A command cannot go on. The message is one line: what is wrong, and what to do."""


def explain(error: Exception) -> str:
    """Return one line that explains an error of boto3 to the user."""
    if isinstance(error, ClientError):
        answer = error.response["Error"]
        for codes, text in SERVICE_ERRORS.items():
            if answer["Code"] in codes:
                return text.format(code=answer["Code"], message=answer["Message"])
    for kind, text in LOCAL_ERRORS.items():
        if isinstance(error, kind):
            return text.format(error=error)
    return " ".join(str(error).split())
