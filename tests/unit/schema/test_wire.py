"""Events on the wire: IDs are preserved and times parsed strictly, alone and in batches."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema.errors import InvalidEvent
from schema.event import Draft
from schema.wire import (
    decode_draft,
    decode_drafts,
    decode_record,
    decode_retraction,
    encode,
)
from tests.external_ids import EXTERNAL_IDS, NOT_EXTERNAL_IDS

ID = "e7c1745c-cd4a-4c19-87e4-45face935938"
TIME = "2026-03-10T12:00:00.250Z"
RETRACTION = {"retracted_event_id": ID, "engaged_timestamp": TIME, "post_id": 1}
INSTANT = datetime(2026, 3, 10, 12, 0, 0, 250_000, UTC)

TIMES = {
    "2026-03-10T12:00:00.1234569Z": datetime(2026, 3, 10, 12, 0, 0, 123456, UTC),
    "2026-03-10T23:59:59.9999999Z": datetime(2026, 3, 10, 23, 59, 59, 999999, UTC),
    "2026-03-10t12:00:00z": datetime(2026, 3, 10, 12, tzinfo=UTC),
    "2026-03-10 12:00:00+05:30": datetime(2026, 3, 10, 6, 30, tzinfo=UTC),
    "2026-03-10T12:00:00.123456789-11:00": datetime(2026, 3, 10, 23, 0, 0, 123456, UTC),
    "2026-03-10T12:00:00+00:00": datetime(2026, 3, 10, 12, tzinfo=UTC),
    "2026-03-10T12:00:00-00:00": datetime(2026, 3, 10, 12, tzinfo=UTC),
}
NOT_TIMES = [
    "2026-03-10T12:00:00+0000",
    "2026-03-10T12:00:00-0000",
    "2026-03-10T12:00:00+0530",
    "2026-03-10T12:00:00.1234567+0000",
    "2026-03-10T12:00:00+05",
    "2026-03-10T12:00:00",
    "2026-03-10T12:00Z",
    "2026-03-10",
    "2026-03-10T24:00:00Z",
    "2016-12-31T23:59:60Z",
    "9999-12-31T23:59:59-14:00",
    "0001-01-01T00:00:00+14:00",
    "20260310T120000Z",
    "1773144000",
]


def written(members: dict[str, Any], *, is_escaped: bool = False) -> bytes:
    """Return JSON with its texts as they are, or with the times' characters escaped."""
    text = json.dumps(members, ensure_ascii=False)
    for time in {*TIMES, *NOT_TIMES} if is_escaped else ():
        text = text.replace(f'"{time}"', '"' + "".join(f"\\u{ord(c):04x}" for c in time) + '"')
    return text.encode()


def event(**fields: Any) -> dict[str, Any]:
    return {"event_id": ID, "post_id": 1, "type": "view", "engaged_timestamp": TIME} | fields


def named(post: str, user: str | None = None, **fields: Any) -> dict[str, Any]:
    return event(post=post, user=user, **fields) | {"post_id": None}


@pytest.mark.parametrize("text", EXTERNAL_IDS)
def test_external_ids_are_preserved(text: str) -> None:
    offset = "2026-03-10T14:00:00.25+02:00"
    for time in (TIME, offset, None):
        raw = written(named(text, text, engaged_timestamp=time))
        draft = decode_draft(raw)
        assert (draft.post, draft.user) == (text, text)
        assert draft.engaged_timestamp == (time and INSTANT)
        assert decode_drafts(b"[" + raw + b"]") == [draft]
    record = decode_record(written(named(text, text, engaged_timestamp=offset)))
    retraction = decode_retraction(written(RETRACTION | {"post": text, "post_id": None}))

    assert (record.post, record.user, record.engaged_timestamp) == (text, text, INSTANT)
    assert decode_record(encode(record)) == record
    assert retraction is not None
    assert (retraction.post, retraction.engaged_timestamp) == (text, INSTANT)


@pytest.mark.parametrize("text", NOT_EXTERNAL_IDS)
def test_text_that_is_no_external_id_is_rejected_by_name(text: str) -> None:
    for members, code in ((named(text), "invalid_post"), (named("a", text), "invalid_user")):
        with pytest.raises(InvalidEvent) as caught:
            decode_draft(json.dumps(members).encode())
        assert caught.value.code == code


