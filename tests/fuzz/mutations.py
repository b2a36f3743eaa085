"""Small damage to requests. The same random numbers do the same damage."""

import re
from dataclasses import replace
from random import Random

from tests.fuzz.seeds import Request

CANARY = "zq7canary"
"""A part of requests that no error response and no log may contain."""

_METHODS = ("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE")
_HOSTILE_JSON = (
    *("null", "true", "0", "-0", "-1", "1.0", "1e2", "1e400", "-1e400", "1E999999", "0x10"),
    *("9223372036854775807", "9223372036854775808", "-9223372036854775808", "1" * 400),
    *("NaN", "Infinity", "-Infinity", "[]", "{}", "[[1]]", '""', '" "', '"1"', '"1_0"', '"٣"'),
    *('"\\ud800"', '"\\udfff\\ud800"', '"\\u0000"', '"a\\u0000b"', '"\\uffff"', '"\\ufeff"'),
    *('"\u202e"', '"e\u0301"', '"\U0001f600"', '"\\ud83d\\ude00"', '"\x7f"', '"\x01"'),
    *('"VIEW"', '"view "', '"like"', '"comment"', '"share"', f'"{CANARY}"', f'{{"{CANARY}":1}}'),
    *('"2026-01-01"', '"now"', '"infinity"', '"0000-01-01T00:00:00Z"', "1767225600"),
    *('"0001-01-01T00:00:00+14:00"', '"9999-12-31T23:59:59-14:00"', '"10000-01-01T00:00:00Z"'),
    *('"2016-12-31T23:59:60Z"', '"2026-02-30T00:00:00Z"', '"2026-01-01T24:00:00Z"'),
    *('"2026-01-01T00:00:00"', '"2026-01-01T00:00:00+2500"', '"2026-01-01T00:00:00.1234567891Z"'),
    *('"00000000-0000-0000-0000-000000000000"', '"ffffffff-ffff-ffff-ffff-ffffffffffff"'),
    *('"ffffffff-ffff-7fff-bfff-ffffffffffff"', '"{b6d9a6f0-0000-4000-8000-000000000000}"'),
    *("'; DROP TABLE engagements; --", '"\'; DROP TABLE engagements; --"', '"<script>"', '"=1+1"'),
    "[" * 2000 + "]" * 2000,
    '{"a":' * 500 + "1" + "}" * 500,
    '"' + "x" * 200 + '"',
    '"' + "x" * 201 + '"',
    '"' + "ü" * 40_000 + '"',
)
_TOKENS = (
    *(b"\x00", b"\xff", b"\xed\xa0\x80", b"\xc0\xaf", b"\xef\xbb\xbf", b"\\ud800", b"\\u0000"),
    *(b"{", b"}", b"[", b"]", b'"', b"\\", b",", b":", b"\n", b"\r\n", b"/**/", b"'", b"NaN"),
    *(b"null", b"-", b"e9", b"%00", b"%", b"%ff", b"%ed%a0%80", b"&", b"=", b"+", b"..", b"//"),
    CANARY.encode(),
)
_HOSTILE_QUERIES = (
    *(b"limit=0", b"limit=-1", b"limit=1e1", b"limit=1_0", b"limit=9223372036854775808"),
    *(b"limit=" + b"9" * 300, b"limit=%D9%A1", b"limit=", b"limit", b"limit=1&limit=2"),
    *(b"period=7d%00", b"period=%ff", b"period=infinity", b"metric=posts%0d%0aX-A:1"),
    *(b"tz=UTC%27", b"tz=%00", b"tz=../../etc/passwd", b"tz=/etc/localtime", b"tz=" + b"a" * 999),
    *(b"format=xml", b"format=csv&format=json", b"once=view:0m", b"once=view:" + b"9" * 9),
    *(b"once=%ff", b"dry_run=1", b"dry_run=2", b"dry_run=1&dry_run=1", b"key=", b"key=eng_a_b_c"),
    *(b"post_id=1", b"post_id=%00", b"type=view&type=view", b"user=%ed%a0%80", b"%", b"%zz", b"&"),
    *(b"start=9995-01-01&end=9999-12-31", b"start=0001-01-01", b"end=2026-01-01", b"start=1e3"),
    *(b"start=1767225600", b"start=2026-02-30", b"category=%00", b"tag=a%00b", b"tag=%ed%a0%80"),
    *(b"tag=%25_", b"author=0", b"author=%D9%A1", b"post=9223372036854775808", b"promoted=2"),
    *(b"after=", b"after=x", b"after=%00", b"after=AAAA", b"after=W10", b"after=" + b"e30" * 300),
    *(b"after=WzEsMl0=", b"after=WzFlNDAwLCJcdTAwMDAiXQ==", b"hours=0", b"hours=721", b"by=tag"),
    *(CANARY.encode() + b"=1", b"a=" + CANARY.encode(), b";", b"a[]=1", b"=" * 50),
)
_HOSTILE_PATHS = (
    *(b"/engagement/0", b"/engagement/1.0", b"/engagement/1_0", b"/engagement/%201"),
    *(b"/engagement/9223372036854775807", b"/engagement/9223372036854775808", b"/engagement/%00"),
    *(b"/engagement/%D9%A1", b"/engagement/%ff", b"/engagement/", b"/engagement//1", b"//"),
    *(b"/author/-1/trends", b"/author/1%2ftrends", b"/author/" + b"9" * 4000 + b"/trends"),
    *(b"/static/../app.py", b"/static/%2e%2e/app.py", b"/static/%00", b"/static//etc/passwd"),
    *(b"/static", b"/healthz/", b"/events/", b"/events/batch/", b"/schemas/" + CANARY.encode()),
    *(b"/" + CANARY.encode(), b"/" + b"a" * 9000, b"/%", b"/schemas/..%2f", b"/docs/x"),
)
_HOSTILE_HEADERS = (
    (b"content-type", b"application/json; charset=utf-16"),
    (b"content-type", b"multipart/form-data; boundary=x"),
    (b"content-type", b"application/x-www-form-urlencoded"),
    (b"content-type", b"application/x-ndjson"),
    (b"content-type", b"application/cloudevents+json"),
    (b"content-type", b"\xff;;;="),
    (b"content-type", b""),
    (b"content-encoding", b"gzip"),
    (b"content-encoding", b"gzip, gzip"),
    (b"content-encoding", b"deflate"),
    (b"content-encoding", b"br"),
    (b"accept", b"text/csv;q=\xff, */*;q=2"),
    (b"accept", b"," * 500),
    (b"accept-encoding", b"gzip;q=nan"),
    (b"if-none-match", b'"' * 99),
    (b"if-none-match", b"*"),
    (b"if-modified-since", b"now"),
    (b"range", b"bytes=" + b"0-," * 900),
    (b"host", b"evil/../x?y#z"),
    (b"host", CANARY.encode() + b".example"),
    (b"origin", b"https://" + CANARY.encode() + b".example"),
    (b"origin", b"null"),
    (b"origin", b"\xff"),
    (b"access-control-request-method", b"POST"),
    (b"x-forwarded-for", b"1.1.1.1, [::1]:1, \xff"),
    (b"user-agent", b"\xff" * 300),
    (b"user-agent", b"somebot"),
    (b"referer", b"http://[::1"),
    (b"authorization", b"Bearer eng_ingest_" + CANARY.encode() + b"_x"),
    (b"authorization", b"Basic \xff"),
    (b"authorization", b"Bearer \xc3\xbc"),
    (b"ce-specversion", b"1.0"),
    (b"ce-specversion", b"9"),
    (b"ce-id", b"%ff%00"),
    (b"ce-time", b"0001-01-01T00:00:00+14:00"),
    (b"ce-type", b"\xed\xa0\x80"),
    (b"x-long", b"a" * 40_000),
    (b"expect", b"100-continue"),
)
_NOT_IN_HEADERS = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")


