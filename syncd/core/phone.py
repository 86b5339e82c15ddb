"""Phone numbers: whatever a CRM holds → the country calling code and the national number that a dialer dials."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import phonenumbers


@dataclass(frozen=True, slots=True)
class Phone:
    """A dialable number: `code` is the country calling code ("1"), `national` the digits after it."""

    code: str
    national: str


class NotDialable(Exception):
    """The text is no number that could be dialled; the message says why, without the number."""


_WHY = {
    phonenumbers.ValidationResult.TOO_SHORT: "the number is too short",
    phonenumbers.ValidationResult.TOO_LONG: "the number is too long",
    phonenumbers.ValidationResult.INVALID_COUNTRY_CODE: "the country code does not exist",
    phonenumbers.ValidationResult.INVALID_LENGTH: "the number has a wrong length",
    phonenumbers.ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "the area code is missing",
}

# Ten digits as they are usually written in these regions; phonenumbers says the same of them, thirty times slower.
_USUAL = re.compile(r"(?:\+?1[ .-]?)?(?:\(([2-9][0-9]{2})\) ?|([2-9][0-9]{2})[ .-]?)([0-9]{3})[ .-]?([0-9]{4})")
_USUAL_REGIONS = frozenset({"CA", "US"})


@lru_cache(maxsize=4096)
def parse(text: str, region: str) -> Phone:
    """Given a number as people write it and the region that a number without country code belongs to (ISO 3166,
    "US"), return it; raise NotDialable.

    Possible is enough (the right length for its country): a test exchange such as 555 is not for syncd to judge.
    An extension is dropped. The national number keeps leading zeros where the country dials them (Italy).
    """
    if region in _USUAL_REGIONS and (usual := _USUAL.fullmatch(text)):
        return Phone("1", "".join(usual.groups("")))
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException as error:
        raise NotDialable(
            "the country code does not exist"
            if error.error_type == phonenumbers.NumberParseException.INVALID_COUNTRY_CODE
            else "it is not a phone number"
        ) from None
    verdict = phonenumbers.is_possible_number_with_reason(number)
    if verdict != phonenumbers.ValidationResult.IS_POSSIBLE:
        raise NotDialable(_WHY.get(verdict, "it is not a phone number"))
    return Phone(str(number.country_code), phonenumbers.national_significant_number(number))
