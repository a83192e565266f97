# The light client of the farm: submit, status, fetch, watch, reconcile, exporter. No torch, no OpenCV.
#
#     docker build -f docker/producer.Dockerfile -t douga-producer .
#
# One argument names the base, with its digest; deploy/README.md says how to renew it.
ARG PYTHON_IMAGE=docker.io/library/python:3.11.15-slim-bookworm@sha256:d29f48a31a8b408ed19272ca1e7b10ebae13b240a27e862d3d4217c528e2e0c3

# A layer of its own, so that a new Douga does not send the libraries over the network again.
FROM ${PYTHON_IMAGE} AS libraries
# Extras of pyproject.toml, separated by spaces, such as: otel
ARG EXTRAS=
# pip builds the wheel with these versions too. The date is for the times in wheel and bytecode: the same sources
# give the same files.
ENV PIP_CONSTRAINT=/build/constraints.txt PIP_DISABLE_PIP_VERSION_CHECK=1 SOURCE_DATE_EPOCH=315532800
WORKDIR /build
COPY pyproject.toml constraints.txt docker/requirements.py ./
RUN python3 -m venv --without-pip /opt/douga \
 && python3 requirements.py ${EXTRAS} > requirements.txt \
 && python3 -m pip --python /opt/douga/bin/python install --no-cache-dir -r requirements.txt

FROM libraries AS package
COPY README.md LICENSE ./
COPY shared shared
COPY producer producer
COPY worker worker
RUN python3 -m pip wheel --no-cache-dir --no-deps --wheel-dir /wheels . \
 && python3 -m pip --python /opt/douga/bin/python install --no-cache-dir --no-deps --root /package /wheels/*.whl

# Only copies from here on: a base without a shell will do, if it has the same Python at the same place.
FROM ${PYTHON_IMAGE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="douga-producer" \
      org.opencontainers.image.description="Sends rough animation drawings to a farm that cleans them up" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=libraries /opt/douga /opt/douga
COPY --from=package /package/opt/douga /opt/douga
# Whoever runs it, under whatever number: the one place to write is /tmp, to be mounted.
ENV PATH=/opt/douga/bin:$PATH HOME=/tmp TMPDIR=/tmp USER=douga LANG=C.UTF-8 \
    PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /data
USER 10001:10001
STOPSIGNAL SIGTERM
# What serves no metrics is well while it runs.
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 CMD ["/opt/douga/bin/python", "-c", "import http.client, os, sys; port = int(os.environ.get('DOUGA_METRICS_PORT') or 0); farm = http.client.HTTPConnection('127.0.0.1', port, timeout=4); sys.exit(port and (farm.request('GET', '/healthz') or farm.getresponse().status != 200))"]
ENTRYPOINT ["/opt/douga/bin/douga"]
CMD ["--help"]
