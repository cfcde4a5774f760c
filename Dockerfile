# Roundsman in one image: `docker build -t roundsman .`, then docs/container.md.
# A mirror's copy of the same image goes in by --build-arg PYTHON_IMAGE=...
ARG PYTHON_IMAGE=python:3.13-slim-trixie

FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build

# What makes libraries smaller is not shipped, so any version of it will do.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends binutils && rm -r /var/lib/apt/lists/*

# Three environments: one is shipped and never holds pip or a build tool; the others make the wheel and list the parts.
RUN python -m venv --without-pip /opt/roundsman && python -m venv /opt/builder && python -m venv /opt/auditor
COPY requirements.lock requirements-build.lock requirements-audit.lock ./
# The locks are complete: --no-deps leaves a resolver nothing to decide.
RUN python -m pip --python /opt/roundsman install --require-hashes --no-deps --only-binary :all: -r requirements.lock \
    && python -m pip --python /opt/builder install --require-hashes --no-deps --only-binary :all: -r requirements-build.lock \
    && python -m pip --python /opt/auditor install --require-hashes --no-deps --only-binary :all: -r requirements-audit.lock

# A quarter of all that is names for debuggers. In *.libs are copies of system libraries, which have none left.
# Nothing reads what translations and compiled modules were made from.
RUN find /opt/roundsman -name '*.libs' -prune -o -name '*.so' -exec strip --strip-debug {} + \
    && find /opt/roundsman \( -name '*.po' -o -name '*.pyx' -o -name '*.pxd' \) -delete

COPY pyproject.toml README.md LICENSE ./
COPY migrations migrations
COPY service service
RUN /opt/builder/bin/pip wheel --no-deps --no-build-isolation --wheel-dir dist . \
    && python -m pip --python /opt/roundsman install --no-deps --no-index dist/*.whl \
    && python -m pip --python /opt/roundsman check

# Scanners look here. It lists what is in this image, Debian's own packages aside.
RUN mkdir -p /opt/roundsman/share/sbom \
    && /opt/auditor/bin/cyclonedx-py environment /opt/roundsman/bin/python --pyproject pyproject.toml \
        --output-reproducible -o /opt/roundsman/share/sbom/roundsman.cdx.json


FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="Roundsman" \
      org.opencontainers.image.description="Keeps every CircleCI webhook, tells the right people, and can say why." \
      org.opencontainers.image.licenses="MIT"

# Whoever gets in finds nothing to install with. The number is fixed, so that volumes keep their owner.
RUN python -m pip uninstall --yes --root-user-action=ignore pip \
    && rm -r "$(python -c 'import ensurepip; print(*ensurepip.__path__)')" \
    && groupadd --gid 10001 roundsman \
    && useradd --uid 10001 --gid roundsman --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin roundsman \
    && install --directory --owner roundsman --group roundsman --mode 0700 /data

COPY --from=build /opt/roundsman /opt/roundsman

# Every interface of the container's own network: Roundsman then insists on ROUNDSMAN_ADMIN_TOKEN.
ENV PATH=/opt/roundsman/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    ROUNDSMAN_CONFIG=/etc/roundsman/roundsman.yaml \
    ROUNDSMAN_DATABASE_URL=sqlite:////data/roundsman.db \
    ROUNDSMAN_HOST=0.0.0.0 \
    ROUNDSMAN_PORT=8000

USER 10001:10001
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM

# http.client, since urllib would ask a proxy that the environment names. The first start may migrate for a while.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["python", "-c", "\
import http.client, os, sys; \
house = http.client.HTTPConnection('localhost', int(os.environ['ROUNDSMAN_PORT']), timeout=4); \
house.request('GET', '/healthz'); \
sys.exit(house.getresponse().status != 200)"]

ENTRYPOINT ["roundsman"]
CMD ["serve"]
