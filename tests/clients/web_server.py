"""A web server written for TensorFlow 1: one model, its graph, and a thread for each request."""

import io
import json
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import skimage.io
import tensorflow as tf
from tiny import COLOURS, TinyConfig, shapes, spread

from mrcnn import model as modellib


class InferenceConfig(TinyConfig):
    NAME = "server"
    GPU_COUNT = 1
    IMAGES_PER_GPU = 1


model = modellib.MaskRCNN(mode="inference", model_dir="logs", config=InferenceConfig())
spread(model.keras_model)
model.keras_model.save_weights("mask_rcnn_server.h5")
model.load_weights("mask_rcnn_server.h5", by_name=True)
model.keras_model._make_predict_function()
graph = tf.compat.v1.get_default_graph()
class_names = ["BG", *map(str, COLOURS)]


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        image = skimage.io.imread(io.BytesIO(body))
        with graph.as_default():
            r = model.detect([image], verbose=0)[0]
        answer = [
            {"box": box.tolist(), "name": class_names[class_id], "score": float(score)}
            for box, class_id, score in zip(r["rois"], r["class_ids"], r["scores"], strict=True)
        ]
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *args):
        pass


def ask(image, answers, index):
    png = io.BytesIO()
    skimage.io.imsave(png, image, extension=".png", check_contrast=False)
    url = f"http://127.0.0.1:{server.server_port}/detect"
    with urllib.request.urlopen(url, data=png.getvalue(), timeout=120) as answer:
        answers[index] = json.load(answer)


images = [image for image, _, _ in shapes(4)]
alone = [model.detect([image])[0] for image in images]
assert sum(len(r["rois"]) for r in alone) > 0
server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
try:
    answers = [None] * len(images)
    threads = [
        threading.Thread(target=ask, args=(image, answers, index))
        for index, image in enumerate(images)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
finally:
    server.shutdown()
    server.server_close()
for r, answer in zip(alone, answers, strict=True):
    assert [each["box"] for each in answer] == r["rois"].tolist()
    np.testing.assert_allclose([each["score"] for each in answer], r["scores"], rtol=1e-5)
