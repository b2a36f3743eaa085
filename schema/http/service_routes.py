"""What every HTTP service answers about itself: is it alive, is it ready, what does it count."""

from fastapi import FastAPI
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import JSONResponse, PlainTextResponse, Response

from schema.http import problems
from schema.http.side_port import Readiness


def add_service_routes(app: FastAPI, not_ready: Readiness) -> None:
    """Add /healthz, /readyz and /metrics; *not_ready* tells why work cannot be done, or None."""

    @app.get("/healthz", tags=["service"])
    async def healthz() -> dict[str, str]:
        """Tell that the process is alive."""
        return {"status": "alive"}

    @app.get("/readyz", tags=["service"], responses=problems.responses([503]))
    async def readyz() -> Response:
        """Tell whether the service can do its work at this moment."""
        if reason := not_ready():
            raise problems.unavailable(reason)
        return JSONResponse({"status": "ready"})

    @app.get(
        "/metrics",
        tags=["service"],
        response_class=PlainTextResponse,
        responses=problems.responses(problems.BEHIND_A_KEY),
    )
    async def metrics() -> Response:
        """Prometheus metrics of this process."""
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
