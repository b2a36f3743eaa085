"""The setting that says where articles are."""

import pytest
from pydantic import ValidationError

from analytics_api.settings import ApiSettings


@pytest.mark.parametrize(
    "template",
    [
        "https://news.example/{external_id}",
        "http://localhost:3000/?p={post_id}&id={external_id}#top",
        "https://[::1]/{post_id}",
    ],
)
def test_template_with_placeholders_after_the_host_is_accepted(template: str) -> None:
    assert ApiSettings(post_url=template).post_url == template


@pytest.mark.parametrize(
    "template",
    [
        "javascript:alert({post_id})",
        "//news.example/{post_id}",
        "https:///{post_id}",
        "https://{external_id}.example/",
        "https://news.example{external_id}",
        "https://user@news.example/{post_id}",
        "https://news.example:port{post_id}/",
        "https://news.example/latest",
        "https://news.example/{post_id}/{slug}",
        "https://news.example/{post_id}{",
        "https://news.example\\{post_id}",
        "https://news.example/{post_id} ",
        "https://news.example/\u00fc/{post_id}",
        "https://[::1/{post_id}",
    ],
)
def test_template_that_is_no_address_of_a_post_is_rejected(template: str) -> None:
    with pytest.raises(ValidationError, match="post_url"):
        ApiSettings(post_url=template)


def test_without_a_template_there_are_no_addresses() -> None:
    assert ApiSettings().post_url is None
    assert ApiSettings(post_url="").post_url is None
