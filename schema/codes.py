"""The error codes of all services, which /docs explains."""

from typing import Final

CODES: Final = {
    # Authentication and rate limits.
    "key_required": (
        "The request has no API key, or one that is not valid here: mistyped, revoked, or of"
        " another system. Create one with `engage keys create`."
    ),
    "key_expired": (
        "The API key has expired. Create another one with `engage keys create`, and use it instead."
    ),
    "wrong_scope": (
        "The key is valid, but its scope does not cover this service. Scopes are ingest, read"
        " and admin."
    ),
    "foreign_origin": (
        "The request's Origin is not allowed: it is not one of the service's, or not one that"
        " the key is bound to. Programs need a key that was created without --origin."
    ),
    "retraction_forbidden": (
        "A key that is bound to origins is public: every reader of the page can copy it. It may"
        " not retract events. Use a key that was created without --origin."
    ),
    "dry_run_forbidden": (
        "A dry run with once shows the IDs that once derives, and is not for keys that are bound"
        " to origins. Use a key that was created without --origin."
    ),
    "foreign_host": (
        "The host is not allowed: without API keys, only loopback host names are served."
    ),
    "rate_limited": (
        "Too many requests with this key or from this address. Retry after the seconds in"
        " Retry-After."
    ),
    # The request line, query and headers.
    "not_found": "No resource has this path. GET / lists the endpoints.",
    "method_not_allowed": (
        "The path does not support this method. The Allow header lists those it supports."
    ),
    "malformed_request": "The request is not valid HTTP, is ambiguous, or names no host, or two.",
    "malformed_query": "The query string is not percent-encoded UTF-8, or repeats a parameter.",
    "unknown_parameter": (
        "The query string has a parameter that this path does not know. The detail lists the"
        " known ones."
    ),
    "invalid_parameter": "The value of a parameter is invalid. The detail says why.",
    "unknown_time_zone": (
        "tz is not the name of an IANA time zone, which is case-sensitive, or the time zone data"
        " of PostgreSQL do not have it."
    ),
    "target_too_long": "The request target is longer than 8 KiB.",
    "headers_too_large": "The headers are larger than 32 KiB, or more than 100.",
    "request_too_slow": "The request did not arrive in time.",
    "http_error": "The request failed. The HTTP status has the reason.",
    # The body.
    "unsupported_media_type": (
        "The Content-Type is missing, or not one of those in the Accept header of the response."
    ),
    "unsupported_encoding": "The Content-Encoding is not supported. Use gzip or none.",
    "malformed_gzip": "The body is not one complete gzip member.",
    "malformed_json": (
        "The body, or one event of it, is not JSON in UTF-8, or has half of a surrogate pair."
    ),
    "malformed_body": "The body cannot be read.",
    "invalid_body": "Fields of the body are invalid. The detail names them.",
    "body_too_large": ("The body, after decompression, is larger than this path allows. Split it."),
    "not_an_object": "The body must be one JSON object. Send several events to /events/batch.",
    "not_an_array": "The body must be a JSON array. Send a single event to /events.",
    "empty_batch": "The batch is empty.",
    "too_many_events": "The batch has more than 1,000 events. Split it.",
    "too_many_lines": "The batch has more than 1,000 lines. Split it.",
    # Events.
    "no_valid_event": ("No event of the batch was accepted. The errors array says why, per event."),
    "unknown_field": "The event has an unknown field. The detail lists the known ones.",
    "missing_field": "A required field is missing or null.",
    "invalid_post_id": "post_id must be an integer from 1 to 2^63-1. Use `post` for string IDs.",
    "invalid_user_id": "user_id must be an integer from 1 to 2^63-1. Use `user` for string IDs.",
    "invalid_post": "post must be a string of 1 to 200 characters without control characters.",
    "invalid_user": "user must be a string of 1 to 200 characters without control characters.",
    "ambiguous_post": "The event has both post_id and post. Give one of them.",
    "ambiguous_user": "The event has both user_id and user. Give one of them.",
    "invalid_type": "type must be view, like, comment or share.",
    "invalid_event_id": "event_id must be a UUID other than the nil and the max UUID.",
    "invalid_engaged_timestamp": (
        "engaged_timestamp must be an RFC 3339 date-time with an offset."
    ),
    "timestamp_required": (
        "An event_id that is not version 7 contains no time. Send engaged_timestamp with it, so"
        " that a retry has the same time."
    ),
    "timestamp_too_old": "The event is older than the retention period (ENGAGE_RETENTION_DAYS).",
    "timestamp_in_future": (
        "The event's time is ahead of its receipt by more than ENGAGE_FUTURE_TOLERANCE_SECONDS."
        " Check the client's clock."
    ),
    "event_too_large": "The event is larger than 64 KiB.",
    "invalid_cloudevent": "An attribute of the CloudEvent is missing or malformed.",
    "timestamp_too_old_for_public_key": (
        "The event is older than a key that is bound to origins may send"
        " (ENGAGE_PUBLIC_KEY_MAX_AGE_SECONDS). Send it with a key that was created without"
        " --origin."
    ),
    "invalid_once": ("The value of once is malformed or out of bounds. The detail has both forms."),
    "invalid_dry_run": "dry_run must be 1 or 0. Nothing was stored.",
    # The catalogue.
    "invalid_kind": "kind must be author, post or user.",
    "invalid_id": "id must be an integer from 1 to 2^63-1 or a string of 1 to 200 characters.",
    "invalid_content": "Fields of the line are invalid. The detail names them.",
    "unknown_author": "The catalogue has no such author. Create the author before the post.",
    "unknown_post": "The catalogue has no such post.",
    "unknown_user": "The catalogue has no such user.",
    "unknown_query": "No SQL file has this name.",
    "author_has_posts": (
        "The author has posts. Delete them or assign them to another author first."
    ),
    "external_id_taken": "Another author, post or user has this external ID.",
    "external_id_mismatch": "external_id differs from the ID in the URL or the line.",
    "user_erased": "The user was erased and cannot be created again under this ID.",
    # Errors of the service.
    "once_unavailable": (
        "The service has no secret to derive event IDs with (ENGAGE_DERIVED_ID_SECRET). Its"
        " operator must set one. Retry after the seconds in Retry-After; nothing was stored."
    ),
    "unavailable": (
        "Kafka is unavailable, or did not acknowledge the events in time. Retry the same request"
        " after the seconds in Retry-After. Events keep their IDs, so none is counted twice."
    ),
    "too_many_in_flight": (
        "More events than ENGAGE_MAX_IN_FLIGHT_EVENTS await Kafka's acknowledgement. Nothing was"
        " stored. Retry after the seconds in Retry-After."
    ),
    "too_many_bodies": (
        "The process holds too many bytes of request bodies (ENGAGE_MAX_BUFFERED_BODY_BYTES)."
        " Nothing was stored. Retry after the seconds in Retry-After."
    ),
    "not_ready": "The service cannot do its work at the moment. The detail says why.",
    "database_unavailable": ("PostgreSQL does not answer. Retry after the seconds in Retry-After."),
    "stats_view_empty": (
        "The stats view has not been refreshed yet. Retry after the seconds in Retry-After; if it"
        " stays, check that the refresher runs."
    ),
    "report_timeout": (
        "The report's query took longer than ENGAGE_STATEMENT_TIMEOUT_SECONDS, or the replica"
        " cancelled it. Retry after the seconds in Retry-After, or ask for a shorter period."
    ),
    "report_pending": (
        "The report is still being computed. Retry the same request after the seconds in"
        " Retry-After."
    ),
    "reports_busy": (
        "Too many reports are running or waiting in this process. Retry after the seconds in"
        " Retry-After."
    ),
    "too_many_reports": (
        "Too many reports of this API key are running or waiting (ENGAGE_QUERIES_PER_KEY). Retry"
        " after the seconds in Retry-After."
    ),
    "too_many_streams": (
        "The process has reached its maximum of open streams (ENGAGE_LIVE_CLIENTS). Poll the"
        " same address for JSON, or retry after the seconds in Retry-After."
    ),
    "internal_error": "Internal error. See the service log for this X-Request-Id.",
}
