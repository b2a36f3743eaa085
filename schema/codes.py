"""What the ``code`` of a problem means, and what to do about it; each service shows it at /docs."""

from typing import Final

CODES: Final = {
    # Who may ask, and how often.
    "key_required": "No key came along, or one that is not in force here: mistyped, revoked, or of"
    " another system. `engage keys create` makes one.",
    "wrong_scope": "The key is good, but for another service: ingest, read and admin are apart.",
    "foreign_origin": "The request's Origin is none of those that may ask, or the key is bound to"
    " the origins of pages and the request has another Origin or none. Programs take a key that was"
    " made without --origin.",
    "foreign_host": "A service without keys answers names of its own machine alone.",
    "rate_limited": "Too many requests of this key, or from this address: come again after"
    " Retry-After seconds.",
    # What a request looks like.
    "not_found": "There is nothing at this path; GET / lists what there is.",
    "method_not_allowed": "The path takes other methods: the Allow header names them.",
    "malformed_request": "This is no HTTP request, or one that two parsers could read differently.",
    "malformed_query": "The query is not percent-encoded UTF-8, or gives a parameter twice.",
    "unknown_parameter": "The query has a parameter that this path does not know, such as one with"
    " a typing error. The detail names those that it knows.",
    "invalid_parameter": "A parameter's value cannot be used; the detail says why.",
    "target_too_long": "The request target is over 8 KiB.",
    "headers_too_large": "The headers are over 32 KiB.",
    "request_too_slow": "The request did not arrive in time.",
    "http_error": "The request cannot be answered; the status says more.",
    # What a body looks like.
    "unsupported_media_type": "The Content-Type is missing, or none of those in the Accept header.",
    "unsupported_encoding": "A body may be packed with gzip alone.",
    "malformed_gzip": "The body is not one whole gzip member.",
    "malformed_json": "The body, or a line of it, is not JSON in UTF-8.",
    "malformed_body": "The body cannot be read.",
    "invalid_body": "Fields of the body are wrong; the detail names them.",
    "body_too_large": "The body, inflated, is larger than this path takes: send less at once.",
    "not_an_object": "Expected one JSON object. Several events go to /events/batch.",
    "not_an_array": "Expected a JSON array. A single event goes to /events.",
    "empty_batch": "The batch has nothing in it.",
    "too_many_events": "A batch has 1,000 events at most.",
    "too_many_lines": "A batch has 1,000 lines at most.",
    # What an event says.
    "no_valid_event": "No event of the batch was accepted; errors says why, event by event.",
    "unknown_field": "An event has no such field; the detail names those it has.",
    "missing_field": "A required field is not there, or null.",
    "invalid_post_id": "post_id is no integer from 1 to 2^63-1. An id that is a text goes into"
    " post.",
    "invalid_user_id": "user_id is no integer from 1 to 2^63-1. An id that is a text goes into"
    " user.",
    "invalid_post": "post is no text of 1 to 200 characters without control characters.",
    "invalid_user": "user is no text of 1 to 200 characters without control characters.",
    "ambiguous_post": "post_id and post are both given: one of them.",
    "ambiguous_user": "user_id and user are both given: one of them.",
    "invalid_type": "type is none of view, like, comment and share.",
    "invalid_event_id": "event_id is no UUID, or the nil or max one, which identify nothing.",
    "invalid_engaged_timestamp": "engaged_timestamp is no RFC 3339 date-time with an offset.",
    "timestamp_required": "An event_id that is not version 7 carries no time: give"
    " engaged_timestamp with it, so that a retry has the same.",
    "timestamp_too_old": "The event happened before the days that are kept"
    " (ENGAGE_RETENTION_DAYS).",
    "timestamp_in_future": "The event's time is ahead of its receipt by more than"
    " ENGAGE_FUTURE_TOLERANCE_SECONDS: a clock is wrong.",
    "event_too_large": "An event has 64 KiB at most.",
    "invalid_cloudevent": "An attribute of the CloudEvent is missing or malformed.",
    "invalid_once": "once cannot be read, or is out of its bounds; the detail has both.",
    "invalid_dry_run": "dry_run is neither 1 nor 0; nothing was stored.",
    # What the catalogue says.
    "invalid_kind": "kind is none of author, post and user.",
    "invalid_id": "id is neither an integer from 1 to 2^63-1 nor a text of 1 to 200 characters.",
    "invalid_content": "Fields of the line are wrong; the detail names them.",
    "unknown_author": "There is no such author. A post's author is put before the post.",
    "unknown_post": "The catalogue has no such post.",
    "unknown_user": "The catalogue has no such user.",
    "unknown_question": "There is no SQL file of this name.",
    "author_has_posts": "The author has posts: delete them, or give them another author, first.",
    "external_id_taken": "Another author, post or user has this external id.",
    "external_id_mismatch": "external_id differs from the id in the URL or the line.",
    "user_erased": "The user was erased for good and does not come back under this id.",
    # What is not the client's fault.
    "unavailable": "Kafka or PostgreSQL is away, or too much waits: send the same again after"
    " Retry-After seconds. Events keep their ids, so nothing counts twice.",
    "too_many_streams": "As many streams are open as this process keeps (ENGAGE_LIVE_CLIENTS): poll"
    " the same address for JSON, or come again after Retry-After seconds.",
    "internal_error": "Something broke here; the log has the request's id.",
}
