# A server that finds objects in images: a page for the browser, and an interface for programs.
#
#   docker build -t mrcnn .
#   docker run --rm -p 127.0.0.1:8000:8000 mrcnn
#
# For a GPU, with the NVIDIA container toolkit on the host:
#
#   docker build -t mrcnn-gpu --build-arg TENSORFLOW="tensorflow[and-cuda]" .
#   docker run --rm --gpus all -p 127.0.0.1:8000:8000 mrcnn-gpu
#
# Whoever reaches the port can use the server. For other machines, publish it as -p 8000:8000 and
# set a token: -e MRCNN_TOKEN=... A model of your own, and other options:
#
#   docker run --rm -p 127.0.0.1:8000:8000 -v ./best.h5:/models/best.h5:ro mrcnn \
#       mrcnn serve --host 0.0.0.0 --model /models/best.h5
FROM python:3.12-slim

ARG TENSORFLOW=tensorflow
ENV PYTHONUNBUFFERED=1

WORKDIR /build
COPY . .
RUN python -m pip install --no-cache-dir "${TENSORFLOW}" ".[serve,huge]"
RUN useradd --create-home mrcnn

USER mrcnn
WORKDIR /home/mrcnn
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=120s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/v2/health/ready', timeout=4)"]
CMD ["mrcnn", "serve", "--host", "0.0.0.0", "--port", "8000", "--model", "nuclei"]
