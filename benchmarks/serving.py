"""Requests per second of `mrcnn serve` on loopback, next to a plain loop, and what else it bears.

    python benchmarks/serving.py [--rounds 5] [--images 8] [--clients 4] [--input 512]
        [--requests 1000] [--requests-input 128]

Three parts, with images of 256 x 256 pixels that differ from each other:

- speed: in turn, `model.detect([image])` in a loop, and the same images as PNGs from several
  clients at a time, which get COCO annotations. The server does not remember images;
- endurance: so many requests to a smaller network, with fewer proposals, and the server's memory
  meanwhile;
- hostile clients: bodies that are no images, slow uploads, and clients that hang up, after which
  the server must answer as before, with as many open files as before.

`--json FILE` also writes the figures there.
"""

import argparse
import contextlib
import http.client
import io
import json
import queue
import re
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
from machine import describe
from PIL import Image

SIDE = 256  # of the images in pixels


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--images", type=int, default=8, help="in a round")
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--input", type=int, default=512, help="side of the network's input")
    parser.add_argument("--requests", type=int, default=1000, help="of the endurance")
    parser.add_argument("--requests-input", type=int, default=128)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    figures = {"machine": describe()}
    print(figures["machine"])
    if options.rounds:
        figures["speed"] = speed(options)
    if options.requests:
        figures["endurance"], figures["hostile"] = endurance(options)
    print(json.dumps(figures))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1))


def settings_of(side):
    """Settings that give the network's input a side."""
    return {
        "IMAGE_RESIZE_MODE": "square",
        "IMAGE_MIN_DIM": side,
        "IMAGE_MAX_DIM": side,
        "IMAGE_MIN_SCALE": 0,
        "DETECTION_MIN_CONFIDENCE": 0.5,
    }


# Of the endurance, where the network matters less than the number of requests.
FEW = ("--set=POST_NMS_ROIS_INFERENCE=100", "--set=DETECTION_MAX_INSTANCES=50")


def image_of(number):
    """uint8 [SIDE, SIDE, 3]: bright discs on noise, another image for each number."""
    rng = np.random.default_rng(number)
    pixels = rng.integers(5, 30, (SIDE, SIDE), dtype=np.uint8)
    ys, xs = np.mgrid[:SIDE, :SIDE]
    for y, x in rng.integers(10, SIDE - 10, (25, 2)):
        pixels[(ys - y) ** 2 + (xs - x) ** 2 < rng.integers(40, 160)] = rng.integers(90, 220)
    return np.stack([pixels] * 3, axis=-1)


def png_of(number):
    out = io.BytesIO()
    Image.fromarray(image_of(number)).save(out, "PNG")
    return out.getvalue()


