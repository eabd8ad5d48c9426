# treadle on NVIDIA GPUs, with vLLM. The wheels bring CUDA 13; the host has its driver and the NVIDIA Container Toolkit.
# In the repository's root:
#
#   docker build -f docker/cuda.Dockerfile -t treadle:cuda .
#   docker run --rm --gpus all --shm-size 16g -v treadle-runs:/work/runs -v treadle-hf:/hf -v "$PWD:/work/mine:ro" \
#       treadle:cuda train mine/recipe.yaml
FROM python:3.12.11-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python3 -m venv /opt/treadle
ENV PATH=/opt/treadle/bin:$PATH
# Not constraints-hashed.txt: vLLM asks for other versions of fastapi, huggingface_hub, numpy and transformers.
COPY docker/vllm-hashed.txt /src/docker/
RUN pip install --require-hashes --no-deps -r /src/docker/vllm-hashed.txt
COPY pyproject.toml MANIFEST.in README.md LICENSE NOTICE /src/
COPY treadle /src/treadle
RUN pip install --no-deps --no-build-isolation /src

FROM python:3.12.11-slim-bookworm
# Triton compiles its launchers when it runs. Debian keeps no old versions to pin.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --uid 1000 --create-home treadle \
    && mkdir -p /work/runs /hf \
    && chown -R treadle:treadle /work /hf
COPY --from=build /opt/treadle /opt/treadle
ENV PATH=/opt/treadle/bin:$PATH HF_HOME=/hf NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
USER 1000:1000
WORKDIR /work
VOLUME ["/work/runs", "/hf"]
ENTRYPOINT ["treadle"]
CMD ["--help"]
