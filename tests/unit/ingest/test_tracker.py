"""The script as it is served."""

import gzip

from ingest_service.browser import MAX_PACKED_BYTES, load


def test_the_tracker_fits_into_a_kilobyte_and_a_half() -> None:
    script = load()

    assert len(gzip.compress(script.plain, 9)) <= MAX_PACKED_BYTES
    assert gzip.decompress(script.packed) == script.plain


def test_no_comment_and_no_needless_space_is_served() -> None:
    lines = load().plain.decode().splitlines()

    assert not any(line.startswith("//") or line != line.strip() for line in lines)


def test_the_tag_is_that_of_the_content() -> None:
    assert load() == load()
    assert load().etag.strip('"').isalnum()
