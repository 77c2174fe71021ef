"""The quota of API Gateway: the calls a second of an account, which all of its APIs share."""

# https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
DEFAULT_CALLS_PER_SECOND = 10_000
LOW_CALLS_PER_SECOND = 2_500
LOW_REGIONS = {
    "af-south-1",
    "ap-south-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-7",
    "ca-west-1",
    "eu-central-2",
    "eu-south-1",
    "eu-south-2",
    "il-central-1",
    "me-central-1",
    "mx-central-1",
}

# The app's environment variable with the calls a second of one function.
RATE_VARIABLE = "FANOUT_RPS"


def default_quota(region: str) -> int:
    """Return the calls a second that an account has in a region, unless AWS has raised them."""
    return LOW_CALLS_PER_SECOND if region in LOW_REGIONS else DEFAULT_CALLS_PER_SECOND


def check_rate(rate: str, quota: float, what: str) -> str:
    """Return a line if a rate of FANOUT_RPS is above a quota, or else an empty string.

    Args:
        rate: the value of FANOUT_RPS. 0 is no limit, which is not checked.
        quota: the calls a second of the account.
        what: the name of the quota.
    """
    # check_variables reports a value that is not a number.
    if not rate.isdecimal() or int(rate) <= quota:
        return ""
    problem = f"{RATE_VARIABLE} is above {what}, {quota:.0f} calls a second (got {rate})"
    return f"{problem}; use {quota / 2:.0f}, or ask AWS for more in Service Quotas"
