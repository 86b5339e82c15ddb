"""Phone numbers: the short way for usual North American ones leads where the long one does."""

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core import phone

SEPARATORS = st.sampled_from(["", " ", ".", "-", "  ", "/"])
WRITTEN = st.builds(
    "{}{}{}{}{}{}{}{}".format,
    st.sampled_from(["", "1", "+1", "01", "2"]),
    SEPARATORS,
    st.sampled_from(["", "("]),
    st.from_regex(r"[0-9]{3}", fullmatch=True),
    st.sampled_from(["", ")", ") "]) | SEPARATORS,
    st.from_regex(r"[0-9]{3}", fullmatch=True),
    SEPARATORS,
    st.from_regex(r"[0-9]{3,5}", fullmatch=True),
)


def told(text: str, region: str) -> phone.Phone | None:
    """The library's own answer; None where the number has not the right length for its country."""
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        return None
    return phone.Phone(str(number.country_code), phonenumbers.national_significant_number(number))


@given(WRITTEN, st.sampled_from(["US", "CA", "DE", "BS"]))
def test_a_number_is_what_the_phone_library_says_however_it_is_written(text: str, region: str) -> None:
    expected = told(text, region)
    if expected is None:
        with pytest.raises(phone.NotDialable):
            phone.parse(text, region)
    else:
        assert phone.parse(text, region) == expected


@pytest.mark.parametrize(
    ("text", "region", "code", "national"),
    [
        ("(727) 555-0001", "US", "1", "7275550001"),
        ("727.555.0001 ext. 12", "US", "1", "7275550001"),
        ("+1 727 555 0001 x7", "DE", "1", "7275550001"),
        ("0699 1234567", "AT", "43", "6991234567"),
        ("+39 06 1234 5678", "US", "39", "0612345678"),
        ("02 1234567", "IT", "39", "021234567"),
        ("0049 30 123456", "DE", "49", "30123456"),
        ("1-800-FLOWERS", "US", "1", "8003569377"),
        ("727 555 0001", "US", "1", "7275550001"),
        ("٧٢٧٥٥٥٠٠٠١", "US", "1", "7275550001"),
    ],
)
def test_a_number_is_split_into_calling_code_and_national_number(
    text: str, region: str, code: str, national: str
) -> None:
    assert phone.parse(text, region) == phone.Phone(code, national)


@pytest.mark.parametrize(
    ("text", "region", "why"),
    [
        ("555-0001", "US", "the area code is missing"),
        ("12", "US", "the number is too short"),
        ("727 555 0001 234 567", "US", "the number is too long"),
        ("+999 123456", "US", "the country code does not exist"),
        ("Müller", "DE", "it is not a phone number"),
        ("unknown", "US", "it is not a phone number"),
        ("-", "US", "it is not a phone number"),
        ("", "US", "it is not a phone number"),
    ],
)
def test_what_cannot_be_dialled_says_why_without_the_number(text: str, region: str, why: str) -> None:
    with pytest.raises(phone.NotDialable) as error:
        phone.parse(text, region)
    assert str(error.value) == why