def mutate(request: Request, random: Random) -> Request:
    """Return the request with one to four kinds of damage done to it, or none at all."""
    if random.random() < 0.05:
        return request
    for _ in range(random.choice((1, 1, 1, 2, 2, 3, 4))):
        request = random.choice(_KINDS if request.body else _WITHOUT_BODY)(request, random)
    return request


def damage(raw: bytes, random: Random) -> bytes:
    """Return the bytes with one place in them changed."""
    if not raw:
        return random.choice(_TOKENS)
    at = random.randrange(len(raw))
    end = min(len(raw), at + random.randint(1, 16))
    return random.choice(
        (
            lambda: raw[:at] + bytes([raw[at] ^ (1 << random.randrange(8))]) + raw[at + 1 :],
            lambda: raw[:at] + raw[end:],
            lambda: raw[:end] + raw[at:],
            lambda: raw[:at],
            lambda: raw[:at] + random.choice(_TOKENS) + raw[at:],
            lambda: raw[:at] + random.choice(_TOKENS) + raw[end:],
            lambda: raw[:at] + random.randbytes(random.randint(1, 8)) + raw[at:],
        )
    )()


def _damage_body(request: Request, random: Random) -> Request:
    return request.with_body(damage(request.body, random))


def _another_value(request: Request, random: Random) -> Request:
    """Replace a value by a hostile one."""
    values = list(re.finditer(rb'(?<=:)\s*("[^"\\]*"|-?\d+|null)', request.body))
    if not values:
        return _damage_body(request, random)
    found = random.choice(values)
    raw = random.choice(_HOSTILE_JSON).encode("utf-8", "surrogatepass")
    return request.with_body(request.body[: found.start()] + raw + request.body[found.end() :])


