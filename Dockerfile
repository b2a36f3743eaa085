# The image of every service and of the command line; Kafka and PostgreSQL have their own.
ARG PYTHON_IMAGE=python:3.13.18-slim-trixie
FROM ${PYTHON_IMAGE} AS build
WORKDIR /source
RUN python -m venv /opt/engage
ENV PATH=/opt/engage/bin:$PATH PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
# With requirements/archive.lock the refresher can archive: docs/archive.md.
ARG LOCK=requirements/base.lock
COPY requirements/base.lock requirements/archive.lock requirements/build.lock requirements/
RUN pip install --require-hashes -r ${LOCK}
COPY . .
# The build tools are locked by hash too, and are not in the final image.
RUN python -m venv /opt/build \
 && /opt/build/bin/pip install --require-hashes -r requirements/build.lock \
 && /opt/build/bin/python -m hatchling build -t wheel -d /wheels \
 && pip install --no-deps --no-index /wheels/*.whl \
 && PYTHONPATH="$(/opt/build/bin/python -c 'import site; print(site.getsitepackages()[0])')" \
    engage fetch-charts --to /opt/charts \
 && pip uninstall --yes pip

FROM ${PYTHON_IMAGE}
RUN useradd --uid 10001 --no-create-home --home-dir /nonexistent engage \
 && install -d -o engage -g engage -m 0700 /keys /plain-keys /archive
COPY --from=build /opt/engage /opt/engage
COPY --from=build /opt/charts /opt/charts
ENV ENGAGE_CHART_LIBRARY=/opt/charts/uplot-1.6.30.jar
ENV PATH=/opt/engage/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
WORKDIR /
CMD ["engage", "--help"]
