r"""Display names: text that is visible, and that hides no difference from another name.

Strategy: a name is normalized first, then each character is checked in its place. The rules are a
part of these standards, as far as Python's unicodedata has the properties that they need:

- RFC 8266, nicknames: white space around a name is removed, and inner spaces become one.
- RFC 8264 and the Default_Ignorable_Code_Point property: controls, characters without an
  appearance, private use and unassigned code points are refused.
- RFC 5892, appendix A: a joiner is allowed where it changes the letters around it.
- UTS 39: not more than four marks on a letter, none twice in a row, and no word with letters of
  Latin and of a script that looks like Latin.

A name proves nothing all the same. Two clients may both be Ann, and some words look alike in two
alphabets.
"""

import re
import unicodedata
from functools import cache
from itertools import groupby, pairwise

# Characters without an appearance that have the category of a letter, a mark or a symbol.
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0e\uffa0\ufffc"
    "\U0001d159\U000e0100-\U000e01ef]"
)
_REFUSED_CATEGORIES = {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}

_ZERO_WIDTH_NON_JOINER = "\u200c"
_ZERO_WIDTH_JOINER = "\u200d"
_EMOJI_SELECTOR = "\ufe0f"
_KEYCAP = "\u20e3"

# Emoji that are no symbols for Unicode.
_OTHER_EMOJI = "\u203c\u2049\u2139\u2194\u3030"

# The combining class of a sign that joins two consonants of an Indic script.
_VIRAMA = 9

_MAX_MARKS = 4

# Scripts with letters that look like Latin ones, by the first word of their characters' names.
_SIMILAR_SCRIPTS = {"ARMENIAN", "CHEROKEE", "COPTIC", "CYRILLIC", "GREEK", "LATIN", "LISU"}


def normalize(name: str) -> str:
    """Return a name as it is stored and compared.

    Letters and digits become their plain forms, and every kind of space a space.
    """
    plain = (unicodedata.normalize("NFKC", c) if _has_plain_form(c) else c for c in name.strip())
    text = unicodedata.normalize("NFC", "".join(plain))
    spaced = "".join(" " if unicodedata.category(c) == "Zs" else c for c in text)
    return re.sub(" +", " ", spaced).strip()


def is_allowed(name: str) -> bool:
    """Return whether all characters of a normalized name may stand where they stand."""
    return (
        all(_may_stand(name, index) for index in range(len(name)))
        and _marks_are_few(name)
        and not any(map(_mixes_similar_scripts, name.split(" ")))
    )


def _has_plain_form(character: str) -> bool:
    # The category of Roman numerals is Nl. Their plain forms are Latin letters.
    is_letter = character.isalpha() or unicodedata.category(character) == "Nl"
    is_wide = unicodedata.decomposition(character).startswith("<wide>")
    return is_letter or is_wide or character.isdecimal()


def _may_stand(name: str, index: int) -> bool:
    character, before, after = name[index], name[:index], name[index + 1 :]
    if character == _ZERO_WIDTH_JOINER:
        return _ends_in_virama(before) or (_ends_in_emoji(before) and _is_emoji(after[:1]))
    if character == _ZERO_WIDTH_NON_JOINER:
        return (_ends_in_virama(before) and after[:1].isalpha()) or _separates(before, after)
    if character == _EMOJI_SELECTOR:
        return _is_emoji(before[-1:]) or after[:1] == _KEYCAP
    return not _INVISIBLE.match(character) and (
        unicodedata.category(character) not in _REFUSED_CATEGORIES
    )


def _is_emoji(character: str) -> bool:
    return character != "" and (
        character in _OTHER_EMOJI or unicodedata.category(character) == "So"
    )


def _ends_in_emoji(text: str) -> bool:
    # The color of a skin is a modifier after the emoji.
    return _is_emoji(re.sub("[\ufe0f\U0001f3fb-\U0001f3ff]+$", "", text)[-1:])


def _ends_in_virama(text: str) -> bool:
    return text != "" and unicodedata.combining(text[-1]) == _VIRAMA


def _separates(before: str, after: str) -> bool:
    """Return whether a non-joiner keeps two Arabic letters apart that would be joined."""
    left = [c for c in before if not unicodedata.combining(c)][-1:]
    right = [c for c in after if not unicodedata.combining(c)][:1]
    forms = _joining_forms()
    return any(c in forms["<initial>"] for c in left) and any(c in forms["<final>"] for c in right)


@cache
def _joining_forms() -> dict[str, set[str]]:
    # Unicode's compatibility characters name the letters that have a form before or after others.
    forms: dict[str, set[str]] = {"<initial>": set(), "<final>": set()}
    for code in range(0xFB50, 0xFEFD):
        form, *letters = unicodedata.decomposition(chr(code)).split() or [""]
        if form in forms and len(letters) == 1:
            forms[form].add(chr(int(letters[0], 16)))
    return forms


def _marks_are_few(name: str) -> bool:
    previous = " "
    for is_mark, group in groupby(
        unicodedata.normalize("NFD", name), lambda c: unicodedata.category(c)[0] == "M"
    ):
        characters = list(group)
        if is_mark:
            nonspacing = [c for c in characters if unicodedata.category(c) != "Mc"]
            repeated = any(a == b for a, b in pairwise(nonspacing))
            if previous == " " or len(nonspacing) > _MAX_MARKS or repeated:
                return False
        previous = characters[-1]
    return True


def _mixes_similar_scripts(word: str) -> bool:
    scripts = {unicodedata.name(c, "").split(" ")[0] for c in word if c.isalpha()}
    return len(scripts & _SIMILAR_SCRIPTS) > 1
