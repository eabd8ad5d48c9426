# treadle on CPUs: preparing data, the quick start, evaluation through a server. In the repository's root:
#
#   docker build -f docker/cpu.Dockerfile -t treadle:cpu .
#   docker run --rm -v treadle-runs:/work/runs -v treadle-hf:/hf treadle:cpu quickstart
FROM python:3.12.11-slim-bookworm AS build
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python3 -m venv /opt/treadle
ENV PATH=/opt/treadle/bin:$PATH
# As `make hashed` does: torch by its version, since its CPU builds have other hashes, and all else to the letter.
RUN pip install --index-url "$TORCH_INDEX" torch==2.13.0
COPY constraints-hashed.txt /src/
RUN pip install --require-hashes --no-deps -r /src/constraints-hashed.txt
COPY pyproject.toml MANIFEST.in README.md LICENSE NOTICE /src/
COPY treadle /src/treadle
RUN pip install --no-deps --no-build-isolation /src && pip check

FROM python:3.12.11-slim-bookworm
RUN useradd --uid 1000 --create-home treadle \
    && mkdir -p /work/runs /hf \
    && chown -R treadle:treadle /work /hf
COPY --from=build /opt/treadle /opt/treadle
ENV PATH=/opt/treadle/bin:$PATH HF_HOME=/hf
USER 1000:1000
WORKDIR /work
VOLUME ["/work/runs", "/hf"]
ENTRYPOINT ["treadle"]
CMD ["--help"]
