"""Names: those that cannot be seen, or hide a difference from another name, are refused."""

import random

import pytest

from chalicelib.protocol import names
from chalicelib.protocol.fields import NAME
from chalicelib.storage import connections
from tests.client import Api, Rejected
from tests.conftest import error
from tests.support.examples import some, times

# "I want", with a non-joiner after the prefix.
PERSIAN = "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"
FAMILY_EMOJI = "👩\u200d👩\u200d👧"


VISIBLE_NAMES = [
    ("Ann", "Ann"),
    (" \t\u00a0\u2003Ann \u3000Lee\u2028\n", "Ann Lee"),
    ("Ann\u2009\u00a0 Lee", "Ann Lee"),
    ("Zoe\u0301", "Zoé"),
    ("\u1112\u1161\u11ab", "한"),
    ("\uff21\uff4e\uff4e \uff11", "Ann 1"),
    ("\U0001d400\U0001d427\U0001d427", "Ann"),
    ("\ufb01nn", "finn"),
    # A Roman numeral that looks like an l, and punctuation of double width.
    ("Pau\u217c \u216b", "Paul XII"),
    ("Ann\uff0e\uff3fB", "Ann._B"),
    ("O\u00b4Brien ½", "O\u00b4Brien ½"),
    ("Иван Smith", "Иван Smith"),
    ("李小龍 Lee", "李小龍 Lee"),
    ("ガンダム", "ガンダム"),
    ("ที่รัก", "ที่รัก"),
    ("עִבְרִית", "עִבְרִית"),
    (PERSIAN, PERSIAN),
    ("क\u094d\u200dष", "क\u094d\u200dष"),
    ("ക\u0d4d\u200cര", "ക\u0d4d\u200cര"),
    ("രാജന\u0d4d\u200d", "രാജന\u0d4d\u200d"),
    ("❤\ufe0f\u200d🔥", "❤\ufe0f\u200d🔥"),
    ("👨🏽\u200d💻", "👨🏽\u200d💻"),
    (FAMILY_EMOJI, FAMILY_EMOJI),
    ("7\ufe0f\u20e3 ‼\ufe0f", "7\ufe0f\u20e3 ‼\ufe0f"),
    ("x" * 64, "x" * 64),
    ("😀" * 64, "😀" * 64),
]

REFUSED_NAMES: list[object] = [
    # Nothing that can be seen.
    *["", " ", "\u3000\u00a0", "\u200b", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u034f"],
    *["\u115f", "\u1160", "\u3164", "\uffa0", "\u2800", "\u180e", "\u17b4", "\U0001d159"],
    *["\ufe0f", "\U000e0001", "\U0001d173", "\u0301", " \u0301"],
    # Something invisible beside letters.
    *["A\u200bnn", "Ann\u2062", "Ann\ufeff", "A\u00adnn", "Ann\u3164", "An\u034fn"],
    *["A\u200dnn", "Ann\u200d", "A\u200cnn", "سر\u200cور", "س\u200c", "م\u200c\u200cی"],
    *["क\u094d\u200c", "Ann\ufe0f", "☺\ufe0e", "葛\U000e0100", "7\ufe0f", "👩\u200d\u200d🚀"],
    "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    # Text that runs in another direction than it is written.
    *["\u202eAnn", "Ann\u202c", "\u2066Ann\u2069", "A\u200fnn", "A\u061cnn"],
    # No characters, or none that two machines agree on.
    *["\ue000", "\U000f0000", "\ufdd0", "\uffff", "\u0378", "\U0003fffe", "\ufffc"],
    *["\ud800", "A\udc00", "a\x00", "a\nb", "a\tb", "a\x7f", "a\x85b", "a\u2028b"],
    # Letters that look like Latin ones among Latin ones.
    *["\u0410nn", "P\u0430ypal", "\u03bfmega", "A\u0578n", "Bob \u0410nn"],
    # Marks that cover the lines above and below.
    *["Z" + "\u0300\u0301\u0302\u0303\u0304", "Z\u0335\u0335", "\u0301Ann", "A \u0301n"],
    # Too long: as sent, and once normalized.
    *["x" * 65, " " * 64 + "x", "\ufdfa" * 4],
    *[7, None, True, ["Ann"], {}],
]


def test_visible_name_is_stored_normalized(api: Api) -> None:
    ann = api.connect()
    for name, stored in VISIBLE_NAMES:
        assert NAME.parse(name) == NAME.parse(stored) == stored
    for name, stored in some(VISIBLE_NAMES, 6):
        assert ann.request("name", name=name) == {"type": "named", "name": stored}
        assert connections.get(ann.connection_id).name == stored


def test_invisible_or_misleading_name_is_a_bad_field(api: Api) -> None:
    ann = api.connect(name="Ann")
    for name in REFUSED_NAMES:
        reply = ann.request("name", name=name)
        assert (reply["type"], reply.get("field")) == ("error", "name"), ascii(name)
        assert error(reply) == ("bad_field", "name")
    assert connections.get(ann.connection_id).name == "Ann"


def test_connect_with_an_invisible_name_is_refused(api: Api) -> None:
    for name in ("\u3164", "A\u200bnn", "\u202eAnn", "\u0410nn"):
        with pytest.raises(Rejected, match="400"):
            api.connect(name=name)


def test_normalized_name_stays_the_same() -> None:
    chance = random.Random(8266)
    # The ranges have marks, letters with marks, and forms of other letters.
    ranges = [(0, 0x370), (0x300, 0x370), (0x600, 0x700), (0x1100, 0x1200), (0xFB00, 0xFFFF)]
    for _ in range(times(20_000, 2_000)):
        name = "".join(chr(chance.randrange(*chance.choice(ranges))) for _ in range(6))
        once = names.normalize(name)
        assert names.normalize(once) == once, ascii(name)