@pytest.mark.parametrize(("text", "instant"), TIMES.items())
@pytest.mark.parametrize("is_escaped", [False, True], ids=["plain", "escaped"])
def test_times_are_cut_to_microseconds_in_utc(
    text: str, instant: datetime, is_escaped: bool
) -> None:
    raw = written(event(engaged_timestamp=text), is_escaped=is_escaped)
    both = {"engaged_timestamp": text, "received_timestamp": text}
    record = decode_record(written(event() | both, is_escaped=is_escaped))
    batch = decode_drafts(b"[" + raw + b"]")
    retraction = decode_retraction(written(RETRACTION | both, is_escaped=is_escaped))

    assert decode_draft(raw).engaged_timestamp == instant
    assert batch is not None
    assert batch[0].engaged_timestamp == instant
    assert (record.engaged_timestamp, record.received_timestamp) == (instant, instant)
    assert retraction is not None
    assert (retraction.engaged_timestamp, retraction.received_timestamp) == (instant, instant)


@pytest.mark.parametrize("text", NOT_TIMES)
@pytest.mark.parametrize("is_escaped", [False, True], ids=["plain", "escaped"])
def test_other_times_are_rejected_by_name(text: str, is_escaped: bool) -> None:
    raw = written(event(engaged_timestamp=text), is_escaped=is_escaped)
    received = written(event(received_timestamp=text), is_escaped=is_escaped)
    retraction = written(RETRACTION | {"engaged_timestamp": text}, is_escaped=is_escaped)

    with pytest.raises(InvalidEvent) as caught:
        decode_draft(raw)
    assert caught.value.code == "invalid_engaged_timestamp"
    with pytest.raises(InvalidEvent) as caught:
        decode_record(received)
    assert caught.value.code == "invalid_received_timestamp"
    assert decode_drafts(b"[" + raw + b"]") is None
    assert decode_retraction(retraction) is None


def test_retraction_is_recognised_however_its_names_are_escaped() -> None:
    raw = b'{"retracted_event_\\u0069d":"%b","engaged_timestamp":"%b","post_id":1}'

    assert decode_retraction(raw % (ID.encode(), TIME.encode())) is not None


_ids = st.sampled_from(EXTERNAL_IDS + NOT_EXTERNAL_IDS) | st.text('a\u00e901.+-Z"\\ ', max_size=12)
_offsets = st.integers(-24 * 60 + 1, 24 * 60 - 1).map(lambda m: timezone(timedelta(minutes=m)))
_times = (
    st.sampled_from([*TIMES, *NOT_TIMES, None])
    | st.datetimes(timezones=_offsets).map(datetime.isoformat)
    | st.text("0123456789-:.TZ+ ", max_size=30)
)
_members = st.fixed_dictionaries(
    {"type": st.sampled_from(["view", "share", "VIEW"])},
    optional={
        "post_id": st.integers(-1, 3) | st.none(),
        "post": _ids | st.none(),
        "user_id": st.integers(0, 3) | st.none(),
        "user": _ids | st.none(),
        "event_id": st.sampled_from([ID, ID.upper(), "x", None]),
        "engaged_timestamp": _times,
    },
)
_events = st.one_of(
    st.just(written(event())),
    _members.map(lambda m: json.dumps(m).encode()),
    _members.map(written),
    st.tuples(_members, _times).map(
        # The same name twice: the last one is the event's.
        lambda pair: written(pair[0])[:-1] + b"," + written({"engaged_timestamp": pair[1]})[1:]
    ),
    st.sampled_from([b"7", b"{}", b'{"post":"\\ud83d"}', b'{"post_id":1,"type":"view","x":{}}']),
)


def alone(raw: bytes) -> Draft | str:
    try:
        return decode_draft(raw)
    except InvalidEvent as error:
        return error.code


@given(st.lists(_events, min_size=1, max_size=5))
def test_batch_is_decoded_like_its_events_one_by_one(raws: list[bytes]) -> None:
    batch = decode_drafts(b"[" + b", ".join(raws) + b"]")
    each = [alone(raw) for raw in raws]

    assert batch == (None if any(isinstance(found, str) for found in each) else each)


@given(st.binary(max_size=60))
def test_arbitrary_bytes_are_an_invalid_event(raw: bytes) -> None:
    with pytest.raises(InvalidEvent):
        decode_draft(raw)
