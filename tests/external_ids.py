"""External IDs that look like numbers, escapes or other formats, which must be kept unchanged."""

from typing import Final

EXTERNAL_IDS: Final = (
    "10.1371/journal.pone.0123456", "10.1371/journal.pone.0123457", "x.1234567Z", ".123456789",
    "2026-01-01T00:00:00.123456789Z", "2026-01-01T00:00:00+0530", "a+0000", "a-0000",
    "best-phones-2024", 'best-phones-2024"', "42", "007", "9223372036854775808",
    'quote"quote', "'single'", '"quoted"', "back\\slash", "trailing\\", "\\u0041",
    "a/b//c", "../..", "?a=b&c=d#e", "100%", "100%25", "%00", "a+b", "a b", " a ", "a,b;c",
    "=1+1", "'=1+1", "@name", '","user":"x', '"post_id":7', "{}],", "null",
    "\u00e9", "e\u0301", "\u1e9b\u0323", "\U0001f44d\U0001f3fd",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\u05e9\u05dc\u05d5\u05dd", "\u202eabc\u202c",
    "\ufeffbom", "\ufffd", "\u0085\u2028\u2029", "\u4e16\u754c", "x" * 200, "\U0001f44d" * 200,
)  # fmt: skip
"""All are different IDs, and none may be changed into another one."""

NOT_EXTERNAL_IDS: Final = ("", "a\0b", "\0", "a\tb", "a\nb", "a\x7f", "x" * 201, "\U0001f44d" * 201)
"""Invalid: empty, with control characters, or too long."""
