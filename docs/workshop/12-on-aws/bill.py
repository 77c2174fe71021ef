"""Compute the bill of a month for a chat, from the prices of us-east-1 in US dollars."""

import sys

MILLION = 1_000_000

# https://aws.amazon.com/api-gateway/pricing/, .../lambda/pricing/ and .../dynamodb/pricing/
PRICES = {
    "messages": 1.00 / MILLION,
    "connection minutes": 0.25 / MILLION,
    "function starts": 0.20 / MILLION,
    "GB seconds": 0.0000166667,
    "rows written": 0.625 / MILLION,
    "rows read": 0.125 / MILLION,
}

HOURS_A_DAY = 2
MESSAGES_AN_HOUR = 10
GROUP = 20
DAYS = 30

# One run of `message` in a group of 20, with 512 MB.
FUNCTION_SECONDS = 0.2
FUNCTION_GB = 0.5


def bill(people):
    hours = people * HOURS_A_DAY * DAYS
    sent = hours * MESSAGES_AN_HOUR
    connections = people * DAYS
    starts = sent + 2 * connections
    return {
        # Each message comes in once, and goes out to each of the group, and as the reply.
        "messages": sent * (1 + GROUP + 1),
        "connection minutes": hours * 60,
        "function starts": starts,
        "GB seconds": starts * FUNCTION_SECONDS * FUNCTION_GB,
        # History; connect, join and disconnect.
        "rows written": sent + 5 * connections,
        # A Query reads 8 KB for a unit: twenty small rows are one.
        "rows read": sent,
    }


people = int(sys.argv[1])
total = 0.0
for name, count in bill(people).items():
    cost = count * PRICES[name]
    total += cost
    print(f"{name:20}{count:18,.0f}{cost:14,.2f}")
print(f"{'a month':38}{total:14,.2f}")
print(f"{'for each person':38}{total / people:14,.4f}")