class Server:
    """`mrcnn serve` in a process of its own."""

    def __init__(self, side, *words):
        given = [f"--set={name}={value}" for name, value in settings_of(side).items()]
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        command = [sys.executable, "-m", "mrcnn", "serve", "--model", "nuclei", "--quiet"]
        command += ["--port", str(self.port), "--cache", "0", *given, *words]
        self.process = subprocess.Popen(command)
        while self.status("/v2/health/ready") != 200:
            time.sleep(0.2)

    def ask(self, path, data=None, connection=None):
        """(status, body) of a request."""
        asked = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        asked.request("GET" if data is None else "POST", path, data)
        answer = asked.getresponse()
        return answer.status, answer.read()

    def status(self, path, data=None):
        with contextlib.suppress(OSError):
            return self.ask(path, data)[0]
        return 0

    def metric(self, name):
        text = self.ask("/metrics")[1].decode()
        return float(re.search(rf"^{name} (\S+)$", text, re.MULTILINE)[1])

    def megabytes(self):
        return self.metric("process_resident_memory_bytes") / 2**20

    def stop(self):
        """End it; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


def load(server, pngs, clients, watch=None):
    """Send images from several clients; returns the seconds of each request, and of all."""
    left, seconds, lock = queue.SimpleQueue(), [], threading.Lock()
    for data in pngs:
        left.put(data)

    def client():
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=300)
        while True:
            try:
                make = left.get_nowait()
            except queue.Empty:
                return
            data = make() if callable(make) else make
            start = time.perf_counter()
            status, body = server.ask("/detect", data, connection)
            took = time.perf_counter() - start
            assert status == 200 and json.loads(body)["categories"], body
            with lock:
                seconds.append(took)
                if watch:
                    watch(len(seconds))

    begin = time.perf_counter()
    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seconds) == len(pngs)
    return seconds, time.perf_counter() - begin


def speed(options):
    """Images per second of the loop and the server, in turn."""
    from mrcnn.mask_rcnn import MaskRCNN

    model = MaskRCNN.load("nuclei", IMAGES_PER_GPU=1, **settings_of(options.input))
    server = Server(options.input)
    numbers = range(options.images)
    images, pngs = [image_of(n) for n in numbers], [png_of(n) for n in numbers]
    model.detect(images[:1])
    load(server, pngs[:2], 1)
    rates, cpu = {"loop": [], "server": []}, {"loop": 0.0, "server": 0.0}
    requests = []
    for _ in range(options.rounds):
        begin, used = time.perf_counter(), time.process_time()
        for image in images:
            model.detect([image])
        rates["loop"].append(options.images / (time.perf_counter() - begin))
        cpu["loop"] += time.process_time() - used
        used = server.metric("process_cpu_seconds_total")
        seconds, whole = load(server, pngs, options.clients)
        rates["server"].append(options.images / whole)
        cpu["server"] += server.metric("process_cpu_seconds_total") - used
        requests += seconds
    alone, _ = load(server, pngs, 1)
    code = server.stop()
    ratios = [s / p for s, p in zip(rates["server"], rates["loop"], strict=True)]
    figures = {
        "input": options.input,
        "clients": options.clients,
        "loop_per_second": round(statistics.median(rates["loop"]), 3),
        "server_per_second": round(statistics.median(rates["server"]), 3),
        "ratio": round(statistics.median(ratios), 3),
        "ratios": [round(ratio, 3) for ratio in ratios],
        # Of a machine that others use, these say more than the clock.
        "cpu_seconds_per_image": {
            way: round(used / options.rounds / options.images, 3) for way, used in cpu.items()
        },
        **percentiles(requests),
        "p50_one_client": round(statistics.median(alone), 3),
        "exit_code": code,
    }
    show("speed", figures)
    return figures


def endurance(options):
    """Memory over many requests, and hostile clients among them."""
    server = Server(options.requests_input, *FEW, "--body-seconds", "2", "--idle-seconds", "3")
    marks, megabytes = [options.requests // 10, options.requests // 2, options.requests], {}

    def watch(count):
        if count in marks:
            megabytes[count] = round(server.megabytes())

    load(server, [png_of(0)] * 4, 2)
    images = [lambda n=n: png_of(n) for n in range(options.requests)]
    seconds, whole = load(server, images, options.clients, watch)
    figures = {
        "input": options.requests_input,
        "requests": options.requests,
        "clients": options.clients,
        "per_second": round(options.requests / whole, 2),
        **percentiles(seconds),
        "megabytes": megabytes,
    }
    show("endurance", figures)
    bad = hostile(server)
    bad["exit_code"] = server.stop()
    show("hostile clients", bad)
    return figures, bad


def hostile(server):
    """What becomes of a server among hostile clients."""
    address = ("127.0.0.1", server.port)
    expected = json.loads(server.ask("/detect", png_of(1))[1])
    files = server.metric("process_open_fds")
    before = server.megabytes()
    statuses = {}
    head = b"POST /detect HTTP/1.1\r\nHost: x\r\nContent-Length: "
    bodies = [b"", b"no image", png_of(1)[:200], bytes(10_000), b"\x89PNG\r\n\x1a\n" + bytes(99)]
    for body in bodies * 20:
        status = server.status("/detect", body)
        statuses[status] = statuses.get(status, 0) + 1
    slow = [socket.create_connection(address) for _ in range(40)]
    for number, client in enumerate(slow):
        client.sendall(head[: 10 + number] if number % 2 else head + b"1000\r\n\r\nabc")
    gone = 0
    for number in range(60):
        with socket.create_connection(address) as client:
            data = png_of(number)
            client.sendall(head + str(len(data)).encode() + b"\r\n\r\n" + data)
            gone += 1
    during, _ = load(server, [png_of(1)] * 10, 2)
    time.sleep(4)  # the slow ones are cut off
    for client in slow:
        client.close()
    time.sleep(0.5)
    return {
        "malformed": statuses,
        "slow": len(slow),
        "hung_up": gone,
        "p50_meanwhile": round(statistics.median(during), 3),
        "same_answer_after": json.loads(server.ask("/detect", png_of(1))[1]) == expected,
        "open_files": [files, server.metric("process_open_fds")],
        "waiting_after": server.metric("mrcnn_images_in_flight"),
        "megabytes": [round(before), round(server.megabytes())],
    }


def percentiles(seconds):
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    return {"p50": round(cuts[49], 3), "p99": round(cuts[98], 3)}


def show(title, figures):
    print(title)
    for name, value in figures.items():
        print(f"  {name:20}{value}")


if __name__ == "__main__":
    main()
