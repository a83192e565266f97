# A worker of the farm, also `douga clean` on one machine. The network's weights are inside.
#
# For the CPU, with the address of PyTorch's index of CPU builds (without it, gigabytes of CUDA come along unused):
#     docker build -f docker/worker.Dockerfile -t douga-worker:cpu --build-arg TORCH_INDEX=... .
# For NVIDIA GPUs (its libraries come as packages of torch, the driver from the host):
#     docker build -f docker/worker.Dockerfile -t douga-worker:cuda .
#
# One argument names the base, with its digest; deploy/README.md says how to renew it.
ARG PYTHON_IMAGE=docker.io/library/python:3.11.15-slim-bookworm@sha256:d29f48a31a8b408ed19272ca1e7b10ebae13b240a27e862d3d4217c528e2e0c3

# A layer of its own, so that a new Douga does not send torch over the network again.
FROM ${PYTHON_IMAGE} AS libraries
# Where torch's builds lie beside those of PyPI; empty for those of PyPI, which are for CUDA.
ARG TORCH_INDEX=
# Extras of pyproject.toml, separated by spaces, such as: worker otel
ARG EXTRAS=worker
# pip builds the wheel with these versions too. The date is for the times in wheel and bytecode: the same sources
# give the same files.
ENV PIP_CONSTRAINT=/build/constraints.txt PIP_DISABLE_PIP_VERSION_CHECK=1 SOURCE_DATE_EPOCH=315532800
WORKDIR /build
COPY pyproject.toml constraints.txt docker/requirements.py ./
RUN python3 -m venv --without-pip /opt/douga \
 && python3 requirements.py ${EXTRAS} > requirements.txt \
 && python3 -m pip --python /opt/douga/bin/python install --no-cache-dir ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} -r requirements.txt

FROM libraries AS package
COPY README.md LICENSE ./
COPY shared shared
COPY producer producer
COPY worker worker
RUN python3 -m pip wheel --no-cache-dir --no-deps --wheel-dir /wheels . \
 && python3 -m pip --python /opt/douga/bin/python install --no-cache-dir --no-deps --root /package /wheels/*.whl

# The tracer's loops, compiled for any CPU of this kind: nothing is compiled when a worker starts.
FROM libraries AS compiled
COPY --from=package /package/opt/douga /opt/douga
RUN NUMBA_CPU_NAME=generic NUMBA_CACHE_DIR=/compiled /opt/douga/bin/python -B -m douga_worker.strokes.warm_up

# Only copies from here on: a base without a shell will do, if it has the same Python at the same place.
FROM ${PYTHON_IMAGE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="douga-worker" \
      org.opencontainers.image.description="Cleans up rough animation drawings, frame by frame, from a queue" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=libraries /opt/douga /opt/douga
COPY --from=package /package/opt/douga /opt/douga
COPY --from=compiled /compiled /opt/douga/compiled
# Whoever runs it, under whatever number: the one place to write is /tmp, to be mounted.
ENV PATH=/opt/douga/bin:$PATH HOME=/tmp TMPDIR=/tmp USER=douga LANG=C.UTF-8 \
    PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
    NUMBA_CPU_NAME=generic NUMBA_CACHE_DIR=/opt/douga/compiled \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    DOUGA_METRICS_PORT=9464
WORKDIR /data
USER 10001:10001
EXPOSE 9464
STOPSIGNAL SIGTERM
# Alive, not ready: a worker that waits for its store must not be started again.
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 CMD ["/opt/douga/bin/python", "-c", "import http.client, os, sys; port = int(os.environ.get('DOUGA_METRICS_PORT') or 0); farm = http.client.HTTPConnection('127.0.0.1', port, timeout=4); sys.exit(port and (farm.request('GET', '/healthz') or farm.getresponse().status != 200))"]
ENTRYPOINT ["/opt/douga/bin/douga"]
CMD ["worker"]