def _another_member(request: Request, random: Random) -> Request:
    names = ("post_id", "post", "user", "event_id", "type", "received_timestamp", "data", CANARY)
    member = f'"{random.choice(names)}":{random.choice(_HOSTILE_JSON)},'.encode()
    return request.with_body(request.body.replace(b"{", b"{" + member, 1))


def _without_member(request: Request, random: Random) -> Request:
    members = list(re.finditer(rb'"\w+":\s*("[^"\\]*"|-?\d+|null),?\s*', request.body))
    if not members:
        return _damage_body(request, random)
    found = random.choice(members)
    return request.with_body(request.body[: found.start()] + request.body[found.end() :])


def _repeated_body(request: Request, random: Random) -> Request:
    between = random.choice((b"", b",", b"\n", b"\r\n\r\n"))
    times = random.choice((2, 3, 500, 1500))
    whole = between.join([request.body] * times)[:1_200_000]
    return request.with_body(random.choice((whole, b"[" + whole + b"]")))


def _another_method(request: Request, random: Random) -> Request:
    return replace(request, method=random.choice(_METHODS))


def _another_query(request: Request, random: Random) -> Request:
    if request.query and random.random() < 0.5:
        return replace(request, query=_sendable(damage(request.query, random)))
    parts = [part for part in (request.query, random.choice(_HOSTILE_QUERIES)) if part]
    return replace(request, query=b"&".join(parts[-random.randint(1, 2) :]))


def _another_path(request: Request, random: Random) -> Request:
    if random.random() < 0.5:
        return replace(request, target=random.choice(_HOSTILE_PATHS))
    return replace(request, target=b"/" + _sendable(damage(request.target[1:], random)))


def _another_header(request: Request, random: Random) -> Request:
    headers = list(request.headers)
    if headers and random.random() < 0.4:
        at = random.randrange(len(headers))
        name, value = headers.pop(at)
        if random.random() < 0.7:
            headers.insert(at, (name, _NOT_IN_HEADERS.sub(b"", damage(value, random))))
    else:
        headers.insert(random.randint(0, len(headers)), random.choice(_HOSTILE_HEADERS))
    return replace(request, headers=tuple(headers))


def _sendable(target: bytes) -> bytes:
    """Escape bytes that no parser accepts in a target."""
    return re.sub(rb"[^!-~]|[#?]", lambda found: b"%%%02x" % found[0][0], target)


_WITHOUT_BODY = (
    *(_another_query,) * 3,
    *(_another_path,) * 3,
    *(_another_header,) * 2,
    _another_method,
)
_KINDS = (
    *(_damage_body,) * 6,
    *(_another_value,) * 8,
    *(_another_member,) * 3,
    *(_without_member,) * 2,
    _repeated_body,
    *(_another_header,) * 3,
    _another_query,
    _another_path,
    _another_method,
)
